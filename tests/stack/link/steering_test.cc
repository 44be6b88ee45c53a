#include "stack/link/steering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "stack/link/flow_hash.h"
#include "tests/stack/ip/packets.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::link {
namespace {

using ip::packets::address;
using ip::packets::Octets;
using ip::packets::put;
using ip::packets::put16;
using ip::packets::put32;
using wire::Address;
using wire::Endpoint;
namespace packets = ip::packets;

constexpr wire::MacAddress kUs{{0x02, 0, 0, 0, 0, 0x02}};
constexpr wire::MacAddress kThem{{0x02, 0, 0, 0, 0, 0x01}};
constexpr std::uint32_t kLanes = 64;

const Endpoint kOurs4{address("10.66.0.2"), 8080};
const Endpoint kPeer4{address("192.0.2.77"), 40123};
const Endpoint kOurs6{address("fd66::2"), 8080};
const Endpoint kPeer6{address("2001:db8:1:2:3:4:5:6"), 40123};
const Address kRouter4 = address("198.51.100.3");
const Address kRouter6 = address("2001:db8:ffff::3");

std::uint32_t lane_of_flow(const Endpoint& one, const Endpoint& other) {
  return lane_of(flow_hash(one, other), kLanes);
}
std::uint32_t lane_of_addresses(const Address& one, const Address& other) { return lane_of_flow({one, 0}, {other, 0}); }

/// How a frame is dressed.
struct Shape {
  const char* name;
  bool v6 = false;
  std::uint8_t protocol = 6;
  Octets extension{};             ///< IPv4 options, or a chain of extension headers whose last names `protocol`.
  std::uint8_t first_header = 0;  ///< IPv6: what the fixed header names when there is an extension.
};

Octets transport(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  const Octets payload{1, 2, 3, 4, 5};
  Octets bytes = protocol == 6 ? packets::tcp(source, destination, 7)
                               : packets::udp(kPeer4.address, kOurs4.address, source, destination, {});
  put(bytes, payload);
  return bytes;
}

Octets packet(const Shape& shape, const Endpoint& source, const Endpoint& destination) {
  const Octets segment = transport(shape.protocol, source.port, destination.port);
  if (!shape.v6) {
    return packets::ipv4({.source = source.address,
                          .destination = destination.address,
                          .protocol = shape.protocol,
                          .options = shape.extension},
                         segment);
  }
  Octets payload = shape.extension;
  put(payload, segment);
  const std::uint8_t next = shape.extension.empty() ? shape.protocol : shape.first_header;
  return packets::ipv6(source.address, destination.address, next, payload);
}

std::vector<Shape> shapes() {
  const Octets options{1, 1, 1, 1, 7, 4, 0, 0};
  const Octets padded{17, 0, 1, 4, 0, 0, 0, 0};                            // Destination options, then UDP.
  const Octets chain{60, 0, 1, 4, 0, 0, 0, 0, 43, 1, 30, 12, 0, 0, 0, 0,   // Hop-by-hop; destination options;
                     0,  0, 0, 0, 0, 0, 0, 0, 6,  0, 0,  0,  0, 0, 0, 0};  // routing with no segments left; TCP.
  return {{"tcp4"},
          {"udp4", false, 17},
          {"tcp4_options", false, 6, options},
          {"udp4_options", false, 17, options},
          {"tcp6", true},
          {"udp6", true, 17},
          {"udp6_destination_options", true, 17, padded, 60},
          {"tcp6_chain", true, 6, chain, 0},
          {"tcp6_atomic_fragment", true, 6, {6, 0, 0, 0, 0, 0, 0, 9}, 44}};
}

Octets tagged(std::uint16_t tag, const Octets& ip) {
  Octets payload;
  put16(payload, tag);
  put16(payload, ip[0] >> 4 == 4 ? 0x0800 : 0x86dd);
  put(payload, ip);
  return packets::ethernet(kUs, kThem, 0x8100, payload);
}

Octets plain(const Octets& ip) { return packets::ethernet(kUs, kThem, ip[0] >> 4 == 4 ? 0x0800 : 0x86dd, ip); }

std::uint32_t owner(const Octets& ip) { return owner_of(ip, Medium::kIp, kLanes); }

TEST(Steering, flow_belongs_to_the_lane_of_its_hash_in_both_directions_however_dressed) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    const Endpoint& ours = shape.v6 ? kOurs6 : kOurs4;
    Endpoint peer = shape.v6 ? kPeer6 : kPeer4;
    for (std::uint16_t port = 1024; port < 1024 + 200; ++port) {
      peer.port = port;
      const std::uint32_t lane = lane_of_flow(peer, ours);
      for (const Octets& ip : {packet(shape, peer, ours), packet(shape, ours, peer)}) {
        ASSERT_EQ(owner_of(ip, Medium::kIp, kLanes), lane);
        ASSERT_EQ(owner_of(plain(ip), Medium::kEthernet, kLanes), lane);
        ASSERT_EQ(owner_of(tagged(0, ip), Medium::kEthernet, kLanes), lane);
        ASSERT_EQ(owner_of(tagged(0xa064, ip), Medium::kEthernet, kLanes), lane);
      }
    }
  }
}

TEST(Steering, result_is_in_range_for_any_number_of_lanes) {
  const Octets ip = packet({"tcp4"}, kPeer4, kOurs4);
  for (std::uint32_t lanes = 1; lanes <= kLanes; ++lanes) {
    EXPECT_EQ(owner_of(ip, Medium::kIp, lanes), lane_of(flow_hash(kPeer4, kOurs4), lanes));
  }
}

TEST(Steering, frame_cut_short_is_the_flow_s_as_long_as_its_ports_are_there_and_else_lane_0_s) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    const Endpoint& ours = shape.v6 ? kOurs6 : kOurs4;
    const Endpoint& peer = shape.v6 ? kPeer6 : kPeer4;
    const std::uint32_t lane = lane_of_flow(peer, ours);
    ASSERT_NE(lane, 0U);
    const Octets frame = tagged(0, packet(shape, peer, ours));
    const std::size_t ports_end = 18 + (shape.v6 ? 40U : 20U) + shape.extension.size() + 4;
    wire::for_each_truncation(frame, [&](base::Bytes cut) {
      EXPECT_EQ(owner_of(cut, Medium::kEthernet, kLanes), cut.size() < ports_end ? 0 : lane);
    });
  }
}

TEST(Steering, icmp_error_goes_to_the_lane_of_the_flow_that_it_quotes) {
  for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
    const Octets quoted4 = packet({"quoted", false, protocol}, kOurs4, kPeer4);
    const base::Bytes least = base::Bytes(quoted4).first(28);  // RFC 792: the header and eight bytes.
    for (const std::uint8_t type : {std::uint8_t{3}, std::uint8_t{11}, std::uint8_t{12}}) {
      const Octets error = packets::icmpv4(type, 0, 0, least);
      EXPECT_EQ(owner(packets::ipv4({.source = kRouter4, .destination = kOurs4.address, .protocol = 1}, error)),
                lane_of_flow(kOurs4, kPeer4));
    }
    const Octets quoted6 = packet({"quoted", true, protocol}, kOurs6, kPeer6);
    for (const std::uint8_t type : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4}}) {
      const Octets error = packets::icmpv6(kRouter6, kOurs6.address, type, 0, 1280, base::Bytes(quoted6).first(48));
      EXPECT_EQ(owner(packets::ipv6(kRouter6, kOurs6.address, 58, error)), lane_of_flow(kOurs6, kPeer6));
    }
  }
}

TEST(Steering, icmp_error_about_what_has_no_ports_goes_by_its_own_addresses) {
  Octets later = packet({"quoted"}, kOurs4, kPeer4);
  packets::set16(later, 6, 0x0001);  // A later fragment: what follows is not a transport header.
  const Octets echo = packets::ipv4({.source = kOurs4.address, .destination = kPeer4.address, .protocol = 1},
                                    packets::icmpv4(8, 0, 1, {}));
  const Octets nothing{};
  const Octets nonsense(40, 0xee);
  for (const Octets& quoted : {later, echo, nothing, nonsense}) {
    const Octets error = packets::icmpv4(3, 1, 0, quoted);
    EXPECT_EQ(owner(packets::ipv4({.source = kRouter4, .destination = kOurs4.address, .protocol = 1}, error)),
              lane_of_addresses(kRouter4, kOurs4.address));
  }
}

TEST(Steering, icmp_error_cut_short_at_every_byte_stays_in_range) {
  const Octets quoted6 = packet(shapes().back(), kOurs6, kPeer6);
  const Octets error = packets::icmpv6(kRouter6, kOurs6.address, 1, 4, 0, quoted6);
  const Octets frame = plain(packets::ipv6(kRouter6, kOurs6.address, 58, error));
  ASSERT_EQ(owner_of(frame, Medium::kEthernet, kLanes), lane_of_flow(kOurs6, kPeer6));
  wire::for_each_truncation(frame,
                            [](base::Bytes cut) { EXPECT_LT(owner_of(cut, Medium::kEthernet, kLanes), kLanes); });
}

TEST(Steering, echo_and_other_protocols_go_by_their_addresses) {
  const Octets echo = packets::icmpv4(8, 0, 0x00010002, Octets{1, 2, 3});
  EXPECT_EQ(owner(packets::ipv4({.source = kPeer4.address, .destination = kOurs4.address, .protocol = 1}, echo)),
            lane_of_addresses(kPeer4.address, kOurs4.address));
  EXPECT_EQ(owner(packets::ipv4({.source = kPeer4.address, .destination = kOurs4.address, .protocol = 47}, echo)),
            lane_of_addresses(kPeer4.address, kOurs4.address));
  const Octets echo6 = packets::icmpv6(kPeer6.address, kOurs6.address, 128, 0, 1, {});
  EXPECT_EQ(owner(packets::ipv6(kPeer6.address, kOurs6.address, 58, echo6)),
            lane_of_addresses(kPeer6.address, kOurs6.address));
}

TEST(Steering, all_fragments_of_a_packet_go_to_one_lane) {
  const Octets segment = transport(6, kPeer4.port, kOurs4.port);
  const std::uint32_t lane4 = lane_of_addresses(kPeer4.address, kOurs4.address);
  ASSERT_NE(lane4, lane_of_flow(kPeer4, kOurs4));
  for (const std::uint16_t bits : {std::uint16_t{0x2000}, std::uint16_t{0x2010}, std::uint16_t{0x0020}}) {
    EXPECT_EQ(owner(packets::ipv4(
                  {.source = kPeer4.address, .destination = kOurs4.address, .protocol = 6, .fragment = bits}, segment)),
              lane4);
  }
  const std::uint32_t lane6 = lane_of_addresses(kPeer6.address, kOurs6.address);
  ASSERT_NE(lane6, lane_of_flow(kPeer6, kOurs6));
  for (const std::uint8_t offset : {std::uint8_t{0x01}, std::uint8_t{0x11}, std::uint8_t{0x20}}) {
    Octets payload{6, 0, 0, offset, 0, 0, 0, 9};
    put(payload, segment);
    EXPECT_EQ(owner(packets::ipv6(kPeer6.address, kOurs6.address, 44, payload)), lane6);
  }
}

TEST(Steering, arp_and_neighbour_discovery_are_every_lane_s) {
  const Octets arp = packets::arp(1, kThem, kPeer4.address, {}, kOurs4.address);
  EXPECT_EQ(owner_of(packets::ethernet(wire::kBroadcast, kThem, 0x0806, arp), Medium::kEthernet, kLanes), kEveryLane);
  for (const std::uint8_t type : {std::uint8_t{134}, std::uint8_t{135}, std::uint8_t{136}}) {
    const Octets message = packets::ndp(kPeer6.address, kOurs6.address, type, 0, kOurs6.address, 1, kThem);
    EXPECT_EQ(owner(packets::ipv6(kPeer6.address, kOurs6.address, 58, message, 255)), kEveryLane);
    // What crossed a router is no such message (RFC 4861 7.1), and a stranger must not have it copied to all.
    EXPECT_EQ(owner(packets::ipv6(kPeer6.address, kOurs6.address, 58, message, 254)),
              lane_of_addresses(kPeer6.address, kOurs6.address));
  }
}

TEST(Steering, multicast_listener_queries_are_lane_0_s) {
  for (std::uint8_t last = 1; last < 32; ++last) {
    Octets from(kPeer6.address.mapped().begin(), kPeer6.address.mapped().end());
    from.back() = last;
    const Address querier = Address::v6(from);
    const Octets query = packets::icmpv6(querier, kOurs6.address, 130, 0, 0, Octets(20));
    EXPECT_EQ(owner(packets::ipv6(querier, kOurs6.address, 58, query, 1)), 0U);
  }
}

TEST(Steering, what_cannot_be_read_is_lane_0_s) {
  EXPECT_EQ(owner_of({}, Medium::kIp, kLanes), 0U);
  EXPECT_EQ(owner_of(Octets(64, 0), Medium::kIp, kLanes), 0U);
  EXPECT_EQ(owner_of(packets::ethernet(kUs, kThem, 0x88cc, Octets(50, 0x45)), Medium::kEthernet, kLanes), 0U);
  Octets short_header = packet({"tcp4"}, kPeer4, kOurs4);
  short_header[0] = 0x44;
  EXPECT_EQ(owner(short_header), 0U);
  Octets long_header = packets::ipv4({.source = kPeer4.address, .destination = kOurs4.address}, {});
  long_header[0] = 0x4f;
  EXPECT_EQ(owner(long_header), 0U);
}

}  // namespace
}  // namespace windhover::stack::link
