#include "stack/tcp/congestion.h"

#include <gtest/gtest.h>

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMss = 1000;
constexpr base::Duration kRtt = 100ms;

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

/// One round trip in which the whole window is acknowledged, two segments at a time.
void round(Congestion& congestion, base::Instant now) {
  const std::uint32_t cwnd = congestion.cwnd();
  for (std::uint32_t acked = 0; acked < cwnd; acked += 2 * kMss) {
    congestion.acknowledged(now, std::min(2 * kMss, cwnd - acked), kRtt, true);
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
  congestion.acknowledged(at(kRtt), 5 * kMss, kRtt, false);
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
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

// RFC 5681 §4.1
TEST_P(BothAlgorithms, after_idling_the_initial_window_is_the_limit) {
  congestion.set_cwnd(80 * kMss);
  congestion.restart_after_idle();
  EXPECT_EQ(congestion.cwnd(), 10 * kMss);
  congestion.set_cwnd(3 * kMss);
  congestion.restart_after_idle();
  EXPECT_EQ(congestion.cwnd(), 3 * kMss);
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
  for (int count = 1; count < 60; ++count) congestion.acknowledged(at(kRtt * count), 64U << 20, kRtt, true);
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
    congestion.acknowledged(at(kShort * trip), cwnd, kShort, true);
  }
  EXPECT_GT(congestion.cwnd(), begin + 8 * kMss);
}

}  // namespace
}  // namespace windhover::stack::tcp
