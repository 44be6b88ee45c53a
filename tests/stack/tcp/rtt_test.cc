#include "stack/tcp/rtt.h"

#include <gtest/gtest.h>

#include "stack/tcp/config.h"

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

Config config() {
  Config config;
  config.rto_initial = 1s;
  config.rto_min = 200ms;
  config.rto_max = 60s;
  return config;
}

// RFC 6298 2.1
TEST(RttEstimator, before_any_sample_the_timeout_is_the_initial_one) {
  const RttEstimator rtt(config());
  EXPECT_FALSE(rtt.sampled());
  EXPECT_EQ(rtt.rto(), 1s);
}

// RFC 6298 2.2: SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + 4 RTTVAR.
TEST(RttEstimator, the_first_sample_sets_all) {
  RttEstimator rtt(config());
  rtt.sample(100ms);
  EXPECT_EQ(rtt.srtt(), 100ms);
  EXPECT_EQ(rtt.rttvar(), 50ms);
  EXPECT_EQ(rtt.rto(), 300ms);
  EXPECT_EQ(rtt.min_rtt(), 100ms);
}

// RFC 6298 2.3: alpha is 1/8, beta 1/4.
TEST(RttEstimator, later_samples_are_smoothed) {
  RttEstimator rtt(config());
  rtt.sample(100ms);
  rtt.sample(180ms);
  EXPECT_EQ(rtt.rttvar(), 57500us);
  EXPECT_EQ(rtt.srtt(), 110ms);
  EXPECT_EQ(rtt.rto(), 110ms + 4 * 57500us);
  rtt.sample(60ms);
  EXPECT_EQ(rtt.min_rtt(), 60ms);
  EXPECT_EQ(rtt.latest(), 60ms);
}

// RFC 6298 2.4
TEST(RttEstimator, the_timeout_keeps_to_its_bounds) {
  RttEstimator rtt(config());
  for (int count = 0; count < 50; ++count) rtt.sample(1ms);
  EXPECT_EQ(rtt.rto(), 200ms);
  rtt.sample(100s);
  EXPECT_EQ(rtt.rto(), 60s);
}

// RFC 6298 5.5, 5.7
TEST(RttEstimator, backing_off_doubles_until_the_bound_and_a_sample_undoes_it) {
  RttEstimator rtt(config());
  rtt.sample(100ms);
  rtt.back_off();
  EXPECT_EQ(rtt.rto(), 600ms);
  for (int count = 0; count < 20; ++count) rtt.back_off();
  EXPECT_EQ(rtt.rto(), 60s);
  rtt.sample(100ms);
  EXPECT_LT(rtt.rto(), 300ms);
}

TEST(RttEstimator, a_sample_of_nothing_still_counts_as_one) {
  RttEstimator rtt(config());
  rtt.sample(0ms);
  EXPECT_TRUE(rtt.sampled());
  EXPECT_EQ(rtt.rto(), 200ms);
}

}  // namespace
}  // namespace windhover::stack::tcp
