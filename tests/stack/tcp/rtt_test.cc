#include "stack/tcp/rtt.h"

#include <gtest/gtest.h>

#include "stack/tcp/config.h"

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

RtoBounds bounds() {
  Config config;
  config.rto_initial = 1s;
  config.rto_min = 200ms;
  config.rto_max = 60s;
  return RtoBounds(config);
}

// RFC 6298 2.1
TEST(RttEstimator, before_any_sample_the_timeout_is_the_initial_one) {
  const RttEstimator rtt(bounds());
  EXPECT_FALSE(rtt.sampled());
  EXPECT_EQ(rtt.rto(), 1s);
}

// RFC 6298 2.2: SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + 4 RTTVAR.
TEST(RttEstimator, the_first_sample_sets_all) {
  RttEstimator rtt(bounds());
  rtt.sample(bounds(), 100ms);
  EXPECT_EQ(rtt.srtt(), 100ms);
  EXPECT_EQ(rtt.rttvar(), 50ms);
  EXPECT_EQ(rtt.rto(), 300ms);
  EXPECT_EQ(rtt.min_rtt(), 100ms);
}

// RFC 6298 2.3: alpha is 1/8, beta 1/4.
TEST(RttEstimator, later_samples_are_smoothed) {
  RttEstimator rtt(bounds());
  rtt.sample(bounds(), 100ms);
  rtt.sample(bounds(), 180ms);
  EXPECT_EQ(rtt.rttvar(), 57500us);
  EXPECT_EQ(rtt.srtt(), 110ms);
  EXPECT_EQ(rtt.rto(), 110ms + 4 * 57500us);
  rtt.sample(bounds(), 60ms);
  EXPECT_EQ(rtt.min_rtt(), 60ms);
}

// RFC 6298 2.4
TEST(RttEstimator, the_timeout_keeps_to_its_bounds) {
  RttEstimator rtt(bounds());
  for (int count = 0; count < 50; ++count) rtt.sample(bounds(), 1ms);
  EXPECT_EQ(rtt.rto(), 200ms);
  rtt.sample(bounds(), 100s);
  EXPECT_EQ(rtt.rto(), 60s);
}

// RFC 6298 5.5, 5.7
TEST(RttEstimator, backing_off_doubles_until_the_bound_and_a_sample_undoes_it) {
  RttEstimator rtt(bounds());
  rtt.sample(bounds(), 100ms);
  rtt.back_off(bounds());
  EXPECT_EQ(rtt.rto(), 600ms);
  for (int count = 0; count < 20; ++count) rtt.back_off(bounds());
  EXPECT_EQ(rtt.rto(), 60s);
  rtt.sample(bounds(), 100ms);
  EXPECT_LT(rtt.rto(), 300ms);
}

// A path across a rack: the smoothing must not lose what it is made of.
TEST(RttEstimator, short_round_trips_are_kept_to_a_fraction_of_a_microsecond) {
  RttEstimator rtt(bounds());
  rtt.sample(bounds(), 40us);
  for (int count = 0; count < 100; ++count) rtt.sample(bounds(), 30us);
  EXPECT_GE(rtt.srtt(), 30us);
  EXPECT_LT(rtt.srtt(), 31us);
  EXPECT_LT(rtt.rttvar(), 2us);
  EXPECT_EQ(rtt.min_rtt(), 30us);
}

TEST(RttEstimator, a_round_trip_beyond_all_reason_is_the_longest_there_is) {
  Config config;
  config.rto_max = 1h;
  const RtoBounds long_ones(config);
  RttEstimator rtt(long_ones);
  rtt.sample(long_ones, 24h);
  EXPECT_EQ(rtt.srtt(), RttTicks::max());
  EXPECT_GT(rtt.rto(), rtt.srtt());
  EXPECT_LE(rtt.rto(), 1h);
}

TEST(RttEstimator, a_sample_of_nothing_still_counts_as_one) {
  RttEstimator rtt(bounds());
  rtt.sample(bounds(), 0ms);
  EXPECT_TRUE(rtt.sampled());
  EXPECT_EQ(rtt.rto(), 200ms);
}

}  // namespace
}  // namespace windhover::stack::tcp
