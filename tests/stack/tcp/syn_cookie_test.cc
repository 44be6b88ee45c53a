#include "stack/tcp/syn_cookie.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;
using namespace std::chrono_literals;

constexpr std::uint64_t kFlow = 0x123456789abcdef0;
const base::Instant kNow = base::Instant{} + 10h;

base::SipKey key(std::uint8_t fill) {
  base::SipKey key;
  key.fill(fill);
  return key;
}

/// The acknowledgement that a peer sends which got `cookie`.
Segment acknowledgement(wire::Seq cookie, const PeerSyn& syn) {
  Segment segment;
  segment.flags = wire::kTcpAck;
  segment.seq = syn.irs + 1U;
  segment.ack = cookie + 1U;
  if (syn.timestamps) segment.options.timestamps = wire::TcpTimestamps{syn.ts_recent + 5, 0};
  return segment;
}

class SynCookiesTest : public testing::Test {
 protected:
  /// Makes a cookie for `syn` and judges its acknowledgement `later`.
  Verdict round_trip(PeerSyn syn, base::Duration later) {
    const wire::Seq cookie = cookies.make(kNow, kFlow, syn);
    std::optional<std::uint32_t> echo;
    if (syn.timestamps) echo = SynCookies::encode_options(0x70001234, syn);
    return cookies.check(kNow + later, kFlow, acknowledgement(cookie, syn), echo, got);
  }
  PeerSyn full() const {
    return {.irs = wire::Seq(0x9999),
            .ts_recent = 77,
            .mss = 1460,
            .wscale = 7,
            .sack = true,
            .timestamps = true,
            .ecn = true};
  }

  SynCookies cookies{key(1)};
  PeerSyn got;
};

TEST_F(SynCookiesTest, brings_back_everything_with_timestamps) {
  EXPECT_EQ(round_trip(full(), 0s), kAccepted);
  EXPECT_EQ(got.irs, wire::Seq(0x9999));
  EXPECT_EQ(got.ts_recent, 82U) << "the acknowledgement's own";
  EXPECT_EQ(got.mss, 1460);
  EXPECT_EQ(got.wscale, 7);
  EXPECT_TRUE(got.sack && got.timestamps && got.ecn);
}

TEST_F(SynCookiesTest, every_combination_of_options_comes_back) {
  for (std::uint8_t wscale = 0; wscale <= PeerSyn::kNoScaling; ++wscale) {
    for (unsigned bits = 0; bits < 4; ++bits) {
      PeerSyn syn = full();
      syn.wscale = wscale;
      syn.sack = (bits & 1) != 0;
      syn.ecn = (bits & 2) != 0;
      ASSERT_EQ(round_trip(syn, 1s), kAccepted);
      EXPECT_EQ(got.wscale, syn.wscale);
      EXPECT_EQ(got.scales(), wscale != 15);
      EXPECT_EQ(got.sack, syn.sack);
      EXPECT_EQ(got.ecn, syn.ecn);
    }
  }
}

TEST_F(SynCookiesTest, without_timestamps_there_is_no_room_for_options) {
  PeerSyn syn = full();
  syn.timestamps = false;
  const wire::Seq cookie = cookies.make(kNow, kFlow, syn);
  EXPECT_FALSE(syn.scales() || syn.sack || syn.ecn) << "so that the SYN-ACK does not agree to them";
  EXPECT_EQ(cookies.check(kNow, kFlow, acknowledgement(cookie, syn), {}, got), kAccepted);
  EXPECT_EQ(got.mss, 1460);
  EXPECT_FALSE(got.scales() || got.sack || got.timestamps || got.ecn);
}

TEST_F(SynCookiesTest, the_segment_size_is_the_next_smaller_one_of_the_table) {
  const auto size_of = [&](std::uint16_t mss) {
    PeerSyn syn = full();
    syn.mss = mss;
    EXPECT_EQ(round_trip(syn, 0s), kAccepted);
    return got.mss;
  };
  EXPECT_EQ(size_of(88), 88);
  EXPECT_EQ(size_of(535), 88);
  EXPECT_EQ(size_of(536), 536);
  EXPECT_EQ(size_of(1439), 1400);
  EXPECT_EQ(size_of(1440), 1440);
  EXPECT_EQ(size_of(1460), 1460);
  EXPECT_EQ(size_of(8959), 1460);
  EXPECT_EQ(size_of(9000), 8960);
}

TEST_F(SynCookiesTest, is_good_for_its_minute_and_the_next) {
  EXPECT_EQ(round_trip(full(), 119s), kAccepted);
  EXPECT_EQ(round_trip(full(), 120s - 1ns), kAccepted);
  EXPECT_EQ(round_trip(full(), 120s), Drop::kTcpCookieLate);
  EXPECT_EQ(round_trip(full(), 240s - 1ns), Drop::kTcpCookieLate);
  EXPECT_EQ(round_trip(full(), 240s), Drop::kTcpCookieForged) << "not even recognized";
}

TEST_F(SynCookiesTest, is_expected_only_for_a_while_after_one_was_made) {
  EXPECT_FALSE(cookies.expecting(kNow));
  PeerSyn syn = full();
  cookies.make(kNow, kFlow, syn);
  EXPECT_TRUE(cookies.expecting(kNow + 240s - 1ns));
  EXPECT_FALSE(cookies.expecting(kNow + 240s));
}

TEST_F(SynCookiesTest, is_bound_to_flow_number_options_and_secret) {
  PeerSyn syn = full();
  const wire::Seq cookie = cookies.make(kNow, kFlow, syn);
  const std::uint32_t echo = SynCookies::encode_options(0x70001234, syn);
  const Segment right = acknowledgement(cookie, syn);
  EXPECT_EQ(cookies.check(kNow, kFlow, right, echo, got), kAccepted);
  EXPECT_EQ(cookies.check(kNow, kFlow ^ 1, right, echo, got), Drop::kTcpCookieForged);
  Segment other = right;
  other.seq += 1;
  EXPECT_EQ(cookies.check(kNow, kFlow, other, echo, got), Drop::kTcpCookieForged);
  for (unsigned bit = 0; bit < 6; ++bit) {
    EXPECT_EQ(cookies.check(kNow, kFlow, right, echo ^ 1U << bit, got), Drop::kTcpCookieForged) << bit;
  }
  EXPECT_EQ(cookies.check(kNow, kFlow, right, echo ^ 1U << 6, got), kAccepted) << "the clock itself does not matter";
  EXPECT_EQ(cookies.check(kNow, kFlow, right, {}, got), Drop::kTcpCookieForged) << "timestamps left out";
  for (unsigned bit = 0; bit < 32; ++bit) {
    other = right;
    other.ack = wire::Seq((cookie.value() ^ 1U << bit) + 1);
    EXPECT_NE(cookies.check(kNow, kFlow, other, echo, got), kAccepted) << bit;
  }
  EXPECT_EQ(SynCookies(key(2)).check(kNow, kFlow, right, echo, got), Drop::kTcpCookieForged);
}

TEST_F(SynCookiesTest, a_million_guesses_find_none) {
  test::Random random(1);
  PeerSyn syn = full();
  cookies.make(kNow, kFlow, syn);
  for (int guess = 0; guess < 1'000'000; ++guess) {
    Segment segment = acknowledgement(wire::Seq(static_cast<std::uint32_t>(random())), syn);
    ASSERT_NE(cookies.check(kNow, kFlow, segment, 0x12c7, got), kAccepted);
  }
}

TEST_F(SynCookiesTest, each_minute_has_another) {
  std::set<std::uint32_t> seen;
  for (int minute = 0; minute < 16; ++minute) {
    PeerSyn syn = full();
    seen.insert(cookies.make(kNow + minute * 60s, kFlow, syn).value() & 0x7ffffff);
  }
  EXPECT_EQ(seen.size(), 16U);
}

TEST_F(SynCookiesTest, spent_is_spent) {
  PeerSyn syn = full();
  const wire::Seq cookie = cookies.make(kNow, kFlow, syn);
  const Segment segment = acknowledgement(cookie, syn);
  const std::uint32_t echo = SynCookies::encode_options(5000, syn);
  ASSERT_EQ(cookies.check(kNow, kFlow, segment, echo, got), kAccepted);
  EXPECT_EQ(cookies.check(kNow, kFlow, segment, echo, got), kAccepted) << "judging is not spending";
  cookies.spend(kFlow, segment, got);
  EXPECT_EQ(cookies.check(kNow + 30s, kFlow, segment, echo, got), Drop::kTcpCookieReplayed);
  // A new SYN of the same flow is another matter.
  syn.irs += 1000;
  EXPECT_EQ(round_trip(syn, 0s), kAccepted);
}

TEST_F(SynCookiesTest, what_is_remembered_of_spent_ones_is_bounded) {
  EXPECT_EQ(cookies.memory_size(), SynCookies::kRemembered * 8);
}

// RFC 7323 §5.3: the clock must not seem to go back, so the first value may not lie ahead of it.
TEST(SynCookieTimestamp, is_at_most_64_ticks_old_and_never_ahead) {
  const PeerSyn most{.wscale = 15, .sack = true, .timestamps = true, .ecn = true};
  const PeerSyn least{.wscale = 0, .timestamps = true};
  for (std::uint32_t clock = 0xffffff00; clock != 0x100; ++clock) {
    for (const PeerSyn& syn : {most, least}) {
      const std::uint32_t age = clock - SynCookies::encode_options(clock, syn);
      ASSERT_LT(age, 64U) << clock;
    }
  }
}

}  // namespace
}  // namespace windhover::stack::tcp
