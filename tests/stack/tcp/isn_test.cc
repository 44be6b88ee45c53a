#include "stack/tcp/isn.h"

#include <gtest/gtest.h>

#include <set>

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return {wire::Address::parse(address).value(), port};
}

const Endpoint kLocal = endpoint("10.66.0.2", 80);
const Endpoint kRemote = endpoint("10.66.0.1", 40000);

Keys keys(std::uint8_t seed) {
  Keys keys;
  keys.flow_hash.fill(seed);
  keys.isn.fill(static_cast<std::uint8_t>(seed + 1));
  keys.timestamps.fill(static_cast<std::uint8_t>(seed + 2));
  return keys;
}

// RFC 6528 §3: M grows by one every four microseconds.
TEST(InitialSequence, follows_the_clock_for_one_pair_of_endpoints) {
  const base::Instant now = base::Instant{} + 5s;
  const wire::Seq first = initial_sequence(keys(1), now, kLocal, kRemote);
  EXPECT_EQ(initial_sequence(keys(1), now + 1ms, kLocal, kRemote) - first, 250);
}

// RFC 6528 §3: F must not be computable from outside.
TEST(InitialSequence, differs_with_the_key_and_with_each_part_of_the_endpoints) {
  const base::Instant now{};
  std::set<std::uint32_t> seen;
  for (const Keys& key : {keys(1), keys(2)}) {
    for (const Endpoint& local :
         {kLocal, endpoint("10.66.0.2", 81), endpoint("10.66.0.3", 80), endpoint("fd66::2", 80)}) {
      const std::string_view other = local.address.is_v4() ? "10.66.0.9" : "fd66::9";
      for (const Endpoint& remote : {endpoint(other, 1), endpoint(other, 2)}) {
        seen.insert(initial_sequence(key, now, local, remote).value());
      }
    }
  }
  EXPECT_EQ(seen.size(), 16U);
}

// RFC 7323 §7.1: one offset for a pair of addresses, so that timestamps grow across connections.
TEST(TimestampOffset, is_the_same_for_all_ports_and_differs_with_address_and_key) {
  const std::uint32_t offset = timestamp_offset(keys(1), kLocal, kRemote);
  EXPECT_EQ(timestamp_offset(keys(1), kLocal, endpoint("10.66.0.1", 40001)), offset);
  EXPECT_NE(timestamp_offset(keys(1), kLocal, endpoint("10.66.0.7", 40000)), offset);
  EXPECT_NE(timestamp_offset(keys(2), kLocal, kRemote), offset);
}

TEST(FlowHash, tells_the_two_ends_and_both_families_apart) {
  const Endpoint other{kLocal.address, kRemote.port};
  EXPECT_NE(flow_hash(keys(1), kLocal, kRemote), flow_hash(keys(1), kRemote, kLocal));
  EXPECT_NE(flow_hash(keys(1), kLocal, kRemote), flow_hash(keys(1), other, kRemote));
  EXPECT_NE(flow_hash(keys(1), endpoint("fd66::2", 80), endpoint("fd66::1", 1)),
            flow_hash(keys(1), endpoint("fd66:0:1::2", 80), endpoint("fd66::1", 1)));
}

}  // namespace
}  // namespace windhover::stack::tcp
