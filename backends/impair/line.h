#pragma once
// One direction of an impaired device: what is on its way, and what becomes of what enters.

#include <vector>

#include "backends/impair/impair.h"
#include "backends/impair/random.h"

namespace windhover::backends::impair {

/// Frames leave in the order of their due times; equal ones in the order in which they entered. Never allocates after
/// construction. Frames that pop() gave away must be gone before the line is.
class Line {
 public:
  Line(const Profile& profile, std::uint64_t seed, std::uint32_t frame_count, const stack::link::Caps& caps);

  /// Lets a frame enter: it is copied (pieces too), or lost. The frame itself stays the caller's.
  void enter(stack::base::Instant now, const stack::link::Frame& frame);

  /// When the next frame is due; kNever when there is none.
  stack::base::Instant next_due() const { return waiting_.empty() ? stack::base::kNever : waiting_.front().due; }
  /// The next frame. Precondition: there is one.
  const stack::link::Frame& front() const { return waiting_.front().frame; }
  /// Takes the next frame off the line. Precondition: there is one.
  stack::link::Frame pop();

  const LineStats& stats() const { return stats_; }

 private:
  struct Waiting {
    stack::base::Instant due;
    std::uint64_t order = 0;
    stack::link::Frame frame;
  };

  static bool later(const Waiting& one, const Waiting& other);
  bool cut(stack::base::Instant now) const { return now >= profile_.cut_from && now < profile_.cut_until; }
  void place(stack::base::Instant departure, stack::link::Frame frame);
  stack::link::Frame copy(const stack::link::Frame& frame);

  Profile profile_;
  stack::link::Medium medium_;
  Random random_;
  stack::link::FrameArena store_;
  std::vector<Waiting> waiting_;  // A heap, the next one in front.
  std::uint64_t entered_ = 0;
  stack::base::Instant free_at_{};  // When the line has sent all that entered, at its rate.
  LineStats stats_;
};

}  // namespace windhover::backends::impair
