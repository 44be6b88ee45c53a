#pragma once
// A hierarchical timing wheel (Varghese and Lauck, 1987): arming, cancelling and expiring cost the same for ten timers
// and for a million.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "stack/base/check.h"
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

/// Granularity: a timer fires at the first advance() at or after its deadline rounded up to a tick (ticks are counted
/// from where the wheel began); never early. Order: by tick; what was armed in the past comes first. Range: any.
/// Thread: one lane. Never allocates.
///
/// How: eight levels of 64 slots, a slot of level n spanning 64^n ticks; together they span every Duration there is. A
/// timer lies on the level of the highest base-64 digit in which its tick differs from the current one, in the slot of
/// that digit. So all slots in use lie ahead of the current tick, and the lowest bit of the lowest level in use is the
/// next thing to happen; moving over empty time touches nothing. A slot above level 0 that is reached is spread over
/// the levels below.
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
  void cancel(Timer& timer) {
    if (!timer.armed()) return;
    unlink(timer);
    --armed_count_;
  }

  /// Moves time to `now` and calls expired(Timer&) for each timer that is due, each already disarmed. The callback may
  /// arm and cancel any timer, its own too; what it arms in the past waits for the next advance(). Preconditions: now
  /// does not go back; not called from the callback.
  template <typename Expired>
  void advance(base::Instant now, Expired&& expired) {
    const std::uint64_t tick = tick_before(now);
    CHECK(tick >= tick_);
    if (armed_count_ == 0) {
      tick_ = tick;
      return;
    }
    if (tick == tick_ && empty(kDue)) return;
    collect(tick);
    Timer& firing = heads_[kFiring];
    while (firing.next_ != &firing) {
      Timer& timer = *firing.next_;
      cancel(timer);
      expired(timer);
    }
  }

  /// No timer fires before this moment; kNever when none is armed. May be early (a cascade), never late.
  base::Instant next_deadline() const;

  std::size_t armed_count() const { return armed_count_; }

 private:
  static constexpr unsigned kLevels = 8;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  /// Two lists besides the slots: armed in the past, and taken by the advance() that is running.
  static constexpr std::size_t kDue = kLevels * kSlots;
  static constexpr std::size_t kFiring = kDue + 1;
  static constexpr std::size_t kHeads = kFiring + 1;

  /// Whole ticks from the beginning to `at`.
  std::uint64_t tick_before(base::Instant at) const {
    CHECK(at >= start_);
    return nanoseconds_since_start(at) / static_cast<std::uint64_t>(kTick.count());
  }
  /// The first tick at or after `at`.
  std::uint64_t tick_after(base::Instant at) const {
    return at <= start_ ? 0 : (nanoseconds_since_start(at) - 1) / static_cast<std::uint64_t>(kTick.count()) + 1;
  }
  // Unsigned, because the distance between two instants may be twice what a Duration holds. Precondition: at >= start_.
  std::uint64_t nanoseconds_since_start(base::Instant at) const {
    return static_cast<std::uint64_t>(at.time_since_epoch().count()) -
           static_cast<std::uint64_t>(start_.time_since_epoch().count());
  }
  base::Instant instant_of(std::uint64_t tick) const;
  bool empty(std::size_t list) const { return heads_[list].next_ == &heads_[list]; }
  void mark_empty(std::size_t list) {
    const std::size_t level = list / kSlots;
    slots_in_use_[level] &= ~(std::uint64_t{1} << list % kSlots);
    if (slots_in_use_[level] == 0) levels_in_use_ &= static_cast<std::uint8_t>(~(1u << level));
  }
  void link(Timer& timer, std::size_t list) {
    Timer& head = heads_[list];
    timer.next_ = &head;
    timer.previous_ = head.previous_;
    head.previous_->next_ = &timer;
    head.previous_ = &timer;
  }
  void unlink(Timer& timer) {
    Timer* const previous = timer.previous_;
    Timer* const next = timer.next_;
    previous->next_ = next;
    next->previous_ = previous;
    timer.previous_ = nullptr;
    if (previous != next) return;
    // It was the last of its list, and its neighbour on both sides is the head.
    const auto list = static_cast<std::size_t>(previous - heads_.data());
    if (list < kDue) mark_empty(list);
  }
  void place(Timer& timer, std::uint64_t tick);
  std::uint64_t slot_start(unsigned level, unsigned slot) const;
  void splice(std::size_t from, std::size_t to);
  void spread(std::size_t list);
  void collect(std::uint64_t tick);

  base::Instant start_;
  std::uint64_t tick_ = 0;  // Whole ticks from start_ to the last advance().
  std::size_t armed_count_ = 0;
  std::uint8_t levels_in_use_ = 0;                     // Bit n: level n has a slot in use.
  std::array<std::uint64_t, kLevels> slots_in_use_{};  // Bit n: slot n of the level is not empty.
  std::array<Timer, kHeads> heads_;                    // Circular lists; a head is never armed or fired.
};

}  // namespace windhover::stack::timer
