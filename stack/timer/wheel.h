#pragma once
// A hierarchical timing wheel (Varghese and Lauck, 1987): arming, cancelling and expiring cost the same for ten timers and
// for a million.

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/time.h"

namespace windhover::stack::timer {

/// A timer's place in a wheel, embedded in the object it belongs to. Must not move or die while armed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return previous_ != nullptr; }
  /// Precondition: armed().
  base::Instant deadline() const { return deadline_; }

 private:
  friend class Wheel;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  base::Instant deadline_{};
};

/// Granularity: a timer fires at the first advance() at or after its deadline rounded up to a tick; never early.
/// Range: any; deadlines beyond the top level's span wait there and are placed again. Thread: one lane. Never allocates.
class Wheel {
 public:
  static constexpr base::Duration kTick = std::chrono::milliseconds(1);

  /// `now` is where the wheel's time begins.
  explicit Wheel(base::Instant now);
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;

  /// Arms or re-arms. A deadline in the past fires at the next advance().
  void arm(Timer& timer, base::Instant deadline);
  /// Disarms; harmless when not armed.
  void cancel(Timer& timer);

  /// Moves time to `now` and calls expired(Timer&) for each timer that is due, each already disarmed. The callback may arm and
  /// cancel any timer, its own too. Precondition: now does not go back.
  template <typename Expired>
  void advance(base::Instant now, Expired&& expired);

  /// No timer fires before this moment; kNever when none is armed. May be early (a cascade), never late.
  base::Instant next_deadline() const;

  std::size_t armed_count() const { return armed_count_; }

 private:
  // The implementation's choice: levels of 64 slots with an occupancy bitmap each, so that advancing over empty time is cheap.
  std::size_t armed_count_ = 0;
};

}  // namespace windhover::stack::timer
