#pragma once
// Two devices joined in memory, each the other's wire: what tests, the simulator and benchmarks run on.
//
// Nothing is copied on the way: transmit() hands the frame itself to the other side, which receives it with its offload
// metadata untouched, as a virtio device would deliver it. Only a frame with pieces is copied, because received bytes
// are linear; that copy lies in an arena of the receiving side. A test can play a peer by hand by using one side
// directly.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/link/device.h"

namespace windhover::backends::memory {

/// What both sides are alike in. Sizes in bytes.
struct Config {
  stack::link::Medium medium = stack::link::Medium::kIp;
  std::uint16_t mtu = 1500;
  bool partial_checksum = false;         ///< Frames may travel with a partial checksum, which the receiver believes.
  bool gso = false;                      ///< Super-frames of up to 64 KiB travel whole. Implies partial_checksum.
  bool gather = false;                   ///< Frames may be transmitted with pieces.
  std::uint32_t ring_frames = 512;       ///< Frames that may wait in each direction before transmit() comes up short.
  std::uint32_t transmit_frames = 1024;  ///< Buffers of each side's arena. A frame in flight keeps its buffer.
  std::uint32_t receive_frames =
      512;  ///< Buffers of each side for frames that came with pieces; unused without gather.
};

/// The two ends. Owns both devices and their arenas: every frame of either must be gone before this is.
/// Thread: one for both ends.
///
/// Both ends: transmit() is short when the ring towards the peer is full, or when a frame with pieces finds no buffer
/// at the peer; wait() returns at once; flush() has never anything to do. Precondition of transmit(): a frame is no
/// larger than the MTU (with `gso`: than gso_size_max) plus an Ethernet header with one VLAN
/// tag, and asks for no offload that the configuration leaves off.
class Pair {
 public:
  explicit Pair(const Config& config);
  ~Pair();
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  stack::link::Device& first();
  stack::link::Device& second();

  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  class End;
  std::unique_ptr<End> first_;
  std::unique_ptr<End> second_;
};

}  // namespace windhover::backends::memory
