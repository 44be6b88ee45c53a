#pragma once
// The transmit side of a lane: frames into the TX ring, or through the packet socket, in the order of each flow.
//
// A frame goes into the ring where it lies. Its pieces are copied in behind the linear bytes, into further chunks when
// the first is full. A partial checksum becomes metadata in front of the frame, or is completed while the pieces are
// copied. A super-frame goes through the packet socket; when the ring may hold frames of its flow that the kernel has
// not taken, the ring is kicked first, and if that leaves anything the super-frame waits.

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/xdp/chunk_pool.h"
#include "backends/xdp/flow_filter.h"
#include "backends/xdp/packet_socket.h"
#include "backends/xdp/socket.h"
#include "stack/link/device.h"

namespace windhover::backends::xdp {

/// Descriptors that one packet may have: the kernel drops a longer chain (MAX_SKB_FRAGS and the head).
inline constexpr std::uint32_t kChainMax = 18;

/// Where a lane's frames go. What is pointed to is borrowed.
struct TransmitWays {
  Socket* socket = nullptr;               ///< The ring; nullptr: everything goes through the packet socket.
  PacketSocket* packet_socket = nullptr;  ///< For super-frames; nullptr: there are none.
  bool metadata = false;                  ///< The kernel completes checksums by metadata; else it is done here.
};

/// Thread: the lane's. Nothing allocates after construction. Precondition: there is one way at least.
class Transmitter {
 public:
  /// `headroom`: bytes in front of every frame, and of every chunk that continues one, that are the kernel's.
  Transmitter(const TransmitWays& ways, ChunkPool& chunks, std::uint32_t headroom, stack::link::DeviceStats& stats);

  /// As Device::transmit(). After a failure frames are taken, dropped and counted.
  std::size_t transmit(std::span<stack::link::Frame> frames);
  /// Shows the kernel what was put into the ring. False while something waits there.
  bool flush();
  /// Takes back the chunks of what has been sent.
  void reclaim();

  /// What keeps frames from leaving.
  enum class Obstacle : std::uint8_t {
    kNone,
    kRingFull,  ///< The kernel has more than half a ring before it: poll() says POLLOUT when that ends.
    kBusy,      ///< The kernel would take no more just now, and poll() does not say when it will.
    kDown,      ///< The interface is down.
  };
  Obstacle obstacle() const;
  /// The errno with which the kernel took the interface away; 0 while it works.
  int failure() const { return failure_; }
  void fail(int error) { failure_ = error; }

 private:
  enum class Taken : std::uint8_t { kYes, kNotNow, kDropped };

  Taken enqueue(stack::link::Frame& frame);
  bool make_room(std::uint32_t descriptors);
  void push(stack::link::Frame& frame, std::uint32_t descriptors);
  Taken send_aside(stack::link::Frame& frame);
  void kick();
  void drop_all(std::span<stack::link::Frame> frames);

  TransmitWays ways_;
  ChunkPool& chunks_;
  std::uint32_t headroom_;
  stack::link::DeviceStats& stats_;
  FlowFilter in_ring_;  // Flows of frames that the kernel may not have taken.
  bool pending_ = false;
  bool blocked_ = false;
  Kicked::State last_kick_ = Kicked::State::kDone;
  int failure_ = 0;
};

}  // namespace windhover::backends::xdp
