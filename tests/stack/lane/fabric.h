#pragma once
// A network between one client and the queues of several lanes, on which a test says which queue a frame arrives on.
//
// Every end is a device and may have a thread of its own: frames cross as copies, through byte rings.

#include <poll.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "stack/base/spsc_bytes.h"
#include "stack/link/device.h"

namespace windhover::stack::lane::test {

class Fabric {
 public:
  /// Which queue a frame of the client's arrives on: 0..lane_count-1. Called on the client's thread.
  using Steer = std::function<std::uint32_t(base::Bytes frame)>;

  Fabric(std::uint32_t lane_count, link::Medium medium, bool gso, Steer steer) {
    const link::Caps caps = caps_of(medium, gso);
    client_ = std::make_unique<End>(caps, std::move(steer));
    for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
      rings_.push_back(std::make_unique<base::SpscBytes>(kRingSize));
      rings_.push_back(std::make_unique<base::SpscBytes>(kRingSize));
      servers_.push_back(std::make_unique<End>(caps, [](base::Bytes) { return 0U; }));
      client_->join(*rings_[2 * lane], *rings_[2 * lane + 1]);
      servers_.back()->join(*rings_[2 * lane + 1], *rings_[2 * lane]);
    }
  }

  link::Device& client() { return *client_; }
  link::Device& server(std::uint32_t lane) { return *servers_[lane]; }

 private:
  static constexpr std::size_t kRingSize = 512 * 1024;
  static constexpr std::uint32_t kHeadroom = 128;
  static constexpr std::uint32_t kFrames = 1024;

  static link::Caps caps_of(link::Medium medium, bool gso) {
    link::Caps caps;
    caps.medium = medium;
    caps.receive_partial_checksum = caps.transmit_checksum = caps.transmit_gso = gso;
    caps.gso_size_max = gso ? 65535 : 0;
    return caps;
  }

  class End final : public link::Device {
   public:
    End(const link::Caps& caps, Steer steer)
        : caps_(caps),
          steer_(std::move(steer)),
          arena_({kFrames, kHeadroom + 64 + (caps.transmit_gso ? 65536U : 1536U), kHeadroom, false}),
          received_(arena_.shape()) {}

    void join(base::SpscBytes& out, base::SpscBytes& in) {
      out_.push_back(&out);
      in_.push_back(&in);
    }

    std::string_view name() const override { return "fabric"; }
    const link::Caps& caps() const override { return caps_; }
    link::FrameArena& arena() override { return arena_; }

    std::size_t receive(link::Burst& burst) override {
      const std::size_t before = burst.size();
      for (base::SpscBytes* ring : in_) {
        while (!burst.full()) {
          const base::Bytes record = ring->front();
          if (record.empty()) break;
          link::Frame frame = received_.allocate();
          std::memcpy(&frame.offload(), record.data(), sizeof(link::Offload));
          std::ranges::copy(record.subspan(sizeof(link::Offload)),
                            frame.append(record.size() - sizeof(link::Offload)).begin());
          burst.push(std::move(frame));
          ring->pop();
        }
        ring->release();
      }
      return burst.size() - before;
    }

    std::size_t transmit(std::span<link::Frame> frames) override {
      std::size_t taken = 0;
      for (link::Frame& frame : frames) {
        base::SpscBytes& ring = *out_[steer_(frame.bytes())];
        const base::MutableBytes record = ring.reserve(sizeof(link::Offload) + frame.size());
        if (record.empty()) break;
        std::memcpy(record.data(), &frame.offload(), sizeof(link::Offload));
        std::ranges::copy(frame.bytes(), record.subspan(sizeof(link::Offload)).begin());
        ring.commit();
        ring.publish();
        frame.reset();
        ++taken;
      }
      return taken;
    }

    bool flush() override { return true; }
    void pass(link::Frame frame) override { frame.reset(); }
    void wait(base::Duration, int wake_fd) override {
      pollfd waited{wake_fd, POLLIN, 0};
      poll(&waited, 1, 1);  // The rings ring no bell.
    }
    const link::DeviceStats& stats() const override { return stats_; }

   private:
    link::Caps caps_;
    Steer steer_;
    link::FrameArena arena_;
    link::FrameArena received_;
    std::vector<base::SpscBytes*> out_;
    std::vector<base::SpscBytes*> in_;
    link::DeviceStats stats_;
  };

  std::vector<std::unique_ptr<base::SpscBytes>> rings_;
  std::unique_ptr<End> client_;
  std::vector<std::unique_ptr<End>> servers_;
};

}  // namespace windhover::stack::lane::test
