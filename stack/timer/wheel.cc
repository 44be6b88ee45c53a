#include "stack/timer/wheel.h"

namespace windhover::stack::timer {

Wheel::Wheel(base::Instant now) : start_(now) {
  for (Timer& head : heads_) head.previous_ = head.next_ = &head;
}

void Wheel::arm(Timer& timer, base::Instant deadline) {
  const std::uint64_t tick = tick_after(deadline);
  if (timer.armed()) {
    // A retransmission timer is pushed back with every acknowledgement, mostly by less than a tick.
    if (tick > tick_ && tick == tick_after(timer.deadline_)) {
      timer.deadline_ = deadline;
      return;
    }
    unlink(timer);
  } else {
    ++armed_count_;
  }
  timer.deadline_ = deadline;
  if (tick <= tick_) {
    link(timer, kDue);
  } else {
    place(timer, tick);
  }
}

/// Precondition: tick > tick_.
void Wheel::place(Timer& timer, std::uint64_t tick) {
  const auto level = static_cast<unsigned>(std::bit_width(tick ^ tick_) - 1) / kSlotBits;
  const auto slot = static_cast<unsigned>(tick >> level * kSlotBits) % kSlots;
  slots_in_use_[level] |= std::uint64_t{1} << slot;
  levels_in_use_ |= static_cast<std::uint8_t>(1u << level);
  link(timer, level * kSlots + slot);
}

/// The tick at which a slot in use is reached: the digits of tick_ above the level, the slot, and zeros below.
std::uint64_t Wheel::slot_start(unsigned level, unsigned slot) const {
  const unsigned above = (level + 1) * kSlotBits;
  return (tick_ >> above << above) | std::uint64_t{slot} << level * kSlotBits;
}

void Wheel::splice(std::size_t from, std::size_t to) {
  if (empty(from)) return;
  Timer& source = heads_[from];
  Timer& target = heads_[to];
  source.next_->previous_ = target.previous_;
  target.previous_->next_ = source.next_;
  source.previous_->next_ = &target;
  target.previous_ = source.previous_;
  source.previous_ = source.next_ = &source;
}

/// Deals the timers of a slot that tick_ has reached out over the levels below.
void Wheel::spread(std::size_t list) {
  Timer& head = heads_[list];
  Timer* at = head.next_;
  head.previous_ = head.next_ = &head;
  while (at != &head) {
    Timer& timer = *at;
    at = at->next_;
    const std::uint64_t tick = tick_after(timer.deadline_);
    if (tick == tick_) {
      link(timer, kFiring);
    } else {
      place(timer, tick);
    }
  }
}

/// Moves tick_ forward to `tick` and every timer that is due to kFiring.
void Wheel::collect(std::uint64_t tick) {
  splice(kDue, kFiring);
  while (levels_in_use_ != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(levels_in_use_));
    const auto slot = static_cast<unsigned>(std::countr_zero(slots_in_use_[level]));
    const std::uint64_t start = slot_start(level, slot);
    if (start > tick) break;
    tick_ = start;
    const std::size_t list = level * kSlots + slot;
    mark_empty(list);
    if (level == 0) {
      splice(list, kFiring);
    } else {
      spread(list);
    }
  }
  tick_ = tick;
}

base::Instant Wheel::instant_of(std::uint64_t tick) const {
  const auto tick_size = static_cast<std::uint64_t>(kTick.count());
  if (tick > nanoseconds_since_start(base::kNever) / tick_size) return base::kNever;
  const auto since_epoch = static_cast<std::uint64_t>(start_.time_since_epoch().count()) + tick * tick_size;
  return base::Instant(base::Duration(static_cast<base::Duration::rep>(since_epoch)));
}

base::Instant Wheel::next_deadline() const {
  if (!empty(kDue)) return instant_of(tick_);
  if (levels_in_use_ == 0) return base::kNever;
  const auto level = static_cast<unsigned>(std::countr_zero(levels_in_use_));
  return instant_of(slot_start(level, static_cast<unsigned>(std::countr_zero(slots_in_use_[level]))));
}

}  // namespace windhover::stack::timer
