#pragma once
// The loop that joins a device to a stack: receive, hand over what is another lane's, input, timers, output, transmit,
// flush, and rest when nothing moves.
//
// Whoever drives it owns the thread and the clock:
//
//   while (running) {
//     const auto now = read_clock();
//     if (!loop.turn(now) && loop.rest(now, wake_fd)) clear(wake_fd);
//   }
//
// Rest. To be woken costs more time than a request takes: on a virtual machine a single client saw its answers after
// 26 us from a lane that polls and after 105 us from one that sleeps. So a lane polls on for a while after the last
// frame, its *window*, and sleeps when that has passed. The window is spin_max as long as frames come sooner than that;
// each one that comes later halves the window, so that a lane with little to do soon sleeps at once and an idle one
// costs nothing.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/lane/exchange.h"
#include "stack/lane/stack.h"
#include "stack/link/device.h"

namespace windhover::stack::lane {

/// What an operator can say about the loop.
struct LoopConfig {
  base::Duration spin_max = std::chrono::microseconds(100);  ///< Longest window of polling; 0: sleep at once, always.
};

/// Thread: the lane's. Nothing allocates.
class Loop {
 public:
  /// Sleeps are no longer than this, so that a driver that looks at flags of its own is never late by more.
  static constexpr base::Duration kRestMax = std::chrono::seconds(1);

  /// `stack`, `device` and `exchange` must outlive this. Without an exchange every frame is this lane's; with one, the
  /// loop is lane `lane` of it.
  Loop(Stack& stack, link::Device& device, const LoopConfig& config, Exchange* exchange = nullptr,
       std::uint32_t lane = 0)
      : stack_(stack), device_(device), exchange_(exchange), lane_(lane), config_(config), window_(config.spin_max) {}

  /// One turn at `now`, which must not go back. True when anything moved, or more is ready to.
  bool turn(base::Instant now);

  /// For a turn in which nothing moved: returns at once while the window lasts, then sleeps until the stack's next
  /// deadline or until the device or `wake_fd` (-1 for none) has something. With an exchange, `wake_fd` is what this
  /// lane's doorbell makes readable. True when it slept: `wake_fd` may be readable and is the caller's to clear, before
  /// it looks at whatever else is told by that.
  bool rest(base::Instant now, int wake_fd);

  /// Transmits what the stack still has, without receiving. True when all of it has left.
  bool flush(base::Instant now);

 private:
  bool receive(base::Instant now);
  void input(base::Instant now);
  bool transmit(base::Instant now);
  void adapt(base::Duration gap);

  Stack& stack_;
  link::Device& device_;
  Exchange* exchange_;
  std::uint32_t lane_;
  LoopConfig config_;
  link::Burst received_;
  link::Burst ready_;  // What the device did not take stays in front.
  base::Duration window_;
  bool resting_ = false;  // Nothing has moved since idle_since_.
  bool slept_ = false;    // Since then.
  std::uint32_t turns_without_timers_ = 0;
  base::Instant idle_since_{};
};

}  // namespace windhover::stack::lane
