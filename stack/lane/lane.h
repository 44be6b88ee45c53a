#pragma once
// The loop that joins a device to a stack: receive, input, timers, output, transmit, flush, and rest when nothing
// moves.
//
// Whoever drives it owns the thread and the clock:
//
//   while (running) {
//     const auto now = read_clock();
//     if (!loop.turn(now)) loop.rest(now, wake_fd);
//   }

#include <cstdint>

#include "stack/base/time.h"
#include "stack/lane/stack.h"
#include "stack/link/device.h"

namespace windhover::stack::lane {

/// What an operator can say about the loop.
struct LoopConfig {
  std::uint32_t idle_polls_max = 16;  ///< Empty turns in a row before rest() sleeps; it adapts between 0 and this.
};

/// Thread: the lane's. Nothing allocates.
class Loop {
 public:
  /// Sleeps are no longer than this, so that a driver that looks at flags of its own is never late by more.
  static constexpr base::Duration kRestMax = std::chrono::seconds(1);

  /// `stack` and `device` must outlive this.
  Loop(Stack& stack, link::Device& device, const LoopConfig& config)
      : stack_(stack), device_(device), config_(config), idle_polls_(config.idle_polls_max) {}

  /// One turn at `now`, which must not go back. True when anything moved, or more is ready to.
  bool turn(base::Instant now);

  /// For a turn in which nothing moved: returns at once a few times, then sleeps until the stack's next deadline or
  /// until the device or `wake_fd` (-1 for none) has something. How often "a few" is follows from how soon frames came
  /// the last times.
  void rest(base::Instant now, int wake_fd);

  /// Transmits what the stack still has, without receiving. True when all of it has left.
  bool flush(base::Instant now);

 private:
  bool transmit(base::Instant now);
  void adapt(base::Instant now);

  Stack& stack_;
  link::Device& device_;
  LoopConfig config_;
  link::Burst received_;
  link::Burst ready_;  // What the device did not take stays in front.
  std::uint32_t idle_polls_;
  std::uint32_t idle_turns_ = 0;
  std::uint32_t turns_without_timers_ = 0;
  base::Instant idle_since_{};
};

}  // namespace windhover::stack::lane
