#include "stack/lane/lane.h"

#include <algorithm>

namespace windhover::stack::lane {
namespace {

// A lane that slept sees a frame later than it came, and a client that waits for the answer asks later for it: what is
// measured of a gap is longer by as much, and would keep the lane asleep for ever.
constexpr base::Duration kWakeMax = std::chrono::microseconds(100);

// Windows shorter than this are not worth a second look at the device.
constexpr base::Duration kWindowMin = std::chrono::microseconds(1);

// How long a stack waits that has more to give than a blocked device takes: long enough not to spin, short enough for
// timers.
constexpr base::Duration kBlockedRest = std::chrono::milliseconds(1);

// A device that is never empty lets timers wait this many turns at the most.
constexpr std::uint32_t kTimerTurnsMax = 32;

}  // namespace

bool Loop::turn(base::Instant now) {
  const bool received = receive(now);
  // A lane that was held up must not take for lost what lies in the device: timers come after what has arrived.
  if (!received || ++turns_without_timers_ == kTimerTurnsMax) {
    turns_without_timers_ = 0;
    stack_.advance(now);
  }
  const bool transmitted = transmit(now);
  const bool moved = received || transmitted;
  if (moved) resting_ = false;
  return moved;
}

bool Loop::receive(base::Instant now) {
  bool received = device_.receive(received_) != 0;
  if (exchange_ != nullptr) {
    if (received) {
      exchange_->sort(lane_, device_.caps().medium, received_);
      exchange_->ring(lane_);
    }
    // A burst that is full already must not keep mail waiting for ever.
    if (received_.full()) input(now);
    received |= exchange_->collect(lane_, received_) != 0;
  }
  if (!received) return false;
  if (resting_) adapt(now - idle_since_);
  input(now);
  return true;
}

void Loop::input(base::Instant now) {
  stack_.input(now, received_);
  if (exchange_ == nullptr || stack_.elsewhere().empty()) return;
  exchange_->sort(lane_, device_.caps().medium, stack_.elsewhere());
  exchange_->ring(lane_);
  stack_.elsewhere().clear();
}

bool Loop::transmit(base::Instant now) {
  stack_.output(now, ready_);
  const std::size_t taken = ready_.empty() ? 0 : device_.transmit(ready_.frames());
  ready_.drop_front(taken);
  device_.flush();
  return taken != 0;
}

void Loop::adapt(base::Duration gap) {
  if (gap <= config_.spin_max + (slept_ ? kWakeMax : base::Duration::zero())) {
    window_ = config_.spin_max;
  } else {
    window_ = window_ / 2 < kWindowMin ? base::Duration::zero() : window_ / 2;
  }
}

bool Loop::rest(base::Instant now, int wake_fd) {
  if (!resting_) {
    resting_ = true;
    slept_ = false;
    idle_since_ = now;
  }
  if (now - idle_since_ < window_) return false;
  const base::Instant deadline = stack_.next_deadline();
  base::Duration longest = deadline == base::kNever ? kRestMax : std::min(deadline - now, kRestMax);
  if (!ready_.empty()) longest = std::max(longest, kBlockedRest);
  if (longest <= base::Duration::zero()) return false;
  if (exchange_ != nullptr && !exchange_->may_sleep(lane_)) return false;
  device_.wait(longest, wake_fd);
  if (exchange_ != nullptr) exchange_->awake(lane_);
  slept_ = true;
  return true;
}

bool Loop::flush(base::Instant now) {
  transmit(now);
  return ready_.empty() && stack_.next_deadline() > now && device_.flush();
}

}  // namespace windhover::stack::lane
