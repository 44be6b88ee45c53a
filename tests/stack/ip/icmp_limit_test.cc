// RFC 4443 2.4 f, and what an outsider can learn from a limit.

#include "stack/ip/icmp_limit.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/stack/ip/packets.h"

namespace windhover::stack::ip {
namespace {

using wire::Address;
using namespace std::chrono_literals;

constexpr base::Instant kStart{};
const base::SipKey kKey{1, 2, 3};

Address host(std::uint32_t number) { return Address::v4(0x0a000000U + number); }

/// Errors that are let through at one moment, each to a host of its own.
std::size_t taken_at(IcmpLimit& limit, base::Instant now, std::uint32_t& next, std::uint32_t tries = 500) {
  std::size_t taken = 0;
  for (std::uint32_t i = 0; i < tries; ++i) taken += limit.take(now, host(next++)) ? 1 : 0;
  return taken;
}

TEST(IcmpLimit, one_destination_gets_six_at_once_and_one_for_each_interval) {
  IcmpLimit limit(kStart, 1000, 1s, kKey);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(limit.take(kStart, host(1)));
  EXPECT_FALSE(limit.take(kStart, host(1)));
  EXPECT_FALSE(limit.take(kStart + 1s - 1ns, host(1)));
  EXPECT_TRUE(limit.take(kStart + 1s, host(1)));
  EXPECT_FALSE(limit.take(kStart + 1s, host(1)));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(limit.take(kStart + 100s, host(1)));
  EXPECT_FALSE(limit.take(kStart + 100s, host(1)));
}

TEST(IcmpLimit, addresses_of_one_ipv6_prefix_are_one_destination) {
  IcmpLimit limit(kStart, 1000, 1s, kKey);
  for (const char* text : {"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "2001:db8::6"}) {
    EXPECT_TRUE(limit.take(kStart, packets::address(text)));
  }
  EXPECT_FALSE(limit.take(kStart, packets::address("2001:db8::7")));
  EXPECT_TRUE(limit.take(kStart, packets::address("2001:db8:0:1::7")));
}

TEST(IcmpLimit, without_an_interval_a_destination_has_no_limit_of_its_own) {
  IcmpLimit limit(kStart, 1'000'000, {}, kKey);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limit.take(kStart, host(1)));
}

TEST(IcmpLimit, what_all_may_have_holds_in_the_long_run) {
  IcmpLimit limit(kStart, 100, 1s, kKey);
  std::uint32_t next = 0;
  std::size_t taken = 0;
  for (int step = 0; step < 1000; ++step) taken += taken_at(limit, kStart + step * 10ms, next, 20);
  EXPECT_NEAR(static_cast<double>(taken), 1010, 100);  // Ten seconds and the first ten.
}

// CVE-2020-25705: the number left for one must not tell how many went to others.
TEST(IcmpLimit, number_let_through_at_once_varies_and_follows_from_the_key) {
  std::set<std::size_t> counts;
  for (std::uint8_t secret = 0; secret < 20; ++secret) {
    std::uint32_t next = 0;
    IcmpLimit limit(kStart, 100, 1s, {secret});
    const std::size_t count = taken_at(limit, kStart, next);
    counts.insert(count);
    EXPECT_GE(count, 5U);
    next = 0;
    IcmpLimit again(kStart, 100, 1s, {secret});
    EXPECT_EQ(taken_at(again, kStart, next), count);
  }
  EXPECT_GE(counts.size(), 3U);
}

TEST(IcmpLimit, zero_lets_none_through) {
  IcmpLimit limit(kStart, 0, 1s, kKey);
  EXPECT_FALSE(limit.take(kStart + 100s, host(1)));
}

TEST(IcmpLimit, error_that_all_have_no_room_for_costs_its_destination_nothing) {
  IcmpLimit limit(kStart, 1, 1s, kKey);
  std::uint32_t next = 100;
  taken_at(limit, kStart, next);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limit.take(kStart, host(1)));
  EXPECT_TRUE(limit.take(kStart + 1s, host(1)));
}

}  // namespace
}  // namespace windhover::stack::ip
