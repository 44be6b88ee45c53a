#include "stack/base/siphash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace windhover::stack::base {
namespace {

constexpr SipKey kKey{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

std::vector<std::uint8_t> counting_bytes(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

// The reference implementation's vectors (the one of 15 bytes is printed in the paper), and one of 40 bytes from
// OpenSSL.
TEST(SipHashTest, published_vectors_come_out) {
  constexpr std::pair<std::size_t, std::uint64_t> kVectors[] = {
      {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
      {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {40, 0x0e3ea96b5304a7d0},
  };
  for (const auto& [size, expected] : kVectors) EXPECT_EQ(siphash(kKey, counting_bytes(size)), expected) << size;
}

template <std::size_t kCount>
void expect_same_for_words() {
  const auto bytes = counting_bytes(kCount * 8);
  std::array<std::uint64_t, kCount> words{};
  for (std::size_t i = 0; i < bytes.size(); ++i) words[i / 8] |= std::uint64_t{bytes[i]} << (8 * (i % 8));
  EXPECT_EQ(siphash(kKey, words), siphash(kKey, bytes)) << kCount;
}

TEST(SipHashTest, words_hash_as_their_bytes_do) {
  expect_same_for_words<1>();
  expect_same_for_words<2>();
  expect_same_for_words<5>();
  expect_same_for_words<33>();
}

TEST(SipHashTest, another_key_gives_another_hash) {
  SipKey other = kKey;
  other[15] ^= 1;
  EXPECT_NE(siphash(kKey, as_bytes("flow")), siphash(other, as_bytes("flow")));
}

}  // namespace
}  // namespace windhover::stack::base
