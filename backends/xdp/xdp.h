#pragma once
// A device over AF_XDP: one lane's queues of an interface.
//
// Receive (receiver.h): the XDP program (program.h) puts what is ours into the lane's chunks; a frame is handed up
// where it lies. A packet of several chunks (jumbo frames, super-frames in generic mode) is gathered into one larger
// buffer first. Transmit (transmitter.h): a frame goes into the TX ring where it lies; pieces are copied in behind its
// headers, the one copy of a payload. Super-frames go through the packet socket (packet_socket.h), gathered, with no
// copy of ours. A lane sends on the first of its queues, so that no connection's segments overtake each other; a lane
// that has no queue of its own, or none that transmits, sends everything through the packet socket.
//
// Accounting (chunk_pool.h): every chunk is in an arena, lent to the kernel, or in a Frame; the arenas check at the end
// that all are back.

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/chunk_pool.h"
#include "backends/xdp/config.h"
#include "backends/xdp/packet_socket.h"
#include "backends/xdp/program.h"
#include "backends/xdp/receiver.h"
#include "backends/xdp/socket.h"
#include "backends/xdp/transmitter.h"
#include "backends/xdp/umem.h"
#include "stack/link/device.h"

namespace windhover::backends::xdp {

/// What open() has made for one lane. Sizes in bytes.
struct LaneParts {
  std::string name;                             ///< Of the interface.
  std::unique_ptr<Umem> umem;                   ///< First the chunks to receive into, then those to transmit from.
  std::vector<Socket> sockets;                  ///< One a queue, over that UMEM; none: a lane without a queue.
  std::unique_ptr<PacketSocket> packet_socket;  ///< For super-frames, for groups, and where the ring does not transmit.
  std::uint32_t receive_frames = 0;
  std::uint32_t transmit_frames = 0;
  std::uint32_t gathered_size = 0;  ///< Largest frame that may arrive in several chunks; 0: none can.
  bool ring_transmits = true;       ///< The first socket's queue can send.
  stack::link::Caps caps;           ///< All but headroom and busy_poll, which follow from the rest.
};

/// Thread: one lane, once it is open.
///
/// transmit() is short when the TX ring or the arena is full, and where a super-frame would overtake. What the device
/// below refuses at a kick counts as transmitted and as dropped. wait() returns when a queue is readable, a blocked
/// ring has moved, or the eventfd is readable; where the kernel does not say when a blocked transmit may go on, after a
/// short while. While the interface is down, what was taken waits in the ring. pass() counts and lets go: what is not
/// ours the program has left with the kernel.
class Xdp final : public stack::link::Device {
 public:
  /// For open(). Fills the fill rings; frames arrive when the program knows the sockets.
  explicit Xdp(LaneParts parts);
  ~Xdp() override;

  std::string_view name() const override { return parts_.name; }
  const stack::link::Caps& caps() const override { return parts_.caps; }
  stack::link::FrameArena& arena() override { return transmit_chunks_.arena(); }
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override { return transmitter_.transmit(frames); }
  bool flush() override { return transmitter_.flush(); }
  void pass(stack::link::Frame frame) override;
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override { return stats_; }

  /// The errno with which the kernel took the interface away; 0 while it works.
  int failure() const { return transmitter_.failure(); }
  /// The queues' XDP_STATISTICS, added up.
  SocketStatistics socket_statistics() const;
  /// Bytes taken at construction, UMEM included.
  std::size_t memory_size() const;
  /// The lane's sockets, one a queue.
  std::span<const Socket> sockets() const { return parts_.sockets; }

 private:
  void look_for_failure();

  // Members are destroyed from the last to the first: no frame outlives its chunks, no chunk is taken back from a
  // socket that is open, no socket outlives its memory.
  std::unique_ptr<Umem> umem_;
  ChunkPool receive_chunks_;
  ChunkPool transmit_chunks_;
  LaneParts parts_;
  stack::link::DeviceStats stats_;
  Receiver receiver_;
  Transmitter transmitter_;
  std::vector<::pollfd> waiting_;  // The sockets', and one for the eventfd.
};

/// Where one lane is to run.
struct LanePlace {
  std::optional<std::uint32_t> cpu;
};

/// What open() made. Order of the end: lanes (their sockets) first, then the program.
struct Opened {
  std::unique_ptr<Program> program;
  std::vector<std::unique_ptr<Xdp>> lanes;  ///< As many as places; the queues dealt out in turn.
  Mode mode = Mode::kAuto;                  ///< The rung that it stands on; never kAuto.
  std::uint32_t queue_count = 0;
  std::vector<std::string> notes;  ///< What is less than was asked for and why, each a sentence: the ladder's refusals.
};

/// Attaches the program, opens a socket on every queue, and lets frames in. `groups` are link-layer groups to join.
/// Throws SetupError with the remedy when no rung, or not the one that `config` names, can be had. Precondition:
/// `places` is not empty and has at most 64.
Opened open(const Config& config, const host::Interface& interface, const Steering& steering,
            const std::vector<stack::wire::MacAddress>& groups, const std::vector<LanePlace>& places);

}  // namespace windhover::backends::xdp
