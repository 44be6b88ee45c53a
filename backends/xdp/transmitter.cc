#include "backends/xdp/transmitter.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backends/xdp/gather.h"

namespace windhover::backends::xdp {
namespace {

namespace link = stack::link;
using link::Frame;

/// struct xsk_tx_metadata as far as a request for a checksum goes (linux/if_xdp.h from 6.8 on).
constexpr std::uint64_t kMetadataChecksum = 1U << 1;
constexpr std::size_t kMetadataStartAt = 8;
constexpr std::size_t kMetadataOffsetAt = 10;

void write_metadata(Frame& frame) {
  const link::Offload& offload = frame.offload();
  std::uint8_t* const at = frame.bytes().data() - kMetadataSize;
  std::memset(at, 0, kMetadataSize);
  std::memcpy(at, &kMetadataChecksum, sizeof kMetadataChecksum);
  std::memcpy(at + kMetadataStartAt, &offload.csum_start, sizeof offload.csum_start);
  std::memcpy(at + kMetadataOffsetAt, &offload.csum_offset, sizeof offload.csum_offset);
}

/// The kernel answers metadata that points beyond the first descriptor by never sending anything again.
bool checksum_lies_inside(const Frame& frame) {
  const link::Offload& offload = frame.offload();
  return std::size_t{offload.csum_start} + offload.csum_offset + sizeof(std::uint16_t) <= frame.size();
}

}  // namespace

Transmitter::Transmitter(const TransmitWays& ways, ChunkPool& chunks, std::uint32_t headroom, link::DeviceStats& stats)
    : ways_(ways), chunks_(chunks), headroom_(headroom), stats_(stats) {
  CHECK(ways.socket != nullptr || ways.packet_socket != nullptr);
}

std::size_t Transmitter::transmit(std::span<Frame> frames) {
  if (failure_ != 0) {
    drop_all(frames);
    return frames.size();
  }
  reclaim();
  std::size_t count = 0;
  for (Frame& frame : frames) {
    const std::size_t size = frame.total_size();
    const bool aside = ways_.socket == nullptr || frame.offload().gso != link::Gso::kNone;
    const Taken taken = aside ? send_aside(frame) : enqueue(frame);
    if (taken == Taken::kNotNow) break;
    ++count;
    if (taken == Taken::kYes) {
      ++stats_.transmitted_frames;
      stats_.transmitted_bytes += size;
    } else {
      frame.reset();
      ++stats_.transmit_dropped;
    }
  }
  if (pending_) ways_.socket->to_transmit().publish();
  blocked_ = count < frames.size();
  if (blocked_) ++stats_.transmit_blocked;
  return count;
}

void Transmitter::drop_all(std::span<Frame> frames) {
  for (Frame& frame : frames) frame.reset();
  stats_.transmit_dropped += frames.size();
}

Transmitter::Taken Transmitter::enqueue(Frame& frame) {
  CHECK(frame.headroom() >= headroom_);
  const bool partial = frame.offload().checksum == link::Checksum::kPartial;
  if (partial && !checksum_lies_inside(frame)) return Taken::kDropped;
  const std::uint32_t more = continuations(frame, chunks_.arena().shape().frame_size - headroom_);
  if (more >= kChainMax) return Taken::kDropped;
  if (!make_room(1 + more)) return Taken::kNotNow;
  in_ring_.add(frame);
  push(frame, 1 + more);
  pending_ = true;
  return Taken::kYes;
}

bool Transmitter::make_room(std::uint32_t descriptors) {
  const auto fits = [&] {
    return ways_.socket->to_transmit().room(descriptors) >= descriptors &&
           chunks_.arena().free_count() >= descriptors - 1;
  };
  if (fits()) return true;
  if (pending_ && last_kick_ == Kicked::State::kDone) kick();
  reclaim();
  return fits();
}

void Transmitter::push(Frame& frame, std::uint32_t descriptors) {
  std::array<Frame, kChainMax - 1> more;
  for (std::uint32_t at = 0; at + 1 < descriptors; ++at) {
    more[at] = chunks_.arena().allocate();
    more[at].clear(headroom_);
  }
  const bool partial = frame.offload().checksum == link::Checksum::kPartial;
  gather(frame, more, partial && !ways_.metadata);
  std::uint32_t options = 0;
  if (partial && ways_.metadata) {
    write_metadata(frame);
    options = kMetadata;
  }
  auto& ring = ways_.socket->to_transmit();
  for (std::uint32_t at = 0; at < descriptors; ++at) {
    Frame& part = at == 0 ? frame : more[at - 1];
    const auto size = static_cast<std::uint32_t>(part.size());
    if (at + 1 < descriptors) options |= kContinued;
    ring.push({chunks_.lend(std::move(part)), size, options});
    options = 0;
  }
}

Transmitter::Taken Transmitter::send_aside(Frame& frame) {
  CHECK(ways_.packet_socket != nullptr);
  if (pending_ && in_ring_.may_hold(frame)) {
    kick();
    if (pending_) return Taken::kNotNow;
  }
  switch (ways_.packet_socket->send(frame)) {
    case PacketSocket::Sent::kYes:
      frame.reset();
      return Taken::kYes;
    case PacketSocket::Sent::kNotNow:
      return Taken::kNotNow;
    case PacketSocket::Sent::kDropped:
      return Taken::kDropped;
    case PacketSocket::Sent::kLost:
      failure_ = ENXIO;
      return Taken::kDropped;
  }
  return Taken::kDropped;
}

bool Transmitter::flush() {
  if (pending_ && failure_ == 0) {
    kick();
  } else {
    reclaim();  // Who asks whether a frame has left does not have to send another to learn it.
  }
  return !pending_;
}

void Transmitter::kick() {
  ways_.socket->to_transmit().publish();
  // A full completion ring would stop the kernel.
  reclaim();
  const Kicked kicked = ways_.socket->kick();
  stats_.transmit_dropped += kicked.dropped;
  last_kick_ = kicked.state;
  pending_ = kicked.state != Kicked::State::kDone;
  if (!pending_) in_ring_.clear();
  if (kicked.state == Kicked::State::kLost) failure_ = kicked.error;
}

void Transmitter::reclaim() {
  if (chunks_.lent_count() == 0 || failure_ != 0) return;
  auto& ring = ways_.socket->completion();
  const std::uint32_t count = ring.available(ring.size());
  if (count == 0) return;
  // A chunk that is named twice was given back the first time: see ChunkPool.
  for (std::uint32_t at = 0; at < count; ++at) chunks_.take_back(ring.peek(at), 0).reset();
  ring.release(count);
}

Transmitter::Obstacle Transmitter::obstacle() const {
  if (pending_) return last_kick_ == Kicked::State::kDown ? Obstacle::kDown : Obstacle::kBusy;
  if (!blocked_) return Obstacle::kNone;
  if (ways_.socket == nullptr) return Obstacle::kBusy;
  const auto& ring = ways_.socket->to_transmit();
  return ring.outstanding() > ring.size() / 2 ? Obstacle::kRingFull : Obstacle::kBusy;
}

}  // namespace windhover::backends::xdp
