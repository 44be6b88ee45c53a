#pragma once
// One AF_XDP socket on one queue of an interface, and its four rings.
//
// The kernel's ways with such a socket, and what is made of them:
//
//   bind EBUSY        the queue is taken, or was closed less than ~50 ms ago: tried again for a while, then SetupError.
//   bind EOPNOTSUPP   no zero-copy there: the ladder's business (see xdp.h).
//   sendto EAGAIN     more descriptors wait than one call takes: call again. Or the send buffer is full: later.
//   sendto EBUSY      the device had no room: one packet was dropped *and* completed. Counted; call again.
//   sendto ENOBUFS    no memory (ENOMEM too): nothing was taken. Later.
//   sendto ENETDOWN   the interface is down: frames wait in the ring.
//   sendto EINVAL     a descriptor that the kernel refuses stays at the head of the ring, and each retry completes it
//                     again, so no completion can be believed any more: the socket is lost.
//   sendto ENXIO, EBADF, any other   the interface is gone, or nothing is known: the socket is lost.
//
// A queue that the interface receives on and does not transmit on (more receive than transmit queues) takes frames and
// never sends them: the kernel says neither yes nor no. Whoever deals out queues keeps to those that do both.
//
// Closing: rings are unmapped before the descriptor is closed, else the queue would stay taken.

#include <linux/if_xdp.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/host/file.h"
#include "backends/xdp/mapping.h"
#include "backends/xdp/ring.h"
#include "backends/xdp/umem.h"

namespace windhover::backends::xdp {

/// A descriptor of the RX and TX rings: xdp_desc.
using Descriptor = ::xdp_desc;

/// Bits of Descriptor::options.
inline constexpr std::uint32_t kContinued = 1U << 0;  ///< XDP_PKT_CONTD: the packet goes on in the next descriptor.
inline constexpr std::uint32_t kMetadata = 1U << 1;   ///< XDP_TX_METADATA: metadata lies in front of the frame.

struct SocketRequest {
  int interface_index = 0;
  std::string interface_name;  ///< For messages.
  std::uint32_t queue = 0;
  bool zero_copy = false;     ///< Demand it; else demand a copy.
  bool multi_buffer = false;  ///< XDP_USE_SG: packets of several descriptors.
  bool metadata = true;       ///< Register the UMEM for TX metadata, if the kernel knows it.
  bool busy_poll = false;
  std::uint32_t ring_size = 2048;
};

/// XDP_STATISTICS: what the kernel lost at this socket.
struct SocketStatistics {
  std::uint64_t rx_dropped = 0;     ///< Frames lost for any reason but a full RX ring.
  std::uint64_t rx_invalid = 0;     ///< Fill descriptors that named no chunk.
  std::uint64_t tx_invalid = 0;     ///< TX descriptors that the kernel refused.
  std::uint64_t rx_ring_full = 0;   ///< Frames lost because we were slow.
  std::uint64_t rx_fill_empty = 0;  ///< Of rx_dropped (with a copy), those that found no chunk to be received into.
  std::uint64_t tx_ring_empty = 0;
};

/// What became of a kick.
struct Kicked {
  enum class State : std::uint8_t {
    kDone,     ///< The kernel has taken all that it was shown.
    kWaiting,  ///< Something is left: kick again later, when poll() says POLLOUT.
    kDown,     ///< The interface is down; what is in the ring waits.
    kLost,     ///< `error` says how. Nothing more can be sent or received here.
  };
  State state = State::kDone;
  std::uint32_t dropped = 0;  ///< Frames that the device refused; they are completed like the others.
  int error = 0;
};

/// Thread: its lane's, once it is open. Move-only. The UMEM, and `first`, outlive it.
class Socket {
 public:
  /// Opens and binds. `first` is the lane's socket on another queue, whose registration of the UMEM is then shared, and
  /// with it whatever of the request was settled there (mode, multi_buffer, metadata); nullptr registers it. What was
  /// asked for and not given is added to `notes`. Throws SetupError with the errno of the call that failed.
  Socket(const SocketRequest& request, const Umem& umem, const Socket* first, std::vector<std::string>& notes);
  Socket(Socket&& other) noexcept = default;
  Socket& operator=(Socket&& other) = delete;
  ~Socket() = default;

  int fd() const { return file_.fd(); }
  std::uint32_t queue() const { return queue_; }
  /// What XDP_OPTIONS says.
  bool zero_copy() const { return zero_copy_; }
  /// The kernel accepts kMetadata.
  bool has_metadata() const { return has_metadata_; }
  /// The kernel accepts kContinued, and may deliver it.
  bool multi_buffer() const { return multi_buffer_; }
  /// kick() and wake_receive() drive the driver, if it can be.
  bool busy_poll() const { return busy_poll_; }

  ProducerRing<std::uint64_t>& fill() { return fill_; }
  ConsumerRing<std::uint64_t>& completion() { return completion_; }
  ConsumerRing<Descriptor>& received() { return received_; }
  ProducerRing<Descriptor>& to_transmit() { return to_transmit_; }

  /// Shows the kernel what was published in the TX ring, if it must be shown. In at most a bounded number of calls.
  Kicked kick();
  /// Shows the kernel the fill ring, where it asks for that.
  void wake_receive();

  /// What has befallen the socket (SO_ERROR), told once: ENETDOWN when the interface is gone; 0 for nothing. poll()
  /// does not announce it (Linux 6.18: a socket without an interface has no events), so ask from time to time.
  int take_error();

  SocketStatistics statistics() const;

 private:
  enum Ring : std::size_t { kFill, kCompletion, kReceived, kToTransmit, kRingCount };

  void register_umem(const SocketRequest& request, const Umem& umem, std::vector<std::string>& notes);
  void make_rings(std::uint32_t ring_size);
  RingMemory map_ring(Ring ring, const ::xdp_ring_offset& offset, std::uint32_t ring_size);
  void raise_limits(const SocketRequest& request, const Umem& umem, std::vector<std::string>& notes);
  void prefer_busy_poll(std::vector<std::string>& notes);
  void bind_queue(const SocketRequest& request, const Socket* first, std::vector<std::string>& notes);
  Kicked kick_kernel();
  Kicked kick_driver();

  // The order matters: what is declared last ends first, and a queue is free only when its rings are unmapped before
  // the descriptor is closed.
  host::File file_;
  std::array<Mapping, kRingCount> mappings_;

  ProducerRing<std::uint64_t> fill_;
  ConsumerRing<std::uint64_t> completion_;
  ConsumerRing<Descriptor> received_;
  ProducerRing<Descriptor> to_transmit_;
  std::uint32_t queue_ = 0;
  std::uint32_t transmit_budget_ = 32;  // Descriptors that one call sends in copy mode.
  bool zero_copy_ = false;
  bool has_metadata_ = false;
  bool multi_buffer_ = false;
  bool busy_poll_ = false;
};

}  // namespace windhover::backends::xdp
