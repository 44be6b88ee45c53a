#include "stack/tcp/congestion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMss = 1000;
constexpr base::Duration kRtt = 100ms;

/// An acknowledgement of a window that is in use, on a device that sends segment by segment.
WindowAck ack(base::Instant now, std::uint32_t bytes, base::Duration rtt = kRtt) {
  return {.now = now, .bytes = bytes, .frame = kMss, .srtt = rtt};
}

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

/// One round trip in which the whole window is acknowledged, two segments at a time.
void round(Congestion& congestion, base::Instant now) {
  const std::uint32_t cwnd = congestion.cwnd();
  for (std::uint32_t acked = 0; acked < cwnd; acked += 2 * kMss) {
    congestion.acknowledged(ack(now, std::min(2 * kMss, cwnd - acked)));
  }
}

class BothAlgorithms : public testing::TestWithParam<CongestionControl> {
 protected:
  Congestion congestion{GetParam(), kMss, 10};
};

// RFC 6928
TEST_P(BothAlgorithms, a_new_connection_begins_with_ten_segments_in_slow_start) {
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
  EXPECT_TRUE(congestion.in_slow_start());
  EXPECT_FALSE(congestion.has_lost());
}

TEST_P(BothAlgorithms, the_handshakes_mss_rescales_an_untouched_window) {
  congestion.set_mss(500, 10);
  EXPECT_EQ(congestion.cwnd(), 5000U);
  congestion.set_cwnd(7777);
  congestion.set_mss(400, 10);
  EXPECT_EQ(congestion.cwnd(), 7777U);
}

// RFC 5681 §3.1, RFC 3465
TEST_P(BothAlgorithms, slow_start_doubles_in_a_round_trip) {
  round(congestion, at(kRtt));
  EXPECT_EQ(congestion.cwnd(), 20 * kMss);
}

// RFC 7661: a window that the application does not fill is not validated.
TEST_P(BothAlgorithms, a_window_that_was_not_used_does_not_grow) {
  congestion.stands(at(kRtt));
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
}

TEST_P(BothAlgorithms, what_goes_on_after_sleep_has_its_windows_and_grows_from_there) {
  congestion.go_on(30 * kMss, 20 * kMss, true);
  EXPECT_EQ(congestion.cwnd(), 30 * kMss);
  EXPECT_EQ(congestion.ssthresh(), 20 * kMss);
  EXPECT_TRUE(congestion.has_lost());
  round(congestion, at(kRtt));
  EXPECT_GT(congestion.cwnd(), 30 * kMss);
  EXPECT_LE(congestion.cwnd(), 31 * kMss + kMss / 2);
}

// RFC 5681 §3.1 (4)
TEST_P(BothAlgorithms, a_timeout_leaves_one_segment) {
  congestion.set_cwnd(100 * kMss);
  congestion.timeout(100 * kMss);
  EXPECT_EQ(congestion.cwnd(), kMss);
  EXPECT_TRUE(congestion.has_lost());
  EXPECT_TRUE(congestion.in_slow_start());
}

TEST_P(BothAlgorithms, ssthresh_never_falls_below_two_segments) {
  congestion.set_cwnd(kMss);
  congestion.loss(kMss);
  EXPECT_EQ(congestion.ssthresh(), 2 * kMss);
}

// RFC 5681 §4.1, as RFC 2861: half for each RTO of silence, never below the initial window, and ssthresh remembers.
TEST_P(BothAlgorithms, idling_halves_the_window_for_each_timeout_down_to_the_initial_one) {
  congestion.set_cwnd(80 * kMss);
  congestion.resume(at(10s), 200ms, 200ms);
  EXPECT_EQ(congestion.cwnd(), 80 * kMss);
  congestion.resume(at(10s), 201ms, 200ms);
  EXPECT_EQ(congestion.cwnd(), 40 * kMss);
  congestion.resume(at(10s), 401ms, 200ms);
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
  congestion.resume(at(10s), 1h, 200ms);
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
  congestion.set_cwnd(3 * kMss);
  congestion.resume(at(10s), 1h, 200ms);
  EXPECT_EQ(congestion.cwnd(), 3 * kMss);
}

TEST_P(BothAlgorithms, after_idling_three_quarters_of_the_window_are_the_slow_start_threshold) {
  congestion.set_cwnd(80 * kMss);
  congestion.loss(80 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  const std::uint32_t cwnd = congestion.cwnd();
  congestion.resume(at(10s), 1s, 200ms);
  EXPECT_EQ(congestion.ssthresh(), cwnd);  // It was higher than three quarters.
  congestion.set_cwnd(200 * kMss);
  congestion.resume(at(10s), 1s, 200ms);
  EXPECT_EQ(congestion.ssthresh(), 150 * kMss);
}

// RFC 7661 §4.4, by half of what was not used.
TEST_P(BothAlgorithms, a_window_that_stays_unused_shrinks_towards_what_is_used) {
  congestion.set_cwnd(80 * kMss);
  congestion.application_limited(20 * kMss);
  EXPECT_EQ(congestion.cwnd(), 50 * kMss);
  congestion.application_limited(kMss);
  EXPECT_EQ(congestion.cwnd(), 30 * kMss);
  congestion.set_cwnd(10 * kMss);
  congestion.application_limited(kMss);
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
}

// RFC 6928 §2
TEST_P(BothAlgorithms, large_segments_begin_with_fewer_of_them) {
  EXPECT_EQ(Congestion(GetParam(), 1460, 10).cwnd(), 14600U);
  EXPECT_EQ(Congestion(GetParam(), 8948, 10).cwnd(), 2 * 8948U);
  EXPECT_EQ(Congestion(GetParam(), 536, 10).cwnd(), 5360U);
}

TEST_P(BothAlgorithms, several_lost_syns_leave_one_segment_to_begin_with) {
  congestion.begin_small();
  EXPECT_EQ(congestion.cwnd(), kMss);
}

// RFC 9406 §4.3: eight segments in the first slow start.
TEST_P(BothAlgorithms, one_acknowledgement_brings_no_more_than_eight_segments_in_the_first_slow_start) {
  congestion.set_cwnd(40 * kMss);
  congestion.acknowledged(ack(at(kRtt), 7 * kMss));
  EXPECT_EQ(congestion.cwnd(), 47 * kMss);
  congestion.acknowledged(ack(at(kRtt), 30 * kMss));
  EXPECT_EQ(congestion.cwnd(), 55 * kMss);
}

// RFC 3465 §2.2, §2.3
TEST_P(BothAlgorithms, later_slow_starts_count_two_segments_an_acknowledgement_and_repair_one) {
  congestion.set_cwnd(100 * kMss);
  congestion.timeout(100 * kMss);
  WindowAck repair = ack(at(kRtt), 10 * kMss);
  repair.repairing = true;
  congestion.acknowledged(repair);
  EXPECT_EQ(congestion.cwnd(), 2 * kMss);
  congestion.acknowledged(ack(at(kRtt), 10 * kMss));
  EXPECT_EQ(congestion.cwnd(), 4 * kMss);
  congestion.acknowledged(ack(at(kRtt), kMss));
  EXPECT_EQ(congestion.cwnd(), 5 * kMss);
}

// What leaves as one frame is acknowledged as one: counting segments would make offload slower than none.
TEST_P(BothAlgorithms, a_super_frame_counts_as_a_segment_does) {
  congestion.set_cwnd(100 * kMss);
  congestion.timeout(100 * kMss);
  WindowAck whole = ack(at(kRtt), 44 * kMss);
  whole.frame = 30 * kMss;
  whole.repairing = true;
  congestion.acknowledged(whole);
  EXPECT_EQ(congestion.cwnd(), 31 * kMss);
}

// RFC 3168 §6.1.2, RFC 8511 §3
TEST_P(BothAlgorithms, a_mark_takes_less_than_a_loss_does) {
  congestion.set_cwnd(100 * kMss);
  congestion.loss(100 * kMss);
  congestion.set_cwnd(100 * kMss);  // Beyond ssthresh: congestion avoidance.
  const Congestion before = congestion;
  congestion.loss(100 * kMss);
  const std::uint32_t after_loss = congestion.ssthresh();
  congestion = before;
  congestion.marked(100 * kMss);
  const double kept = GetParam() == CongestionControl::kCubic ? 0.85 : 0.8;
  EXPECT_NEAR(congestion.cwnd(), kept * 100 * kMss, 2);
  EXPECT_EQ(congestion.cwnd(), congestion.ssthresh());
  EXPECT_GT(congestion.cwnd(), after_loss);
}

TEST_P(BothAlgorithms, a_mark_in_slow_start_counts_as_a_loss) {
  congestion.set_cwnd(100 * kMss);
  congestion.marked(100 * kMss);
  const double kept = GetParam() == CongestionControl::kCubic ? 0.7 : 0.5;
  EXPECT_NEAR(congestion.cwnd(), kept * 100 * kMss, 2);
  EXPECT_FALSE(congestion.has_lost());
}

/// A path of `rate` segments a second whose queue has no bound, and a sender that fills its window with frames of up to
/// `frame_segments`, each acknowledged when the path has carried it. Until slow start is over or `acks` have come.
void fill_path(Congestion& congestion, base::Duration propagation, double rate, int acks,
               std::uint32_t frame_segments) {
  struct Sent {
    base::Instant left;
    base::Instant acknowledged;
    std::uint32_t segments;
  };
  const base::Duration service = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(1 / rate));
  std::deque<Sent> flight;
  base::Instant now{};
  base::Instant link_free{};
  std::uint32_t una = 0;
  std::uint32_t nxt = 0;
  for (int count = 0; count < acks && congestion.in_slow_start(); ++count) {
    while ((nxt - una) < congestion.cwnd()) {
      const std::uint32_t segments = std::min(frame_segments, (congestion.cwnd() - (nxt - una) + kMss - 1) / kMss);
      link_free = std::max(link_free, now) + service * static_cast<int>(segments);
      flight.push_back({now, link_free + propagation, segments});
      nxt += segments * kMss;
    }
    const Sent first = flight.front();
    flight.pop_front();
    now = first.acknowledged;
    una += first.segments * kMss;
    congestion.acknowledged({.now = now,
                             .bytes = first.segments * kMss,
                             .frame = frame_segments * kMss,
                             .srtt = propagation,
                             .rtt = now - first.left,
                             .una = wire::Seq(una),
                             .nxt = wire::Seq(nxt)});
  }
}

// RFC 9406: 1000 segments a second and 100 ms hold 100 segments; without HyStart++ nothing would end slow start.
TEST_P(BothAlgorithms, the_first_slow_start_ends_soon_after_the_path_is_full) {
  fill_path(congestion, 100ms, 1000, 20000, 2);
  EXPECT_LE(congestion.cwnd(), 1000 * kMss);
  EXPECT_FALSE(congestion.in_slow_start());
  EXPECT_FALSE(congestion.has_lost());
  EXPECT_GE(congestion.cwnd(), 100 * kMss);
  EXPECT_EQ(congestion.cwnd(), congestion.ssthresh());
}

TEST_P(BothAlgorithms, the_first_slow_start_ends_as_well_when_super_frames_bring_few_acknowledgements) {
  fill_path(congestion, 100ms, 1000, 20000, 44);
  EXPECT_LE(congestion.cwnd(), 1000 * kMss);
  EXPECT_FALSE(congestion.in_slow_start());
}

TEST_P(BothAlgorithms, a_path_that_holds_the_window_does_not_end_slow_start) {
  fill_path(congestion, 100ms, 1e7, 5000, 2);
  EXPECT_GE(congestion.cwnd(), 10000 * kMss);
  EXPECT_TRUE(congestion.in_slow_start());
}

TEST_P(BothAlgorithms, slow_start_ends_at_ssthresh) {
  congestion.set_cwnd(40 * kMss);
  congestion.loss(40 * kMss);
  congestion.set_cwnd(congestion.ssthresh() - kMss);
  round(congestion, at(kRtt));
  EXPECT_GE(congestion.cwnd(), congestion.ssthresh());
  EXPECT_LE(congestion.cwnd(), congestion.ssthresh() + 2 * kMss);
}

TEST_P(BothAlgorithms, growth_has_a_bound) {
  for (int count = 1; count < 60; ++count) round(congestion, at(kRtt * count));
  EXPECT_LE(congestion.cwnd(), 64U << 20);
}

INSTANTIATE_TEST_SUITE_P(Each, BothAlgorithms, testing::Values(CongestionControl::kNewReno, CongestionControl::kCubic));

// RFC 5681 (3), (4)
TEST(NewReno, halves_at_loss_and_then_grows_by_a_segment_a_round_trip) {
  Congestion congestion(CongestionControl::kNewReno, kMss, 10);
  congestion.set_cwnd(20 * kMss);
  congestion.loss(20 * kMss);
  EXPECT_EQ(congestion.ssthresh(), 10 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  for (std::uint32_t trip = 1; trip <= 5; ++trip) {
    round(congestion, at(kRtt * trip));
    EXPECT_EQ(congestion.cwnd(), (10 + trip) * kMss);
  }
}

// RFC 9438 §4.6
TEST(Cubic, keeps_seven_tenths_at_loss) {
  Congestion congestion(CongestionControl::kCubic, kMss, 10);
  congestion.set_cwnd(100 * kMss);
  congestion.loss(100 * kMss);
  EXPECT_NEAR(congestion.ssthresh(), 70 * kMss, kMss);
}

// RFC 9438 §4.2: W(K) = W_max with K = cbrt((W_max - cwnd) / C), here cbrt(30 / 0.4) = 4.2 s; flat there, steep later.
TEST(Cubic, returns_to_the_old_window_after_k_seconds_and_then_probes_beyond) {
  Congestion congestion(CongestionControl::kCubic, kMss, 10);
  congestion.set_cwnd(100 * kMss);
  congestion.loss(100 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  base::Instant now{};
  for (; now < at(2s); now += kRtt) round(congestion, now);
  EXPECT_GT(congestion.cwnd(), 85 * kMss);
  EXPECT_LT(congestion.cwnd(), 99 * kMss);
  for (; now < at(4200ms); now += kRtt) round(congestion, now);
  EXPECT_NEAR(congestion.cwnd(), 100 * kMss, 3 * kMss);
  for (; now < at(8400ms); now += kRtt) round(congestion, now);
  EXPECT_GT(congestion.cwnd(), 120 * kMss);
}

// RFC 9438 §4.7: a flow that lost before it was back where it had been leaves room for others.
TEST(Cubic, converges_fast_after_a_second_loss_below_the_first) {
  const auto window_after = [](std::uint32_t second_loss) {
    Congestion congestion(CongestionControl::kCubic, kMss, 10);
    congestion.set_cwnd(100 * kMss);
    congestion.loss(100 * kMss);
    congestion.set_cwnd(second_loss);
    congestion.loss(second_loss);
    congestion.set_cwnd(50 * kMss);
    base::Instant now{};
    for (; now < at(3s); now += kRtt) round(congestion, now);
    return congestion.cwnd();
  };
  EXPECT_LT(window_after(80 * kMss), window_after(110 * kMss));
}

// RFC 9438 §4.3: where the cubic curve is slower than Reno would be, Reno's window counts.
TEST(Cubic, is_never_slower_than_reno_on_short_paths) {
  constexpr base::Duration kShort = 1ms;
  Congestion congestion(CongestionControl::kCubic, kMss, 10);
  congestion.set_cwnd(10 * kMss);
  congestion.loss(10 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  const std::uint32_t begin = congestion.cwnd();
  for (int trip = 1; trip <= 20; ++trip) {
    const std::uint32_t cwnd = congestion.cwnd();
    congestion.acknowledged(ack(at(kShort * trip), cwnd, kShort));
  }
  EXPECT_GT(congestion.cwnd(), begin + 8 * kMss);
}

/// RFC 9438 figure 1, with C = 0.4 and windows in segments.
double curve(double seconds, double w_max, double cwnd_epoch) {
  const double k = std::cbrt((w_max - cwnd_epoch) / 0.4);
  return 0.4 * std::pow(seconds - k, 3) + w_max;
}

/// A CUBIC flow that has lost at `w_max` segments and begins its curve at 0 s.
Congestion after_loss(std::uint32_t w_max) {
  Congestion congestion(CongestionControl::kCubic, kMss, 10);
  congestion.set_cwnd(w_max * kMss);
  congestion.loss(w_max * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  return congestion;
}

// RFC 9438 §4.2, §4.4, §4.5: the window at the end of each round trip lies on the curve, concave and convex.
TEST(Cubic, follows_the_curve) {
  for (const std::uint32_t w_max : {500U, 2000U, 20000U}) {
    Congestion congestion = after_loss(w_max);
    const double epoch = static_cast<double>(congestion.cwnd()) / kMss;
    const double k = std::cbrt((w_max - epoch) / 0.4);
    base::Instant now{};
    for (; now < at(std::chrono::milliseconds(static_cast<int>(2000 * k))); now += kRtt) {
      round(congestion, now);
      const double t = std::chrono::duration<double>(now + kRtt - base::Instant{}).count();
      EXPECT_NEAR(static_cast<double>(congestion.cwnd()) / kMss, curve(t, w_max, epoch), 0.02 * w_max) << t;
    }
  }
}

// RFC 9438 §4.3: alpha is 9/17 until the window is what it was when ssthresh was set, and 1 from there.
TEST(Cubic, in_the_reno_friendly_region_grows_by_nine_seventeenths_of_a_segment_a_round_trip) {
  constexpr base::Duration kShort = 1ms;
  Congestion congestion = after_loss(100);
  const auto trips = [&](int count) {
    static base::Instant now{};
    const std::uint32_t begin = congestion.cwnd();
    for (int trip = 0; trip < count; ++trip) {
      now += kShort;
      const std::uint32_t cwnd = congestion.cwnd();
      for (std::uint32_t acked = 0; acked < cwnd; acked += 2 * kMss) {
        congestion.acknowledged(ack(now, std::min(2 * kMss, cwnd - acked), kShort));
      }
    }
    return static_cast<double>(congestion.cwnd() - begin) / kMss;
  };
  EXPECT_NEAR(trips(34), 34 * 9.0 / 17, 1);  // From 70 to 88.
  trips(26);
  EXPECT_GT(congestion.cwnd(), 100 * kMss);
  EXPECT_NEAR(trips(20), 20, 1);
}

// RFC 9438 §4.7 makes W_max smaller, but not the window up to which the Reno-friendly region is careful.
TEST(Cubic, fast_convergence_lowers_w_max) {
  Congestion congestion = after_loss(1000);
  congestion.set_cwnd(800 * kMss);
  congestion.loss(800 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  const double epoch = 560;
  const double w_max = 800 * 0.85;
  for (base::Instant now{}; now < at(5s); now += kRtt) round(congestion, now);
  EXPECT_NEAR(static_cast<double>(congestion.cwnd()) / kMss, curve(5, w_max, epoch), 10);
}

// RFC 9438 §4.8: K = 0 and W_max = cwnd when congestion avoidance begins after a timeout.
TEST(Cubic, after_a_timeout_the_curve_begins_where_slow_start_ended) {
  Congestion congestion = after_loss(1000);
  congestion.timeout(1000 * kMss);
  congestion.set_cwnd(congestion.ssthresh());
  const double epoch = static_cast<double>(congestion.cwnd()) / kMss;
  for (base::Instant now{}; now < at(5s); now += kRtt) round(congestion, now);
  EXPECT_NEAR(static_cast<double>(congestion.cwnd()) / kMss, epoch + 0.4 * 125, 0.03 * epoch);
}

// RFC 9438 §5.8: only the time in which the window was in use counts.
TEST(Cubic, time_without_demand_does_not_count_on_the_curve) {
  Congestion steady = after_loss(1000);
  Congestion pausing = steady;
  for (base::Instant now{}; now < at(2s); now += kRtt) {
    round(steady, now);
    round(pausing, now);
  }
  pausing.resume(at(1900ms + 60s), 150ms, 200ms);
  for (base::Instant now = at(2s); now < at(4s); now += kRtt) {
    round(steady, now);
    round(pausing, now + 60s);
  }
  EXPECT_NEAR(pausing.cwnd(), steady.cwnd(), 2 * kMss);
  pausing.stands(at(3900ms + 600s));
  for (base::Instant now = at(4s); now < at(6s); now += kRtt) {
    round(steady, now);
    round(pausing, now + 600s);
  }
  EXPECT_NEAR(pausing.cwnd(), steady.cwnd(), 2 * kMss);
}

// A snapshot undoes a reduction that was not needed (RFC 9438 §4.9).
TEST(Cubic, a_copy_is_a_snapshot) {
  Congestion congestion = after_loss(1000);
  for (base::Instant now{}; now < at(2s); now += kRtt) round(congestion, now);
  const Congestion saved = congestion;
  Congestion undone = congestion;
  undone.timeout(900 * kMss);
  undone = saved;
  for (base::Instant now = at(2s); now < at(4s); now += kRtt) {
    round(congestion, now);
    round(undone, now);
  }
  EXPECT_EQ(undone.cwnd(), congestion.cwnd());
}

// Small steps must not be rounded away at large windows: 40000 segments grow by one each round trip.
TEST(NewReno, grows_at_any_size) {
  Congestion congestion(CongestionControl::kNewReno, kMss, 10);
  congestion.set_cwnd(40000 * kMss);
  congestion.loss(80000 * kMss);
  round(congestion, at(kRtt));
  EXPECT_EQ(congestion.cwnd(), 40001 * kMss);
}

}  // namespace
}  // namespace windhover::stack::tcp
