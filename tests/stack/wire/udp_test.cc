#include "stack/wire/udp.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// Made by an independent tool, over IPv4 and over IPv6.
const auto kOverV4 = hex("14e90035000b3a1b616263");
const auto kOverV6 = hex("14e90035000bcae2616263");
const Address kSource4 = *Address::parse("192.0.2.1");
const Address kDestination4 = *Address::parse("198.51.100.7");
const Address kSource6 = *Address::parse("2001:db8::1");
const Address kDestination6 = *Address::parse("2001:db8::2");

TEST(UdpTest, datagram_shows_its_fields) {
  const Guarded datagram(kOverV4);
  const auto view = UdpView::parse(datagram.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->source_port(), 5353);
  EXPECT_EQ(view->destination_port(), 53);
  EXPECT_EQ(base::as_text(view->payload()), "abc");
  EXPECT_TRUE(view->checksum_ok(kSource4, kDestination4));
  EXPECT_FALSE(view->checksum_ok(kSource4, Address::v4(1)));
  EXPECT_TRUE(UdpView::parse(kOverV6)->checksum_ok(kSource6, kDestination6));
}

TEST(UdpTest, datagram_truncated_at_any_byte_is_refused) {
  for_each_truncation(kOverV4, [](base::Bytes bytes) { EXPECT_FALSE(UdpView::parse(bytes)); });
}

TEST(UdpTest, length_shorter_than_the_header_is_refused_and_longer_bytes_are_cut_off) {
  auto datagram = kOverV4;
  datagram[5] = 7;
  EXPECT_FALSE(UdpView::parse(datagram));
  datagram[5] = 8;
  ASSERT_TRUE(UdpView::parse(datagram));
  EXPECT_TRUE(UdpView::parse(datagram)->payload().empty());
}

// RFC 768 and RFC 8200 §8.1: zero means "not computed", which IPv6 does not allow.
TEST(UdpTest, missing_checksum_is_right_over_ipv4_only) {
  auto datagram = kOverV4;
  datagram[6] = datagram[7] = 0;
  const auto view = UdpView::parse(datagram);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->checksum_ok(kSource4, kDestination4));
  EXPECT_FALSE(view->checksum_ok(kSource6, kDestination6));
}

TEST(UdpTest, written_header_completes_the_bytes_parsed) {
  auto written = kOverV4;
  std::fill_n(written.begin(), 8, std::uint8_t{0xee});
  UdpHeader{5353, 53}.write(written, kSource4, kDestination4);
  EXPECT_EQ(written, kOverV4);
  UdpHeader{5353, 53}.write(written, kSource6, kDestination6);
  EXPECT_EQ(written, kOverV6);
}

TEST(UdpTest, checksum_that_comes_out_zero_is_written_as_all_ones) {
  std::vector<std::uint8_t> datagram(10);
  UdpHeader{1, 2}.write(datagram, kSource4, kDestination4);
  // With this payload the sum is all ones and its complement zero.
  base::store_be(&datagram[8], base::load_be<std::uint16_t>(&datagram[6]));
  UdpHeader{1, 2}.write(datagram, kSource4, kDestination4);
  EXPECT_EQ(base::load_be<std::uint16_t>(&datagram[6]), 0xffff);
  EXPECT_TRUE(UdpView::parse(datagram)->checksum_ok(kSource4, kDestination4));
}

}  // namespace
}  // namespace windhover::stack::wire
