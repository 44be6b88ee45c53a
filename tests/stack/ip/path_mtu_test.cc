#include "stack/ip/path_mtu.h"

#include <gtest/gtest.h>

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

TEST(PathMtu, unknown_is_the_device_s) { EXPECT_EQ(PathMtu(1500).find(kFar4), 1500); }

TEST(PathMtu, learns_for_that_destination_alone) {
  PathMtu paths(1500);
  paths.lower(at(0s), kFar4, 1400);
  EXPECT_EQ(paths.find(kFar4), 1400);
  EXPECT_EQ(paths.find(kPeer4), 1500);
  EXPECT_EQ(paths.find(kFar6), 1500);
}

TEST(PathMtu, never_rises_rfc8201_4) {
  PathMtu paths(1500);
  paths.lower(at(0s), kFar4, 1400);
  paths.lower(at(0s), kFar4, 1450);
  EXPECT_EQ(paths.find(kFar4), 1400);
  paths.lower(at(0s), kPeer4, 9000);
  EXPECT_EQ(paths.find(kPeer4), 1500);
}

TEST(PathMtu, v4_below_576_counts_as_576) {
  PathMtu paths(1500);
  paths.lower(at(0s), kFar4, 68);
  EXPECT_EQ(paths.find(kFar4), 576);
}

TEST(PathMtu, v6_below_1280_is_discarded_rfc8201_4) {
  PathMtu paths(1500);
  paths.lower(at(0s), kFar6, 1279);
  EXPECT_EQ(paths.find(kFar6), 1500);
  paths.lower(at(0s), kFar6, 0);
  EXPECT_EQ(paths.find(kFar6), 1500);
  paths.lower(at(0s), kFar6, 1280);
  EXPECT_EQ(paths.find(kFar6), 1280);
}

TEST(PathMtu, v4_unsaid_steps_down_the_plateaus_rfc1191_7_1) {
  PathMtu paths(9000);
  for (const int expected : {8166, 4352, 2002, 1492, 1006, 576, 576}) {
    paths.lower(at(0s), kFar4, 0);
    EXPECT_EQ(paths.find(kFar4), expected);
  }
}

TEST(PathMtu, forgotten_after_ten_minutes_rfc1191_6_3) {
  PathMtu paths(1500);
  EXPECT_EQ(paths.next_deadline(), base::kNever);
  paths.lower(at(5s), kFar4, 1400);
  paths.lower(at(6s), kFar6, 1300);
  EXPECT_EQ(paths.next_deadline(), at(605s));
  paths.advance(at(605s - 1ns));
  EXPECT_EQ(paths.find(kFar4), 1400);
  paths.advance(at(605s));
  EXPECT_EQ(paths.find(kFar4), 1500);
  EXPECT_EQ(paths.find(kFar6), 1300);
  EXPECT_EQ(paths.next_deadline(), at(606s));
}

TEST(PathMtu, full_forgets_the_one_learnt_first) {
  PathMtu paths(1500);
  const auto nth = [](std::uint32_t at) { return Address::v4(0xc0000200 + at * 7919 % 65536); };
  for (std::uint32_t i = 0; i <= kPathMtuMax; ++i) paths.lower(at(std::chrono::seconds(i)), nth(i), 1400);
  EXPECT_EQ(paths.find(nth(0)), 1500);
  for (std::uint32_t i = 1; i <= kPathMtuMax; ++i) ASSERT_EQ(paths.find(nth(i)), 1400) << i;
}

// RFC 8899 §5.3.3: what a probe has found counts either way, and for ten minutes.
TEST(PathMtu, what_was_found_raises_and_lowers) {
  PathMtu paths(9000);
  EXPECT_FALSE(paths.knows(kFar4));
  paths.lower(at(0s), kFar4, 1400);
  paths.found(at(1s), kFar4, 4000);
  EXPECT_EQ(paths.find(kFar4), 4000);
  paths.found(at(2s), kFar4, 1300);
  EXPECT_EQ(paths.find(kFar4), 1300);
  EXPECT_TRUE(paths.knows(kFar4));
  EXPECT_FALSE(paths.knows(kPeer4));
  paths.advance(at(601s));
  EXPECT_TRUE(paths.knows(kFar4));
  paths.advance(at(602s));
  EXPECT_FALSE(paths.knows(kFar4));
  EXPECT_EQ(paths.find(kFar4), 9000);
}

TEST(PathMtu, what_was_found_is_never_more_than_the_device_s) {
  PathMtu paths(1500);
  paths.found(at(0s), kFar4, 9000);
  EXPECT_EQ(paths.find(kFar4), 1500);
  EXPECT_TRUE(paths.knows(kFar4));
}

}  // namespace
}  // namespace windhover::stack::ip
