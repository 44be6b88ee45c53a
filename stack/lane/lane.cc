#include "stack/lane/lane.h"

#include <algorithm>

namespace windhover::stack::lane {
namespace {

// A frame that comes within this time after the last one is cheaper to poll for than to be woken by.
constexpr base::Duration kWorthPolling = std::chrono::microseconds(20);

// How long a stack waits that has more to give than a blocked device takes: long enough not to spin, short enough for
// timers.
constexpr base::Duration kBlockedRest = std::chrono::milliseconds(1);

// A device that is never empty lets timers wait this many turns at the most.
constexpr std::uint32_t kTimerTurnsMax = 32;

}  // namespace

bool Loop::turn(base::Instant now) {
  const bool received = device_.receive(received_) != 0;
  if (received) {
    adapt(now);
    stack_.input(now, received_);
    received_.clear();
  }
  // A lane that was held up must not take for lost what lies in the device: timers come after what has arrived.
  if (!received || ++turns_without_timers_ == kTimerTurnsMax) {
    turns_without_timers_ = 0;
    stack_.advance(now);
  }
  const bool transmitted = transmit(now);
  const bool moved = received || transmitted;
  if (moved) idle_turns_ = 0;
  return moved;
}

bool Loop::transmit(base::Instant now) {
  stack_.output(now, ready_);
  const std::size_t taken = ready_.empty() ? 0 : device_.transmit(ready_.frames());
  ready_.drop_front(taken);
  device_.flush();
  return taken != 0;
}

void Loop::adapt(base::Instant now) {
  if (idle_turns_ == 0) return;
  if (now - idle_since_ <= kWorthPolling) {
    idle_polls_ = std::min(config_.idle_polls_max, idle_polls_ * 2 + 1);
  } else {
    idle_polls_ /= 2;
  }
}

void Loop::rest(base::Instant now, int wake_fd) {
  if (idle_turns_++ == 0) idle_since_ = now;
  if (idle_turns_ <= idle_polls_) return;
  const base::Instant deadline = stack_.next_deadline();
  base::Duration longest = deadline == base::kNever ? kRestMax : std::min(deadline - now, kRestMax);
  if (!ready_.empty()) longest = std::max(longest, kBlockedRest);
  if (longest > base::Duration::zero()) device_.wait(longest, wake_fd);
}

bool Loop::flush(base::Instant now) {
  transmit(now);
  return ready_.empty() && stack_.next_deadline() > now && device_.flush();
}

}  // namespace windhover::stack::lane
