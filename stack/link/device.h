#pragma once
// The first of the two contracts: where frames come from and go to.
//
// A device is called once per burst, never per packet. XDP, TUN, UDP, the memory pair and the decorators (pcap, impair)
// are all devices; nothing above knows which.
//
// Threads: a device belongs to one lane; every call comes from that lane's thread. Errors: set-up failures are thrown
// as SetupError by the factories; after that nothing here throws: what cannot be sent or read is counted in stats().

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stack/base/time.h"
#include "stack/link/frame.h"

namespace windhover::stack::link {

/// Frames handled together: the most that one receive() or output() yields.
inline constexpr std::size_t kBurstMax = 64;

/// A burst: up to kBurstMax frames, in order.
class Burst {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == kBurstMax; }
  std::size_t room() const { return kBurstMax - size_; }

  /// Precondition: !full().
  void push(Frame frame) {
    CHECK(!full());
    frames_[size_++] = std::move(frame);
  }
  std::span<Frame> frames() { return {frames_.data(), size_}; }
  Frame& operator[](std::size_t at) { return frames_[at]; }

  /// Forgets the first `count` frames (a device has taken them) and moves the rest to the front.
  void drop_front(std::size_t count);
  void clear() { drop_front(size_); }

 private:
  std::array<Frame, kBurstMax> frames_;
  std::size_t size_ = 0;
};

/// What a frame begins with.
enum class Medium : std::uint8_t { kEthernet, kIp };

/// What a device can do; constant after construction. Sizes in bytes.
struct Caps {
  Medium medium = Medium::kEthernet;
  std::uint16_t mtu = 1500;               ///< Largest IP packet, unless segmented by the device.
  std::uint16_t headroom = 0;             ///< What the device itself needs in front of a frame to transmit.
  bool receive_partial_checksum = false;  ///< Received frames may be marked kPartial or kEither, to be believed.
  bool transmit_checksum = false;         ///< Completes kPartial frames.
  bool transmit_gso = false;              ///< Segments TCP super-frames (kTcp4 and kTcp6). Implies transmit_checksum.
  std::uint32_t gso_segments_min = 2;     ///< Fewer segments than this are cheaper one by one than as a super-frame.
  std::uint32_t gso_size_max = 0;         ///< Largest IP packet of a super-frame; 0 without transmit_gso.
  bool gather = false;                    ///< Accepts frames with pieces.
  bool zero_copy = false;                 ///< The kernel reads and writes our buffers directly.
  bool busy_poll = false;                 ///< receive() drives the driver itself.
};

/// Counted since construction. Single writer (the lane); readers on other threads see recent values.
struct DeviceStats {
  std::uint64_t received_frames = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t received_dropped = 0;  ///< Arrived and was lost before the stack: malformed for the device, no buffer.
  std::uint64_t transmitted_frames = 0;
  std::uint64_t transmitted_bytes = 0;
  std::uint64_t transmit_dropped = 0;  ///< Taken from the stack and refused by the device below.
  std::uint64_t transmit_blocked = 0;  ///< transmit() calls that took less than they were offered.
  std::uint64_t passed_frames = 0;     ///< Frames that no layer consumed, handed back by pass().
};

/// An interface that frames enter and leave by.
class Device {
 public:
  virtual ~Device() = default;

  /// A short name for messages and captures, such as "wh0".
  virtual std::string_view name() const = 0;
  virtual const Caps& caps() const = 0;

  /// The arena that frames to transmit come from. Received frames may come from another.
  virtual FrameArena& arena() = 0;

  /// Appends frames that have arrived, up to the room in `burst`; returns how many. Never blocks.
  virtual std::size_t receive(Burst& burst) = 0;

  /// Takes frames from the front of `frames` and returns how many; the rest stay the caller's (backpressure, not an
  /// error). A frame taken is gone from the span. Precondition: frames fit caps() and come from arena().
  virtual std::size_t transmit(std::span<Frame> frames) = 0;

  /// Pushes out what transmit() took and may have kept back, and takes back the buffers of what has left: whoever keeps
  /// a FrameTicket calls it to learn. Returns false while something still waits inside.
  virtual bool flush() = 0;

  /// A frame that no layer consumed. XDP has left such frames with the kernel already; the others count it and let it
  /// go.
  virtual void pass(Frame frame) = 0;

  /// Sleeps until a frame may have arrived, a blocked transmit may go on, `wake_fd` (an eventfd; -1 for none) is
  /// readable, or `longest` has passed. Spurious returns are allowed.
  virtual void wait(base::Duration longest, int wake_fd) = 0;

  virtual const DeviceStats& stats() const = 0;
};

}  // namespace windhover::stack::link
