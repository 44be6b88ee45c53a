#include "stack/timer/wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace windhover::stack::timer {
namespace {

using base::Duration;
using base::Instant;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const Instant kStart{seconds(1000)};

/// Advances and returns how many timers fired.
int fired(Wheel& wheel, Instant now) {
  int count = 0;
  wheel.advance(now, [&count](Timer&) { ++count; });
  return count;
}

TEST(WheelTest, timer_fires_at_its_deadline_and_not_a_moment_before) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.arm(timer, kStart + milliseconds(5));
  EXPECT_TRUE(timer.armed());
  EXPECT_EQ(timer.deadline(), kStart + milliseconds(5));
  EXPECT_EQ(wheel.next_deadline(), kStart + milliseconds(5));
  EXPECT_EQ(fired(wheel, kStart + milliseconds(5) - nanoseconds(1)), 0);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(5)), 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(wheel.armed_count(), 0u);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(50)), 0);
}

TEST(WheelTest, deadline_within_a_tick_is_rounded_up) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.arm(timer, kStart + milliseconds(5) + nanoseconds(1));
  EXPECT_EQ(fired(wheel, kStart + milliseconds(6) - nanoseconds(1)), 0);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(6)), 1);
}

TEST(WheelTest, deadline_in_the_past_fires_at_the_next_advance) {
  Wheel wheel(kStart);
  Timer before_start;
  Timer at_start;
  wheel.arm(before_start, kStart - seconds(5));
  wheel.arm(at_start, kStart);
  EXPECT_LE(wheel.next_deadline(), kStart);
  EXPECT_EQ(fired(wheel, kStart), 2);
  EXPECT_EQ(wheel.next_deadline(), base::kNever);
}

TEST(WheelTest, nothing_armed_means_never) {
  Wheel wheel(kStart);
  EXPECT_EQ(wheel.next_deadline(), base::kNever);
  Timer timer;
  wheel.arm(timer, kStart + seconds(1));
  wheel.cancel(timer);
  EXPECT_EQ(wheel.next_deadline(), base::kNever);
  EXPECT_EQ(wheel.armed_count(), 0u);
  EXPECT_EQ(fired(wheel, kStart + seconds(2)), 0);
}

TEST(WheelTest, cancelling_an_unarmed_timer_is_harmless) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.cancel(timer);
  EXPECT_EQ(wheel.armed_count(), 0u);
}

TEST(WheelTest, rearming_replaces_the_deadline_both_ways) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.arm(timer, kStart + milliseconds(10));
  wheel.arm(timer, kStart + milliseconds(20));
  EXPECT_EQ(wheel.armed_count(), 1u);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(19)), 0);
  wheel.arm(timer, kStart + hours(1));
  wheel.arm(timer, kStart + milliseconds(25));
  EXPECT_EQ(fired(wheel, kStart + milliseconds(24)), 0);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(25)), 1);
}

TEST(WheelTest, rearming_within_the_same_tick_moves_the_deadline_told) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.arm(timer, kStart + microseconds(4100));
  wheel.arm(timer, kStart + microseconds(4900));
  EXPECT_EQ(timer.deadline(), kStart + microseconds(4900));
  EXPECT_EQ(fired(wheel, kStart + milliseconds(4)), 0);
  EXPECT_EQ(fired(wheel, kStart + milliseconds(5)), 1);
}

TEST(WheelTest, deadlines_on_both_sides_of_every_level_fire_on_time) {
  for (unsigned level = 0; level < 7; ++level) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      const std::int64_t ticks = (std::int64_t{1} << 6 * level) + offset;
      const Instant deadline = kStart + ticks * Wheel::kTick;
      Wheel wheel(kStart);
      Timer timer;
      wheel.arm(timer, deadline);
      if (ticks > 0) {
        EXPECT_EQ(fired(wheel, deadline - nanoseconds(1)), 0) << level;
      }
      EXPECT_EQ(fired(wheel, deadline), 1) << level;
    }
  }
}

TEST(WheelTest, following_next_deadline_reaches_a_far_timer_in_a_few_steps) {
  Wheel wheel(kStart);
  Timer timer;
  const Instant deadline = kStart + hours(24 * 365) + milliseconds(7);
  wheel.arm(timer, deadline);
  int steps = 0;
  while (timer.armed()) {
    const Instant next = wheel.next_deadline();
    ASSERT_LE(next, deadline);
    ASSERT_LE(++steps, 8);
    fired(wheel, next);
  }
}

TEST(WheelTest, timers_at_the_end_of_time_wait_and_can_be_cancelled) {
  Wheel wheel(kStart);
  Timer never;
  Timer almost;
  wheel.arm(never, base::kNever);
  wheel.arm(almost, base::kNever - milliseconds(2));
  EXPECT_EQ(fired(wheel, kStart + hours(24 * 365 * 200)), 0);
  EXPECT_EQ(wheel.armed_count(), 2u);
  EXPECT_LE(wheel.next_deadline(), base::kNever - milliseconds(2));
  wheel.cancel(never);
  wheel.cancel(almost);
  EXPECT_EQ(wheel.next_deadline(), base::kNever);
}

TEST(WheelTest, time_that_begins_before_its_epoch_spans_to_the_end_of_time) {
  const Instant begin = Instant::min();
  Wheel wheel(begin);
  Timer soon;
  Timer never;
  wheel.arm(soon, begin + milliseconds(3));
  wheel.arm(never, base::kNever);
  EXPECT_EQ(wheel.next_deadline(), begin + milliseconds(3));
  EXPECT_EQ(fired(wheel, begin + milliseconds(2)), 0);
  EXPECT_EQ(fired(wheel, begin + milliseconds(3)), 1);
  EXPECT_EQ(fired(wheel, Instant{}), 0);
  EXPECT_EQ(fired(wheel, base::kNever - seconds(1)), 0);
  EXPECT_LE(wheel.next_deadline(), base::kNever);
}

TEST(WheelTest, timers_fire_in_order_of_their_ticks) {
  std::mt19937 random(3);
  Wheel wheel(kStart);
  std::vector<Timer> timers(500);
  for (Timer& timer : timers) wheel.arm(timer, kStart + milliseconds(1 + random() % 100000));
  std::vector<Instant> order;
  wheel.advance(kStart + seconds(200), [&order](Timer& timer) { order.push_back(timer.deadline()); });
  EXPECT_EQ(order.size(), timers.size());
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WheelCallbackTest, timer_that_rearms_itself_fires_again_later_and_not_in_the_same_advance) {
  Wheel wheel(kStart);
  Timer timer;
  wheel.arm(timer, kStart + milliseconds(1));
  int count = 0;
  const auto rearm = [&](Timer& expired) {
    EXPECT_FALSE(expired.armed());
    ++count;
    wheel.arm(expired, kStart + milliseconds(3));
  };
  wheel.advance(kStart + milliseconds(5), rearm);
  EXPECT_EQ(count, 1);
  EXPECT_LE(wheel.next_deadline(), kStart + milliseconds(5));
  wheel.advance(kStart + milliseconds(5), rearm);
  EXPECT_EQ(count, 2);
}

TEST(WheelCallbackTest, timer_cancelled_by_another_of_the_same_slot_does_not_fire) {
  Wheel wheel(kStart);
  std::array<Timer, 3> timers;
  for (Timer& timer : timers) wheel.arm(timer, kStart + milliseconds(2));
  int count = 0;
  wheel.advance(kStart + milliseconds(2), [&](Timer& expired) {
    ++count;
    for (Timer& timer : timers) {
      if (&timer != &expired) wheel.cancel(timer);
    }
  });
  EXPECT_EQ(count, 1);
  EXPECT_EQ(wheel.armed_count(), 0u);
  EXPECT_EQ(wheel.next_deadline(), base::kNever);
}

TEST(WheelCallbackTest, due_timer_put_off_by_another_fires_at_its_new_deadline) {
  Wheel wheel(kStart);
  Timer first;
  Timer second;
  wheel.arm(first, kStart + milliseconds(2));
  wheel.arm(second, kStart + milliseconds(2));
  std::vector<Timer*> order;
  const auto expired = [&](Timer& timer) {
    order.push_back(&timer);
    if (&timer == &first) wheel.arm(second, kStart + milliseconds(100));
  };
  wheel.advance(kStart + milliseconds(2), expired);
  EXPECT_EQ(order, std::vector<Timer*>{&first});
  wheel.advance(kStart + milliseconds(99), expired);
  EXPECT_EQ(order.size(), 1u);
  wheel.advance(kStart + milliseconds(100), expired);
  EXPECT_EQ(order.back(), &second);
}

TEST(WheelCallbackTest, callback_may_destroy_the_object_that_holds_its_timer) {
  Wheel wheel(kStart);
  auto timer = std::make_unique<Timer>();
  wheel.arm(*timer, kStart + milliseconds(1));
  wheel.advance(kStart + milliseconds(1), [&](Timer&) { timer.reset(); });
  EXPECT_EQ(wheel.armed_count(), 0u);
}

TEST(WheelDeathTest, time_that_goes_back_is_a_bug) {
  Wheel wheel(kStart);
  fired(wheel, kStart + milliseconds(10));
  EXPECT_DEATH(fired(wheel, kStart + milliseconds(9)), "CHECK failed");
  EXPECT_DEATH(fired(wheel, kStart - milliseconds(1)), "CHECK failed");
}

/// A wheel beside a sorted map that does the same the slow way. Every step goes to both.
class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed), now_(random_start()), start_(now_), wheel_(now_) {}

  void step() {
    Timer& timer = timers_[random_() % timers_.size()];
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        arm(timer, random_deadline());
        break;
      case 4:
        cancel(timer);
        break;
      case 5:
        advance(now_ + nanoseconds(random_() % 3'000'000));
        break;
      case 6:
        advance(now_ + random_duration());
        break;
      default:
        advance(std::max(now_, std::min(wheel_.next_deadline(), now_ + hours(24 * 30))));
        break;
    }
    ASSERT_EQ(wheel_.armed_count(), armed_.size());
    for (const auto& [at, timer_at] : armed_) ASSERT_GE(std::max(at, now_), wheel_.next_deadline());
    if (armed_.empty()) {
      ASSERT_EQ(wheel_.next_deadline(), base::kNever);
    }
  }

 private:
  Instant random_start() { return Instant(nanoseconds(random_() >> 2)); }

  /// From nanoseconds to years, every order of magnitude alike.
  Duration random_duration() { return nanoseconds(random_() % (std::uint64_t{1} << (1 + random_() % 44))); }

  Instant random_deadline() {
    switch (random_() % 16) {
      case 0:
        return base::kNever;
      case 1:
        return now_ - random_duration();
      case 2:
        return now_;
      case 3:
        return base::kNever - random_duration();
      default:
        return now_ + random_duration();
    }
  }

  /// When a deadline is due: rounded up to a tick from the start; kNever where that does not fit.
  Instant due(Instant deadline) const {
    if (deadline <= start_) return start_;
    const Duration since = deadline - start_;
    const Duration over = since % Wheel::kTick;
    if (over == Duration::zero()) return deadline;
    const Duration up = Wheel::kTick - over;
    return base::kNever - deadline < up ? base::kNever : deadline + up;
  }

  void forget(Timer& timer) {
    std::erase_if(armed_, [&timer](const auto& entry) { return entry.second == &timer; });
  }

  void arm(Timer& timer, Instant deadline) {
    forget(timer);
    armed_.emplace(due(deadline), &timer);
    wheel_.arm(timer, deadline);
    EXPECT_EQ(timer.deadline(), deadline);
  }

  void cancel(Timer& timer) {
    forget(timer);
    wheel_.cancel(timer);
    EXPECT_FALSE(timer.armed());
  }

  void advance(Instant now) {
    now_ = now;
    // What must fire now; a callback may take from it, and what it arms has to wait.
    std::vector<Timer*> expected;
    for (const auto& [at, timer] : armed_) {
      if (at <= now) expected.push_back(timer);
    }
    wheel_.advance(now, [&](Timer& timer) {
      EXPECT_EQ(std::erase(expected, &timer), 1u);
      EXPECT_FALSE(timer.armed());
      EXPECT_LE(due(timer.deadline()), now_);
      forget(timer);
      Timer& other = timers_[random_() % timers_.size()];
      switch (random_() % 6) {
        case 0:
          arm(timer, random_deadline());
          break;
        case 1:
          std::erase(expected, &other);
          arm(other, random_deadline());
          break;
        case 2:
          std::erase(expected, &other);
          cancel(other);
          break;
        default:
          break;
      }
    });
    EXPECT_TRUE(expected.empty());
  }

  std::mt19937_64 random_;
  Instant now_;
  Instant start_;
  Wheel wheel_;
  std::array<Timer, 40> timers_;
  std::multimap<Instant, Timer*> armed_;
};

TEST(WheelPropertyTest, random_use_agrees_with_a_sorted_map) {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int step = 0; step < 2000; ++step) {
      model.step();
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace windhover::stack::timer
