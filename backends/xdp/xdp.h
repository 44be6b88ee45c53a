#pragma once
// A device over AF_XDP: one lane's queues of an interface.
//
// Receive: the XDP program (program.h) puts what is ours into the lane's chunks; a frame is handed up where it lies. A
// packet of several chunks (jumbo frames, super-frames in generic mode) is gathered into one larger buffer first.
// Transmit: a frame goes into the TX ring where it lies; pieces are copied in behind its headers, the one copy of a
// payload. A frame larger than a chunk goes in several. Super-frames go through the packet socket (packet_socket.h),
// gathered, with no copy of ours; before that the ring is emptied when it holds frames of the same flow, so that a
// connection's segments never overtake each other. A lane that has no queue of its own sends everything that way.
//
// Accounting: every chunk is in an arena, in a ring, or in a Frame; the arenas check at the end that all are back.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/config.h"
#include "backends/xdp/packet_socket.h"
#include "backends/xdp/program.h"
#include "backends/xdp/socket.h"
#include "backends/xdp/umem.h"
#include "stack/link/device.h"

namespace windhover::backends::xdp {

/// Thread: one lane, once it is open.
///
/// transmit() is short when the TX ring or the arena is full. wait() returns when a queue is readable, a blocked ring
/// moved, or the eventfd is readable. pass() counts and lets go: what is not ours the program has left with the kernel.
class Xdp final : public stack::link::Device {
 public:
  ~Xdp() override;

  std::string_view name() const override;
  const stack::link::Caps& caps() const override;
  stack::link::FrameArena& arena() override;
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  bool flush() override;
  void pass(stack::link::Frame frame) override;
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override;

  /// The errno with which the kernel took the interface away; 0 while it works.
  int failure() const;
  /// The queues' XDP_STATISTICS, added up.
  SocketStatistics socket_statistics() const;
  /// Bytes taken at construction, UMEM included.
  std::size_t memory_size() const;
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
