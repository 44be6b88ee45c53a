#include "stack/wire/ipv4.h"

#include "stack/wire/protocol.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// A SYN made by an independent tool.
const auto kSyn =
    hex("4500003c1234400040063c4cc0000201c6336407"
        "c00000501122334400000000a002faf058160000020405b40402080a010203040000000001030307");

/// A header of 24 bytes (a router alert option) and four bytes of payload.
std::vector<std::uint8_t> packet_with_options() {
  auto packet = hex("4600001c00000000400100000a4200010a420002 94040000 01020304");
  base::store_be(&packet[10], sum(base::Bytes(packet).first(24)).finish());
  return packet;
}

TEST(Ipv4Test, packet_shows_its_fields) {
  const Guarded packet(kSyn);
  const auto view = Ipv4View::parse(packet.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header_size(), 20u);
  EXPECT_EQ(view->total_length(), 60u);
  EXPECT_FALSE(view->has_options());
  EXPECT_EQ(view->identification(), 0x1234);
  EXPECT_TRUE(view->dont_fragment());
  EXPECT_FALSE(view->more_fragments());
  EXPECT_FALSE(view->is_fragment());
  EXPECT_EQ(view->ttl(), 64);
  EXPECT_EQ(view->protocol(), kProtocolTcp);
  EXPECT_EQ(view->source().to_string(), "192.0.2.1");
  EXPECT_EQ(view->destination().to_string(), "198.51.100.7");
  EXPECT_EQ(view->traffic_class(), 0);
  EXPECT_EQ(view->payload().size(), 40u);
  EXPECT_TRUE(view->checksum_ok());
}

TEST(Ipv4Test, packet_truncated_at_any_byte_is_refused) {
  for_each_truncation(kSyn, [](base::Bytes bytes) { EXPECT_FALSE(Ipv4View::parse(bytes)); });
}

TEST(Ipv4Test, padding_behind_the_total_length_is_cut_off) {
  auto padded = packet_with_options();
  padded.resize(46, 0xee);
  const auto view = Ipv4View::parse(padded);
  ASSERT_TRUE(view);
  EXPECT_EQ(to_vector(view->payload()), hex("01020304"));
}

TEST(Ipv4Test, options_are_skipped_and_covered_by_the_checksum) {
  auto packet = packet_with_options();
  const auto view = Ipv4View::parse(packet);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->has_options());
  EXPECT_EQ(view->header_size(), 24u);
  EXPECT_TRUE(view->checksum_ok());
  packet[22] ^= 1;
  EXPECT_FALSE(view->checksum_ok());
}

TEST(Ipv4Test, impossible_lengths_and_versions_are_refused) {
  const auto refused = [](std::size_t at, std::uint8_t value) {
    auto packet = kSyn;
    packet[at] = value;
    return !Ipv4View::parse(packet) && !Ipv4View::parse_quoted(packet);
  };
  EXPECT_TRUE(refused(0, 0x65));  // Version 6.
  EXPECT_TRUE(refused(0, 0x44));  // Header of 16 bytes.
  EXPECT_TRUE(refused(0, 0x40));  // Header of none.
  EXPECT_TRUE(refused(3, 19));    // Shorter than its header.
  EXPECT_TRUE(refused(3, 0));
  auto longer = kSyn;
  longer[3] = 61;  // Longer than what came.
  EXPECT_FALSE(Ipv4View::parse(longer));
  longer[3] = 60;
  EXPECT_TRUE(Ipv4View::parse(longer));
}

TEST(Ipv4Test, flipped_bit_anywhere_in_the_header_fails_the_checksum) {
  for (std::size_t bit = 0; bit < 160; ++bit) {
    auto packet = kSyn;
    packet[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto view = Ipv4View::parse(packet);
    if (view && view->header_size() == 20) {
      EXPECT_FALSE(view->checksum_ok()) << bit;
    }
  }
}

TEST(Ipv4Test, fragments_are_told_by_flag_or_offset) {
  auto packet = kSyn;
  const auto fragment_word = [&packet](std::uint16_t word) {
    base::store_be(&packet[6], word);
    return *Ipv4View::parse(packet);
  };
  EXPECT_TRUE(fragment_word(0x2000).is_fragment());
  EXPECT_TRUE(fragment_word(0x2000).more_fragments());
  EXPECT_TRUE(fragment_word(0x0001).is_fragment());
  EXPECT_EQ(fragment_word(0x1fff).fragment_offset(), 65528u);
  EXPECT_FALSE(fragment_word(0x4000).is_fragment());
  EXPECT_FALSE(fragment_word(0x8000).is_fragment());
}

TEST(Ipv4Test, quoted_packet_shows_as_much_payload_as_was_quoted) {
  const Guarded quotation(base::Bytes(kSyn).first(28));
  EXPECT_FALSE(Ipv4View::parse(quotation.bytes()));
  const auto view = Ipv4View::parse_quoted(quotation.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(to_vector(view->payload()), hex("c000005011223344"));
  for_each_truncation(
      kSyn, [](base::Bytes bytes) { EXPECT_EQ(Ipv4View::parse_quoted(bytes).has_value(), bytes.size() >= 20); });
  // Not even the options are whole.
  EXPECT_FALSE(Ipv4View::parse_quoted(base::Bytes(packet_with_options()).first(22)));
}

TEST(Ipv4Test, written_header_is_the_bytes_parsed) {
  std::vector<std::uint8_t> written(Ipv4Header::kSize);
  Ipv4Header{.payload_size = 40,
             .identification = 0x1234,
             .protocol = kProtocolTcp,
             .source = *Address::parse("192.0.2.1"),
             .destination = *Address::parse("198.51.100.7")}
      .write(written);
  EXPECT_EQ(written, to_vector(base::Bytes(kSyn).first(20)));
}

TEST(Ipv4Test, traffic_class_and_fragmentation_permission_are_written) {
  std::vector<std::uint8_t> written(Ipv4Header::kSize);
  const Address address = Address::v4(1);
  Ipv4Header{.traffic_class = 0xb9, .dont_fragment = false, .ttl = 7, .source = address, .destination = address}.write(
      written);
  const auto view = Ipv4View::parse(written);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->traffic_class(), 0xb9);
  EXPECT_FALSE(view->dont_fragment());
  EXPECT_EQ(view->ttl(), 7);
  EXPECT_TRUE(view->checksum_ok());
}

}  // namespace
}  // namespace windhover::stack::wire
