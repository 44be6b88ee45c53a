#include "stack/wire/ipv6_fragment.h"

#include <gtest/gtest.h>

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

TEST(Ipv6FragmentTest, fields_are_read_and_reserved_bits_are_not) {
  const auto header = Ipv6FragmentHeader::parse(hex("11ff fff7 01020304"));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->next_header, 17);
  EXPECT_EQ(header->offset, 65520);
  EXPECT_TRUE(header->more);
  EXPECT_EQ(header->identification, 0x01020304u);
}

TEST(Ipv6FragmentTest, atomic_is_first_and_last_rfc6946) {
  EXPECT_TRUE(Ipv6FragmentHeader::parse(hex("1100 0006 00000001"))->is_atomic());
  EXPECT_FALSE(Ipv6FragmentHeader::parse(hex("1100 0001 00000001"))->is_atomic());
  EXPECT_FALSE(Ipv6FragmentHeader::parse(hex("1100 0008 00000001"))->is_atomic());
}

TEST(Ipv6FragmentTest, cut_short_at_every_byte_is_nothing) {
  for_each_truncation(hex("1100 0009 01020304"), [](base::Bytes bytes) {
    EXPECT_EQ(Ipv6FragmentHeader::parse(bytes).has_value(), bytes.size() >= 8);
  });
}

TEST(Ipv6FragmentTest, written_header_is_the_bytes_parsed) {
  std::vector<std::uint8_t> bytes(8, 0xee);
  Ipv6FragmentHeader{.next_header = 58, .offset = 1232, .more = true, .identification = 0xa1b2c3d4}.write(bytes);
  EXPECT_EQ(bytes, hex("3a00 04d1 a1b2c3d4"));
}

}  // namespace
}  // namespace windhover::stack::wire
