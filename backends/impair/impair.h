#pragma once
// A device that is another device over a bad line: loss, duplication, reordering, corruption, delay, a bounded rate, a
// cut.
//
// Everything is decided by one generator from a seed and by the clock given, so that a seed replays exactly on any
// machine. Each direction has a line of its own. A frame on the line is a copy in the line's own store: a long delay
// pins neither the stack's buffers nor the device's. Super-frames are impaired as a whole.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "stack/base/time.h"
#include "stack/link/device.h"

namespace windhover::backends::impair {

/// One direction of the line. Probabilities: 0..1 a frame, each drawn by itself.
struct Profile {
  double loss = 0;
  double duplicate = 0;  ///< The copy takes the same way, with jitter and reordering of its own.
  double reorder = 0;    ///< Held back for `reorder_hold` besides its delay, so that later frames overtake it.
  double corrupt = 0;    ///< One bit is flipped; see Impair.
  stack::base::Duration reorder_hold = std::chrono::milliseconds(2);
  stack::base::Duration delay{};
  stack::base::Duration
      jitter{};            ///< Up to this much is added to the delay, uniformly; reorders when frames lie close.
  std::uint64_t rate = 0;  ///< Bytes a second; 0 for no bound.
  std::uint32_t rate_queue = 256 * 1024;  ///< Bytes that may wait for their turn at `rate`; what comes then is lost.
  stack::base::Instant cut_from = stack::base::kNever;   ///< From here on everything is lost, ...
  stack::base::Instant cut_until = stack::base::kNever;  ///< ... until here. What is on the line already arrives.

  /// True when frames simply pass.
  bool clean() const;
};

struct Config {
  std::uint64_t seed = 1;
  Profile transmit{};
  Profile receive{};
  std::uint32_t line_frames = 512;  ///< Frames that fit on the line in each direction; what comes then is lost.
};

/// What became of the frames of one direction. offered + duplicated == delivered + on the line + lost + overflowed.
struct LineStats {
  std::uint64_t offered = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;        ///< By `loss`, by the cut, and frames to be corrupted that no checksum protects.
  std::uint64_t overflowed = 0;  ///< The rate's queue or the line's store was full.
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupted = 0;
};

/// Reads the time of the lane. Called once a call of receive(), transmit(), flush() and wait().
using Clock = std::function<stack::base::Instant()>;

class Line;

/// Corruption: before its bit is flipped, a frame with a partial checksum has the checksum completed in place, and
/// every offload mark (partial, verified, segmentation) is cleared, so that the receiver verifies and can notice; a
/// super-frame goes on as one long packet. On Ethernet, only IP packets are corrupted, behind the link header; where a
/// real line's frame check would lose the frame (ARP has no checksum), it is lost here too.
///
/// Frames move along when receive(), transmit() or flush() is called; whoever drives the lane calls one of them no
/// later than next_deadline(). wait() sleeps no longer than that. A direction whose profile is clean costs nothing.
/// transmit() on a direction that is not clean takes everything; what the device below does not take when it is due
/// stays on the line.
///
/// Frames received must be gone before this is. Thread: the lane of the device below.
class Impair : public stack::link::Device {
 public:
  /// `below` is borrowed and must outlive this. The lines' stores are taken here; after that, only a super-frame on its
  /// way to a device that gathers allocates. Throws SetupError for a probability outside 0..1.
  Impair(stack::link::Device& below, const Config& config, Clock clock);
  ~Impair() override;

  std::string_view name() const override { return below_.name(); }
  const stack::link::Caps& caps() const override { return below_.caps(); }
  stack::link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  /// False while a frame is due that the device below did not take, or while that device's flush() says so.
  bool flush() override;
  void pass(stack::link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override { return below_.stats(); }

  /// When the next frame on the line is due in either direction; kNever when the line is empty.
  stack::base::Instant next_deadline() const;

  const LineStats& transmit_stats() const;
  const LineStats& receive_stats() const;

 private:
  bool send_due(stack::base::Instant now);

  stack::link::Device& below_;
  Clock clock_;
  std::unique_ptr<Line> transmit_line_;  // Null when the direction is clean.
  std::unique_ptr<Line> receive_line_;
  stack::link::Burst arrived_;
  LineStats none_;
};

}  // namespace windhover::backends::impair
