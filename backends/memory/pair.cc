#include "backends/memory/pair.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace windhover::backends::memory {
namespace {

namespace base = stack::base;
namespace link = stack::link;

constexpr std::uint32_t kSuperFrameMax = 65535;
constexpr std::uint32_t kHeadroom = 128;  // The stack prepends its headers: link, IPv6 and TCP with all options fit.
constexpr std::uint32_t kLinkHeaderMax = 18;
constexpr std::uint32_t kCacheLine = 64;

std::uint32_t frame_size(std::uint32_t packet_size) {
  return (kHeadroom + kLinkHeaderMax + packet_size + kCacheLine - 1) / kCacheLine * kCacheLine;
}

link::Caps make_caps(const Config& config) {
  link::Caps caps;
  caps.medium = config.medium;
  caps.mtu = config.mtu;
  caps.receive_partial_checksum = caps.transmit_checksum = config.partial_checksum || config.gso;
  caps.transmit_gso = config.gso;
  caps.gso_size_max = config.gso ? kSuperFrameMax : 0;
  caps.gather = config.gather;
  return caps;
}

std::uint32_t largest_packet(const Config& config) { return config.gso ? kSuperFrameMax : config.mtu; }

link::ArenaShape transmit_shape(const Config& config) {
  // With gather, a super-frame's payload is attached, and the linear bytes never exceed an ordinary packet.
  const std::uint32_t packet_size = config.gather ? config.mtu : largest_packet(config);
  return {config.transmit_frames, frame_size(packet_size), kHeadroom, config.gather};
}

link::ArenaShape receive_shape(const Config& config) {
  return {config.gather ? config.receive_frames : 0, frame_size(largest_packet(config)), kHeadroom, false};
}

/// A bounded queue of frames on their way to one end.
class Ring {
 public:
  explicit Ring(std::size_t capacity) : slots_(capacity) {}

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == slots_.size(); }
  void push(link::Frame frame) {
    const std::size_t at = head_ + count_;
    slots_[at < slots_.size() ? at : at - slots_.size()] = std::move(frame);
    ++count_;
  }
  link::Frame pop() {
    link::Frame frame = std::move(slots_[head_]);
    if (++head_ == slots_.size()) head_ = 0;
    --count_;
    return frame;
  }

 private:
  std::vector<link::Frame> slots_;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

class Pair::End : public link::Device {
 public:
  End(const Config& config, std::string_view name)
      : name_(name),
        caps_(make_caps(config)),
        arena_(transmit_shape(config)),
        linear_copies_(receive_shape(config)),
        incoming_(config.ring_frames) {
    CHECK(config.ring_frames > 0);
  }

  void join(End& peer) { peer_ = &peer; }
  /// Lets go of what is in flight, so that it returns to the peer's arena while that still lives.
  void drain() {
    while (!incoming_.empty()) incoming_.pop().reset();
  }
  std::size_t memory_size() const { return arena_.memory_size() + linear_copies_.memory_size(); }

  std::string_view name() const override { return name_; }
  const link::Caps& caps() const override { return caps_; }
  link::FrameArena& arena() override { return arena_; }

  std::size_t receive(link::Burst& burst) override {
    std::size_t count = 0;
    for (; !burst.full() && !incoming_.empty(); ++count) {
      link::Frame frame = incoming_.pop();
      stats_.received_bytes += frame.size();
      burst.push(std::move(frame));
    }
    stats_.received_frames += count;
    return count;
  }

  std::size_t transmit(std::span<link::Frame> frames) override {
    std::size_t taken = 0;
    for (link::Frame& frame : frames) {
      check_fits(frame);
      const std::size_t size = frame.total_size();
      if (!peer_->accept(frame)) break;
      stats_.transmitted_bytes += size;
      ++taken;
    }
    stats_.transmitted_frames += taken;
    if (taken < frames.size()) ++stats_.transmit_blocked;
    return taken;
  }

  bool flush() override { return true; }

  void pass(link::Frame frame) override {
    frame.reset();
    ++stats_.passed_frames;
  }

  void wait(base::Duration, int) override {}

  const link::DeviceStats& stats() const override { return stats_; }

 private:
  void check_fits(const link::Frame& frame) const {
    const link::Offload& offload = frame.offload();
    CHECK(caps_.transmit_gso || offload.gso == link::Gso::kNone);
    CHECK(caps_.transmit_checksum || offload.checksum != link::Checksum::kPartial);
    CHECK(caps_.gather || frame.pieces().empty());
    const std::size_t link_header = caps_.medium == link::Medium::kEthernet ? kLinkHeaderMax : 0;
    // Where super-frames travel, one that has lost its segmentation mark (a damaged one) still fits.
    CHECK(frame.total_size() <= link_header + (caps_.transmit_gso ? caps_.gso_size_max : caps_.mtu));
  }

  /// Takes `frame` into the ring; leaves it alone and returns false when there is no room.
  bool accept(link::Frame& frame) {
    if (incoming_.full()) return false;
    if (frame.pieces().empty()) {
      incoming_.push(std::move(frame));
      return true;
    }
    link::Frame copy = linear_copies_.allocate();
    if (!copy) return false;
    std::ranges::copy(frame.bytes(), copy.append(frame.size()).begin());
    for (const base::Slice& piece : frame.pieces()) {
      std::ranges::copy(piece.bytes(), copy.append(piece.size).begin());
    }
    copy.offload() = frame.offload();
    frame.reset();
    incoming_.push(std::move(copy));
    return true;
  }

  std::string_view name_;
  link::Caps caps_;
  link::FrameArena arena_;
  link::FrameArena linear_copies_;
  Ring incoming_;
  End* peer_ = nullptr;
  link::DeviceStats stats_;
};

Pair::Pair(const Config& config)
    : first_(std::make_unique<End>(config, "memory0")), second_(std::make_unique<End>(config, "memory1")) {
  first_->join(*second_);
  second_->join(*first_);
}

Pair::~Pair() {
  first_->drain();
  second_->drain();
}

link::Device& Pair::first() { return *first_; }
link::Device& Pair::second() { return *second_; }
std::size_t Pair::memory_size() const { return first_->memory_size() + second_->memory_size(); }

}  // namespace windhover::backends::memory
