#pragma once
// Time as the stack sees it: an argument, never a reading.
//
// The clock of these instants has no now(). Whoever drives a lane (a thread with CLOCK_MONOTONIC, the simulator with
// virtual time) decides what an Instant means; the stack only compares and adds.

#include <chrono>
#include <cstdint>

namespace windhover::stack::base {

/// Every span of time in the project. Unit: nanoseconds; range: +-292 years.
using Duration = std::chrono::nanoseconds;

/// The clock of a lane. It cannot be read on purpose: `now` always arrives as an argument.
struct LaneClock {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<LaneClock, Duration>;
  static constexpr bool is_steady = true;
};

/// A moment on a lane's clock. Monotonic within a lane; its epoch is the driver's choice.
using Instant = LaneClock::time_point;

/// A deadline that does not come: what next_deadline() answers when nothing is armed.
inline constexpr Instant kNever = Instant::max();

}  // namespace windhover::stack::base
