#include "stack/wire/ipv6.h"

#include <random>

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

using End = Ipv6Chain::End;

/// Made by an independent tool: a segment with data, and a SYN behind hop-by-hop and destination options.
const auto kData =
    hex("628abcde0025064020010db800000000000000000000000120010db8000000000000000000000002"
        "1f90c350fffffff080000001801801f58e7900000101080adeadbeef0123456768656c6c6f");
const auto kExtended =
    hex("600000000024004020010db800000000000000000000000120010db8000000000000000000000002"
        "3c00050200000100 0600010200000100 00010002000000000000000050022000346b0000");

/// A packet from 2001:db8::1 with this payload.
std::vector<std::uint8_t> packet(std::uint8_t next_header, base::Bytes payload) {
  std::vector<std::uint8_t> bytes(Ipv6Header::kSize);
  Ipv6Header{.payload_size = static_cast<std::uint16_t>(payload.size()),
             .next_header = next_header,
             .source = *Address::parse("2001:db8::1"),
             .destination = *Address::parse("2001:db8::2")}
      .write(bytes);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Ipv6Chain chain_of(std::uint8_t next_header, base::Bytes payload) {
  const auto bytes = packet(next_header, payload);
  const Guarded guarded(bytes);
  const auto view = Ipv6View::parse(guarded.bytes());
  EXPECT_TRUE(view);
  return view->chain();
}

TEST(Ipv6Test, packet_shows_its_fields) {
  const Guarded bytes(kData);
  const auto view = Ipv6View::parse(bytes.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->traffic_class(), 0x28);
  EXPECT_EQ(view->flow_label(), 0xabcdeu);
  EXPECT_EQ(view->payload_length(), 37u);
  EXPECT_EQ(view->total_length(), 77u);
  EXPECT_EQ(view->next_header(), kProtocolTcp);
  EXPECT_EQ(view->hop_limit(), 64);
  EXPECT_EQ(view->source().to_string(), "2001:db8::1");
  EXPECT_EQ(view->destination().to_string(), "2001:db8::2");
  EXPECT_EQ(view->payload().size(), 37u);
}

TEST(Ipv6Test, packet_truncated_at_any_byte_is_refused) {
  for_each_truncation(kData, [](base::Bytes bytes) { EXPECT_FALSE(Ipv6View::parse(bytes)); });
}

TEST(Ipv6Test, padding_behind_the_payload_is_cut_off) {
  auto padded = packet(kProtocolTcp, hex("0102"));
  padded.resize(64, 0xee);
  const auto view = Ipv6View::parse(padded);
  ASSERT_TRUE(view);
  EXPECT_EQ(to_vector(view->payload()), hex("0102"));
}

TEST(Ipv6Test, another_version_is_refused) {
  auto bytes = kData;
  bytes[0] = 0x45;
  EXPECT_FALSE(Ipv6View::parse(bytes));
}

// RFC 4291 §2.5.5.2: such a packet would be taken for one of IPv4 by everything above.
TEST(Ipv6Test, ipv4_mapped_addresses_on_the_wire_are_refused) {
  const auto mapped = Address::v4(0x0a420001);
  for (const std::size_t at : {8u, 24u}) {
    auto bytes = kData;
    std::copy(mapped.mapped().begin(), mapped.mapped().end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_FALSE(Ipv6View::parse(bytes));
    EXPECT_FALSE(Ipv6View::parse_quoted(bytes));
  }
}

TEST(Ipv6Test, quoted_packet_shows_as_much_payload_as_was_quoted) {
  for_each_truncation(kData, [](base::Bytes bytes) {
    const auto view = Ipv6View::parse_quoted(bytes);
    ASSERT_EQ(view.has_value(), bytes.size() >= 40);
    if (view) {
      EXPECT_EQ(view->payload().size(), bytes.size() - 40);
    }
  });
}

TEST(Ipv6Test, written_header_is_the_bytes_parsed) {
  std::vector<std::uint8_t> written(Ipv6Header::kSize);
  Ipv6Header{.traffic_class = 0x28,
             .flow_label = 0xabcde,
             .payload_size = 37,
             .next_header = kProtocolTcp,
             .hop_limit = 64,
             .source = *Address::parse("2001:db8::1"),
             .destination = *Address::parse("2001:db8::2")}
      .write(written);
  EXPECT_EQ(written, to_vector(base::Bytes(kData).first(40)));
}

TEST(Ipv6ChainTest, plain_packet_ends_at_once) {
  const auto chain = Ipv6View::parse(kData)->chain();
  EXPECT_EQ(chain.end, End::kUpper);
  EXPECT_EQ(chain.protocol, kProtocolTcp);
  EXPECT_EQ(chain.offset, 40u);
  EXPECT_EQ(chain.named_at, 6u);
}

TEST(Ipv6ChainTest, options_that_may_be_skipped_are_skipped) {
  const auto chain = Ipv6View::parse(kExtended)->chain();
  EXPECT_EQ(chain.end, End::kUpper);
  EXPECT_EQ(chain.protocol, kProtocolTcp);
  EXPECT_EQ(chain.offset, 56u);
  EXPECT_EQ(chain.named_at, 48u);
}

TEST(Ipv6ChainTest, unknown_upper_protocol_is_reported_where_it_is_named) {
  const auto chain = chain_of(kProtocolDestinationOptions, hex("fd00 010400000000 aabb"));
  EXPECT_EQ(chain.end, End::kUpper);
  EXPECT_EQ(chain.protocol, 0xfd);
  EXPECT_EQ(chain.offset, 48u);
  EXPECT_EQ(chain.named_at, 40u);
}

TEST(Ipv6ChainTest, fragment_header_stops_the_walk) {
  const auto chain = chain_of(kProtocolFragment, hex("0600000100000001 00000000"));
  EXPECT_EQ(chain.end, End::kFragment);
  EXPECT_EQ(chain.offset, 40u);
}

// RFC 6946 §4: a packet that is its own only fragment is not one of several.
TEST(Ipv6ChainTest, atomic_fragment_header_is_stepped_over) {
  const auto chain = chain_of(kProtocolFragment, hex("06ff000600000001 00000000"));  // Reserved bits mean nothing.
  EXPECT_EQ(chain.end, End::kUpper);
  EXPECT_EQ(chain.protocol, kProtocolTcp);
  EXPECT_EQ(chain.offset, 48u);
  EXPECT_EQ(chain.named_at, 40u);
  EXPECT_TRUE(chain.atomic);
  EXPECT_FALSE(chain_of(kProtocolRouting, hex("0600000000000000")).atomic);
}

TEST(Ipv6ChainTest, fragment_header_behind_another_is_one_too_many) {
  EXPECT_EQ(chain_of(kProtocolFragment, hex("2c00000000000001 0600000000000001")).end, End::kTooMany);
  EXPECT_EQ(chain_of(kProtocolFragment, hex("2c00000000000001 0600000100000001")).end, End::kTooMany);
}

TEST(Ipv6ChainTest, walk_goes_on_behind_the_header_of_a_first_fragment) {
  const auto behind = [](const std::vector<std::uint8_t>& payload) {
    auto packet = to_vector(base::Bytes(kData).first(40));
    packet[4] = 0;
    packet[5] = static_cast<std::uint8_t>(payload.size());
    packet[6] = kProtocolFragment;
    packet.insert(packet.end(), payload.begin(), payload.end());
    const auto view = Ipv6View::parse(packet);
    const auto at = view->chain();
    EXPECT_EQ(at.end, End::kFragment);
    return view->chain_behind(at);
  };
  const auto tcp = behind(hex("0600000100000001 0102030405060708"));
  EXPECT_EQ(tcp.end, End::kUpper);
  EXPECT_EQ(tcp.protocol, kProtocolTcp);
  EXPECT_EQ(tcp.offset, 48u);
  EXPECT_EQ(tcp.named_at, 40u);
  const auto options = behind(hex("3c00000100000001 1100010400000000 0102030405060708"));
  EXPECT_EQ(options.protocol, kProtocolUdp);
  EXPECT_EQ(options.offset, 56u);
  EXPECT_EQ(behind(hex("3c00000100000001 1101010400000000")).end, End::kTruncated);
  EXPECT_EQ(behind(hex("0000000100000001 1100010400000000")).end, End::kMisplaced);
  EXPECT_EQ(behind(hex("2c00000100000001 0600000100000001")).end, End::kTooMany);
}

// RFC 8504 §5.3.
TEST(Ipv6ChainTest, padding_beyond_its_bound_stops_the_walk) {
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0600 1e01aa 000000")).end, End::kUpper);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 1e05aaaaaaaaaa 00000000000000")).end, End::kUpper);    // Seven.
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 1e04aaaaaaaa 0000000000000000")).end, End::kTooMany);  // Eight.
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 1e05aaaaaaaaaa 01050000000000")).end, End::kUpper);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 1e04aaaaaaaa 0106000000000000")).end, End::kTooMany);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 01020000 1e02aaaa 010400000000")).end, End::kUpper);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0601 01020000 01020000 010400000000")).end, End::kTooMany);
}

// RFC 8504 §5.3.
TEST(Ipv6ChainTest, options_beyond_their_bound_stop_the_walk) {
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0602 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 010400000000")).end,
            End::kUpper);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0602 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 1e00 01020000")).end,
            End::kTooMany);
}

TEST(Ipv6ChainTest, routing_header_stops_the_walk_only_with_segments_left) {
  EXPECT_EQ(chain_of(kProtocolRouting, hex("0600000100000000")).end, End::kRouting);
  const auto passed = chain_of(kProtocolRouting, hex("0600000000000000"));
  EXPECT_EQ(passed.end, End::kUpper);
  EXPECT_EQ(passed.protocol, kProtocolTcp);
  EXPECT_EQ(passed.offset, 48u);
}

// RFC 8200 §4.1.
TEST(Ipv6ChainTest, hop_by_hop_header_that_is_not_first_stops_the_walk) {
  const auto chain = chain_of(kProtocolDestinationOptions, hex("0000010400000000 0600010400000000"));
  EXPECT_EQ(chain.end, End::kMisplaced);
  EXPECT_EQ(chain.offset, 48u);
  EXPECT_EQ(chain.named_at, 40u);
}

// RFC 8200 §4.2: the two highest bits of an unknown option say what to do.
TEST(Ipv6ChainTest, unknown_option_stops_the_walk_unless_it_says_skip) {
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("06003e0400000000")).end, End::kUpper);
  for (const std::uint8_t type : hex("4080c0c2")) {
    auto payload = hex("0600000002000000");
    payload[3] = type;
    const auto chain = chain_of(kProtocolHopByHop, payload);
    EXPECT_EQ(chain.end, End::kUnknownOption) << int{type};
    EXPECT_EQ(chain.offset, 43u);
  }
}

TEST(Ipv6ChainTest, option_longer_than_its_header_stops_the_walk) {
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0600010500000000 0000000000000000")).end, End::kTruncated);
  EXPECT_EQ(chain_of(kProtocolHopByHop, hex("0600000000000001 0000000000000000")).end, End::kTruncated);
}

TEST(Ipv6ChainTest, chain_that_runs_past_the_packet_stops_at_every_truncation) {
  const base::Bytes payload = base::Bytes(kExtended).subspan(40);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const auto chain = chain_of(kProtocolHopByHop, payload.first(size));
    EXPECT_EQ(chain.end, size < 16 ? End::kTruncated : End::kUpper) << size;
  }
  EXPECT_EQ(chain_of(kProtocolRouting, hex("06ff000000000000")).end, End::kTruncated);
}

TEST(Ipv6ChainTest, more_headers_than_the_bound_stop_the_walk) {
  std::vector<std::uint8_t> payload;
  for (std::size_t i = 0; i < Ipv6View::kExtensionHeadersMax; ++i) {
    const auto header = hex("3c00010400000000");
    payload.insert(payload.end(), header.begin(), header.end());
  }
  EXPECT_EQ(chain_of(kProtocolDestinationOptions, payload).end, End::kTooMany);
  payload[payload.size() - 8] = kProtocolTcp;
  EXPECT_EQ(chain_of(kProtocolDestinationOptions, payload).end, End::kUpper);
}

TEST(Ipv6ChainTest, random_chains_end_inside_the_packet) {
  std::mt19937 random(7);
  constexpr std::uint8_t kNext[] = {0, 43, 44, 60, 6};
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> payload(random() % 80);
    for (auto& byte : payload) byte = random() % 3 == 0 ? kNext[random() % 5] : static_cast<std::uint8_t>(random() % 4);
    const auto chain = chain_of(kNext[random() % 4], payload);
    ASSERT_LE(chain.offset, 40 + payload.size());
    ASSERT_LT(chain.named_at, 40 + payload.size());
  }
}

}  // namespace
}  // namespace windhover::stack::wire
