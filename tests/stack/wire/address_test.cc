#include "stack/wire/address.h"

#include <gtest/gtest.h>

namespace windhover::stack::wire {
namespace {

Address address(std::string_view text) {
  const auto parsed = Address::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Address{});
}

TEST(AddressTest, text_of_either_family_parses_and_prints_in_canonical_form) {
  // Given and canonical (RFC 5952 §4).
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"10.66.0.2", "10.66.0.2"},
      {"255.255.255.255", "255.255.255.255"},
      {"0.0.0.0", "0.0.0.0"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"FD66::2", "fd66::2"},
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"fe80::abcd:10:f", "fe80::abcd:10:f"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
  };
  for (const auto& [given, canonical] : kCases) EXPECT_EQ(address(given).to_string(), canonical);
}

TEST(AddressTest, text_that_is_not_an_address_is_refused) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "1.2.3"sv, "1.2.3.4.5"sv, "256.1.1.1"sv, "01.2.3.4"sv, " 1.2.3.4"sv, "1.2.3.4 "sv,
                          "1.2.3.4\0"sv, "10.66.0.2/24"sv, "fe80::1%eth0"sv, "1::2::3"sv, ":"sv, ":::"sv, "12345::"sv,
                          "1:2:3:4:5:6:7"sv, "1:2:3:4:5:6:7:8:9"sv, "[::1]"sv, "localhost"sv,
                          "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee"sv}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

TEST(AddressTest, families_never_meet_in_one_prefix) {
  EXPECT_FALSE(address("10.0.0.1").in_prefix(address("::"), 0));
  EXPECT_FALSE(address("2001:db8::1").in_prefix(address("0.0.0.0"), 0));
}

TEST(AddressTest, a_prefix_covers_what_agrees_in_its_bits_and_nothing_more) {
  const Address network = address("10.66.4.0");
  EXPECT_TRUE(address("10.66.7.255").in_prefix(network, 22));
  EXPECT_FALSE(address("10.66.8.0").in_prefix(network, 22));
  EXPECT_FALSE(address("10.66.3.255").in_prefix(network, 22));
  EXPECT_TRUE(address("203.0.113.9").in_prefix(address("0.0.0.0"), 0));
  EXPECT_TRUE(address("10.66.4.0").in_prefix(network, 32));
  EXPECT_FALSE(address("10.66.4.1").in_prefix(network, 32));

  const Address network6 = address("fd66:0:0:8000::");
  EXPECT_TRUE(address("fd66:0:0:ffff::9").in_prefix(network6, 49));
  EXPECT_FALSE(address("fd66:0:0:7fff::9").in_prefix(network6, 49));
  EXPECT_TRUE(address("1::").in_prefix(address("::"), 0));
  EXPECT_FALSE(address("fd66::1").in_prefix(address("fd66::2"), 128));
}

TEST(AddressTest, kinds_are_told_apart_in_both_families) {
  EXPECT_TRUE(address("169.254.1.1").is_link_local());
  EXPECT_FALSE(address("169.253.1.1").is_link_local());
  EXPECT_TRUE(address("fe80::1").is_link_local());
  EXPECT_TRUE(address("febf::1").is_link_local());
  EXPECT_FALSE(address("fec0::1").is_link_local());
  EXPECT_TRUE(address("127.255.0.1").is_loopback());
  EXPECT_FALSE(address("128.0.0.1").is_loopback());
  EXPECT_TRUE(address("::1").is_loopback());
  EXPECT_FALSE(address("::2").is_loopback());
  EXPECT_FALSE(address("1::1").is_loopback());
  EXPECT_TRUE(address("224.0.0.1").is_multicast());
  EXPECT_TRUE(address("239.255.255.255").is_multicast());
  EXPECT_FALSE(address("240.0.0.1").is_multicast());
  EXPECT_TRUE(address("ff02::1").is_multicast());
  EXPECT_TRUE(address("0.0.0.0").is_unspecified());
  EXPECT_TRUE(address("::").is_unspecified());
  EXPECT_FALSE(address("::1").is_unspecified());
}

TEST(AddressTest, octets_are_as_long_as_the_family_says) {
  EXPECT_EQ(address("1.2.3.4").octets().size(), 4u);
  EXPECT_EQ(address("1.2.3.4").octets()[3], 4);
  EXPECT_EQ(address("1::4").octets().size(), 16u);
  EXPECT_EQ(address("1.2.3.4").v4_value(), 0x01020304u);
  EXPECT_EQ(address("1.2.3.4"), Address::v4(0x01020304));
}

TEST(AddressTest, an_endpoint_of_ipv6_prints_in_brackets) {
  EXPECT_EQ((Endpoint{address("10.66.0.2"), 8080}).to_string(), "10.66.0.2:8080");
  EXPECT_EQ((Endpoint{address("fd66::2"), 8080}).to_string(), "[fd66::2]:8080");
}

}  // namespace
}  // namespace windhover::stack::wire
