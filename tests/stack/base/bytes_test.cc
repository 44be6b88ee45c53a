#include "stack/base/bytes.h"

#include <gtest/gtest.h>

#include <array>

namespace windhover::stack::base {
namespace {

TEST(BytesTest, integers_are_read_and_written_in_network_order_at_any_alignment) {
  std::array<std::uint8_t, 16> memory{};
  for (std::size_t at = 0; at < 8; ++at) {
    store_be(&memory[at], std::uint64_t{0x0102030405060708});
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(memory[at + i], i + 1);
    EXPECT_EQ(load_be<std::uint64_t>(&memory[at]), 0x0102030405060708u);
    EXPECT_EQ(load_be<std::uint32_t>(&memory[at]), 0x01020304u);
    EXPECT_EQ(load_be<std::uint16_t>(&memory[at]), 0x0102u);
    EXPECT_EQ(load_be<std::uint8_t>(&memory[at]), 1u);
  }
}

TEST(BytesTest, network_order_is_its_own_inverse) {
  static_assert(network_order(network_order(std::uint32_t{0x01020304})) == 0x01020304);
  EXPECT_EQ(network_order(network_order(std::uint16_t{0xabcd})), 0xabcd);
}

TEST(BytesTest, text_and_bytes_are_views_of_each_other) {
  const std::string_view text = "kestrel";
  EXPECT_EQ(as_text(as_bytes(text)).data(), text.data());
  EXPECT_EQ(as_text(as_bytes(text)), text);
  EXPECT_TRUE(as_bytes("").empty());
}

}  // namespace
}  // namespace windhover::stack::base
