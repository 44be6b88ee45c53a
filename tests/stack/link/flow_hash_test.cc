#include "stack/link/flow_hash.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace windhover::stack::link {
namespace {

using base::Bytes;
using wire::Address;
using wire::Endpoint;

// The verification suite of "RSS hashing types", Windows driver documentation.
constexpr std::array<std::uint8_t, kToeplitzKeySize> kMicrosoftKey{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

Endpoint v4(std::uint32_t address, std::uint16_t port) { return {Address::v4(address), port}; }

Endpoint v6(const std::array<std::uint16_t, 8>& groups, std::uint16_t port) {
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t at = 0; at < groups.size(); ++at) base::store_be(octets.data() + at * 2, groups[at]);
  return {Address::v6(octets), port};
}

/// What a card hashes: source address, destination address, source port, destination port.
std::vector<std::uint8_t> hash_input(const Endpoint& source, const Endpoint& destination) {
  std::vector<std::uint8_t> input;
  for (const Endpoint* end : {&source, &destination}) {
    const Bytes octets = end->address.octets();
    input.insert(input.end(), octets.begin(), octets.end());
  }
  for (const Endpoint* end : {&source, &destination}) {
    input.push_back(static_cast<std::uint8_t>(end->port >> 8));
    input.push_back(static_cast<std::uint8_t>(end->port));
  }
  return input;
}

struct Vector {
  Endpoint destination;
  Endpoint source;
  std::uint32_t hash;
};

std::vector<Vector> microsoft_vectors() {
  return {
      {v4(0xa18e6450, 1766), v4(0x420995bb, 2794), 0x51ccc178},
      {v4(0x41458c53, 4739), v4(0xc75c6f02, 14230), 0xc626b0ea},
      {v4(0x0c16cfb8, 38024), v4(0x1813c65f, 12898), 0x5c2b394a},
      {v4(0xd18ea306, 2217), v4(0x261bcd1e, 48228), 0xafc7327f},
      {v4(0xcabc7f02, 1303), v4(0x9927a3bf, 44251), 0x10e828a2},
      {v6({0x3ffe, 0x2501, 0x200, 3, 0, 0, 0, 1}, 1766), v6({0x3ffe, 0x2501, 0x200, 0x1fff, 0, 0, 0, 7}, 2794),
       0x40207d3d},
      {v6({0xff02, 0, 0, 0, 0, 0, 0, 1}, 4739), v6({0x3ffe, 0x501, 8, 0, 0x260, 0x97ff, 0xfe40, 0xefab}, 14230),
       0xdde51bbf},
      {v6({0xfe80, 0, 0, 0, 0x200, 0xf8ff, 0xfe21, 0x67cf}, 38024),
       v6({0x3ffe, 0x1900, 0x4545, 3, 0x200, 0xf8ff, 0xfe21, 0x67cf}, 44251), 0x02d1feef},
  };
}

TEST(Toeplitz, agrees_with_the_published_vectors) {
  for (const Vector& vector : microsoft_vectors()) {
    EXPECT_EQ(toeplitz(kMicrosoftKey, hash_input(vector.source, vector.destination)), vector.hash);
  }
}

TEST(FlowHash, is_toeplitz_with_the_symmetric_key) {
  std::array<std::uint8_t, kToeplitzKeySize> key{};
  for (std::size_t at = 0; at < key.size(); ++at) key[at] = at % 2 == 0 ? 0x6d : 0x5a;
  for (const Vector& vector : microsoft_vectors()) {
    EXPECT_EQ(flow_hash(vector.source, vector.destination),
              toeplitz(key, hash_input(vector.source, vector.destination)));
  }
}

TEST(FlowHash, is_the_same_in_both_directions) {
  for (const Vector& vector : microsoft_vectors()) {
    EXPECT_EQ(flow_hash(vector.source, vector.destination), flow_hash(vector.destination, vector.source));
  }
}

TEST(FlowHash, spreads_the_ports_of_one_client_over_every_lane) {
  constexpr std::uint32_t kLanes = 6;
  constexpr std::uint32_t kFlows = 6000;
  std::array<std::uint32_t, kLanes> flows{};
  for (std::uint32_t at = 0; at < kFlows; ++at) {
    const std::uint32_t hash = flow_hash(v4(0x0a420001, static_cast<std::uint16_t>(32768 + at)), v4(0x0a420002, 8080));
    const std::uint32_t lane = lane_of(hash, kLanes);
    ASSERT_LT(lane, kLanes);
    ++flows[lane];
  }
  for (const std::uint32_t count : flows) EXPECT_NEAR(count, kFlows / kLanes, kFlows / kLanes / 4);
}

}  // namespace
}  // namespace windhover::stack::link
