#include "stack/tcp/hystart.h"

#include <gtest/gtest.h>

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;
using Phase = HyStart::Phase;

/// A window of `acks` acknowledgements of two segments each, all with that round-trip time.
struct Sender {
  HyStart hystart;
  std::uint32_t nxt = 0;
  std::uint32_t una = 0;

  /// The window leaves; then its acknowledgements come, the last of them when the next window has not left yet.
  Phase round(base::Duration rtt, std::uint32_t acks = 8, std::uint32_t segments = 2) {
    nxt = una + acks * segments;
    for (std::uint32_t at = 0; at < acks && hystart.phase() != Phase::kDone; ++at) {
      una += segments;
      hystart.acknowledged(wire::Seq(una), wire::Seq(nxt + (at + 1) * segments), segments, rtt);
    }
    return hystart.phase();
  }
};

TEST(HyStart, a_steady_delay_changes_nothing) {
  Sender sender;
  for (int count = 0; count < 100; ++count) EXPECT_EQ(sender.round(50ms), Phase::kSlowStart);
}

// RFC 9406 §4.2: the threshold is an eighth of the last round's delay, at least 4 and at most 16 ms.
TEST(HyStart, the_threshold_is_an_eighth_between_four_and_sixteen_milliseconds) {
  const auto enters = [](base::Duration before, base::Duration after) {
    Sender sender;
    sender.round(before, 16);
    sender.round(before, 16);
    sender.round(after, 16);
    return sender.round(after, 16) == Phase::kConservative;
  };
  EXPECT_FALSE(enters(80ms, 80ms + 9999us));
  EXPECT_TRUE(enters(80ms, 90ms));
  EXPECT_FALSE(enters(1ms, 4999us));
  EXPECT_TRUE(enters(1ms, 5ms));
  EXPECT_FALSE(enters(400ms, 415999us));
  EXPECT_TRUE(enters(400ms, 416ms));
}

// Eight samples, as an ordinary receiver would send them.
TEST(HyStart, a_round_of_too_few_samples_is_not_judged) {
  Sender few;
  few.round(50ms, 7);
  few.round(50ms, 7);
  EXPECT_EQ(few.round(80ms, 7), Phase::kSlowStart);
  EXPECT_EQ(few.round(80ms, 7), Phase::kSlowStart);
  Sender enough;
  enough.round(50ms, 8);
  enough.round(50ms, 8);
  enough.round(80ms, 8);
  EXPECT_EQ(enough.round(80ms, 8), Phase::kConservative);
}

TEST(HyStart, an_acknowledgement_of_a_super_frame_stands_for_many) {
  Sender sender;
  sender.round(50ms, 2, 44);
  sender.round(50ms, 2, 44);
  sender.round(80ms, 2, 44);
  EXPECT_EQ(sender.round(80ms, 2, 44), Phase::kConservative);
}

TEST(HyStart, an_acknowledgement_without_a_sample_does_not_count) {
  Sender sender;
  sender.round(50ms);
  sender.round(50ms);
  for (int count = 0; count < 10; ++count) EXPECT_EQ(sender.round(0ms), Phase::kSlowStart);
}

// RFC 9406 §4.2: five rounds, of which the one that it began in is the first.
TEST(HyStart, after_five_conservative_rounds_slow_start_is_over) {
  Sender sender;
  sender.round(50ms);
  sender.round(50ms);
  int rounds = 0;
  while (sender.hystart.phase() == Phase::kSlowStart && rounds < 10) {
    sender.round(80ms);
    ++rounds;
  }
  ASSERT_EQ(sender.hystart.phase(), Phase::kConservative);
  rounds = 0;
  while (sender.hystart.phase() == Phase::kConservative && rounds < 10) {
    sender.round(80ms);
    ++rounds;
  }
  EXPECT_EQ(sender.hystart.phase(), Phase::kDone);
  EXPECT_GE(rounds, 4);
  EXPECT_LE(rounds, 5);
}

TEST(HyStart, a_delay_that_goes_away_was_a_burst_and_slow_start_goes_on) {
  Sender sender;
  sender.round(50ms);
  sender.round(50ms);
  sender.round(80ms);
  ASSERT_EQ(sender.round(80ms), Phase::kConservative);
  sender.round(79ms);
  EXPECT_EQ(sender.round(79ms), Phase::kSlowStart);
  // And it may be left again, with all five rounds.
  sender.round(120ms);
  EXPECT_EQ(sender.round(120ms), Phase::kConservative);
  for (int count = 0; count < 3; ++count) EXPECT_EQ(sender.round(120ms), Phase::kConservative);
}

// A clock that wraps, sequence numbers that wrap.
TEST(HyStart, sequence_numbers_may_wrap) {
  Sender sender;
  sender.una = 0xffffffe0;
  for (int count = 0; count < 10; ++count) EXPECT_EQ(sender.round(50ms), Phase::kSlowStart);
  sender.round(80ms);
  EXPECT_EQ(sender.round(80ms), Phase::kConservative);
}

}  // namespace
}  // namespace windhover::stack::tcp
