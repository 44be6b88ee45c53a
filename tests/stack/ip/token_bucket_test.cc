#include "stack/ip/token_bucket.h"

#include <gtest/gtest.h>

namespace windhover::stack::ip {
namespace {

using namespace std::chrono_literals;

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

int taken(TokenBucket& bucket, base::Instant now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += bucket.take(now) ? 1 : 0;
  return count;
}

TEST(TokenBucket, full_allows_a_tenth_of_a_second_at_once) {
  TokenBucket bucket(at(0s), 100);
  EXPECT_EQ(taken(bucket, at(0s), 1000), 10);
}

TEST(TokenBucket, empty_refills_one_token_an_interval) {
  TokenBucket bucket(at(0s), 100);
  taken(bucket, at(0s), 10);
  EXPECT_EQ(taken(bucket, at(10ms - 1ns), 5), 0);
  EXPECT_EQ(taken(bucket, at(10ms), 5), 1);
  EXPECT_EQ(taken(bucket, at(30ms), 5), 2);
}

TEST(TokenBucket, idle_does_not_save_up_more_than_the_burst) {
  TokenBucket bucket(at(0s), 100);
  EXPECT_EQ(taken(bucket, at(3600s), 1000), 10);
}

TEST(TokenBucket, long_run_is_the_rate) {
  TokenBucket bucket(at(0s), 100);
  int count = 0;
  for (int millisecond = 0; millisecond < 10'000; ++millisecond) {
    count += taken(bucket, at(std::chrono::milliseconds(millisecond)), 3);
  }
  EXPECT_GE(count, 1000);
  EXPECT_LE(count, 1010);
}

TEST(TokenBucket, zero_lets_nothing_through) {
  TokenBucket bucket(at(0s), 0);
  EXPECT_FALSE(bucket.take(at(3600s)));
}

TEST(TokenBucket, one_a_second_lets_one_through) {
  TokenBucket bucket(at(0s), 1);
  EXPECT_EQ(taken(bucket, at(0s), 5), 1);
  EXPECT_EQ(taken(bucket, at(1s), 5), 1);
}

}  // namespace
}  // namespace windhover::stack::ip
