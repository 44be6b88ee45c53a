// Echo and received errors through Ip (RFC 792, RFC 4443), on both media.

#include "stack/ip/icmp.h"

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

Octets pattern(std::size_t size) {
  Octets made(size);
  for (std::size_t at = 0; at < size; ++at) made[at] = static_cast<std::uint8_t>(at * 31 + 7);
  return made;
}

Octets echo4(base::Bytes body) {
  return packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1},
                       packets::icmpv4(8, 0, 0xabcd0005, body));
}
Octets echo6(base::Bytes body, const Address& to = kOurs6) {
  return packets::ipv6(kPeer6, to, 58, packets::icmpv6(kPeer6, to, 128, 0, 0xabcd0005, body));
}

class IcmpTest : public testing::Test {
 protected:
  void expect_drop(Drop drop, base::Bytes packet, Checksum checksum = Checksum::kNone) {
    const std::uint64_t before = machine.drops(drop);
    EXPECT_TRUE(std::holds_alternative<Consumed>(machine.packet(packet, checksum)));
    EXPECT_EQ(machine.drops(drop), before + 1);
    EXPECT_TRUE(machine.output().empty());
    EXPECT_TRUE(machine.accounted());
  }

  Machine machine{on_tun()};
};

TEST_F(IcmpTest, echo_v4_is_answered_at_every_size_up_to_the_mtu_rfc1122_3_2_2_6) {
  for (const std::size_t size : {0U, 1U, 2U, 7U, 8U, 55U, 56U, 57U, 63U, 64U, 65U, 511U, 1471U, 1472U}) {
    const Octets body = pattern(size);
    machine.packet(echo4(body));
    const Octets reply = machine.only().octets;
    ASSERT_EQ(reply.size(), 28 + size);
    EXPECT_EQ(packets::naive_checksum(base::Bytes(reply).first(20)), 0);
    EXPECT_EQ(Address::v4(base::Bytes(reply).subspan(12)), kOurs4);
    EXPECT_EQ(Address::v4(base::Bytes(reply).subspan(16)), kPeer4);
    EXPECT_EQ(packets::part(reply, 20), packets::icmpv4(0, 0, 0xabcd0005, body)) << size;
  }
  EXPECT_EQ(machine.counters.value(Event::kEchoReplies), 14U);
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 14U);
}

TEST_F(IcmpTest, echo_v6_is_answered_at_every_size_up_to_the_mtu_rfc4443_4_2) {
  for (const std::size_t size : {0U, 1U, 7U, 56U, 57U, 64U, 65U, 1451U, 1452U}) {
    const Octets body = pattern(size);
    machine.packet(echo6(body));
    EXPECT_EQ(machine.only().octets,
              packets::ipv6(kOurs6, kPeer6, 58, packets::icmpv6(kOurs6, kPeer6, 129, 0, 0xabcd0005, body)))
        << size;
  }
}

TEST_F(IcmpTest, echo_to_all_nodes_is_answered_from_our_own_address_rfc4443_4_2) {
  machine.packet(echo6(pattern(3), kAllNodes));
  EXPECT_EQ(machine.only().octets,
            packets::ipv6(kOurs6, kPeer6, 58, packets::icmpv6(kOurs6, kPeer6, 129, 0, 0xabcd0005, pattern(3))));
}

// RFC 1122 3.2.2.6, RFC 4443 4.2: all of what was sent comes back.
TEST_F(IcmpTest, echo_larger_than_the_mtu_is_answered_in_fragments) {
  machine.packet(echo4(pattern(1473)));
  const std::vector<Sent> v4 = machine.output();
  ASSERT_EQ(v4.size(), 2U);
  EXPECT_EQ(v4[0].octets.size(), 1500U);
  EXPECT_EQ(packets::get16(v4[0].octets, 6), 0x2000);
  EXPECT_EQ(packets::get16(v4[1].octets, 6), 1480 / 8);
  EXPECT_EQ(packets::get16(v4[0].octets, 4), packets::get16(v4[1].octets, 4));
  Octets reply;
  for (const Sent& sent : v4) {
    EXPECT_EQ(packets::naive_checksum(base::Bytes(sent.octets).first(20)), 0);
    EXPECT_EQ(packets::get16(sent.octets, 2), sent.octets.size());
    EXPECT_EQ(Address::v4(base::Bytes(sent.octets).subspan(12)), kOurs4);
    EXPECT_EQ(Address::v4(base::Bytes(sent.octets).subspan(16)), kPeer4);
    packets::put(reply, packets::part(sent.octets, 20));
  }
  EXPECT_EQ(reply, packets::icmpv4(0, 0, 0xabcd0005, pattern(1473)));

  machine.packet(echo6(pattern(1453)));
  const std::vector<Sent> v6 = machine.output();
  ASSERT_EQ(v6.size(), 2U);
  EXPECT_EQ(v6[0].octets.size(), 1496U);
  reply.clear();
  for (const Sent& sent : v6) {
    EXPECT_EQ(packets::get16(sent.octets, 4), sent.octets.size() - 40);
    EXPECT_EQ(sent.octets[6], 44);
    EXPECT_EQ(sent.octets[40], 58);
    EXPECT_EQ(packets::part(base::Bytes(sent.octets).first(48), 44),
              packets::part(base::Bytes(v6[0].octets).first(48), 44));
    packets::put(reply, packets::part(sent.octets, 48));
  }
  EXPECT_EQ(packets::get16(v6[0].octets, 42), 1);
  EXPECT_EQ(packets::get16(v6[1].octets, 42), 1448);
  EXPECT_EQ(reply, packets::icmpv6(kOurs6, kPeer6, 129, 0, 0xabcd0005, pattern(1453)));
  EXPECT_EQ(machine.counters.value(Event::kEchoReplies), 2U);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpTest, echo_of_the_mtu_is_answered_whole) {
  machine.packet(echo4(pattern(1472)));
  EXPECT_EQ(machine.only().octets.size(), 1500U);
  machine.packet(echo6(pattern(1452)));
  EXPECT_EQ(machine.only().octets.size(), 1500U);
}

TEST_F(IcmpTest, echo_larger_than_a_known_path_mtu_is_answered_in_fragments) {
  machine.ip.path_mtu(machine.now, kPeer4, 1000);
  machine.packet(echo4(pattern(972)));
  EXPECT_EQ(machine.output().size(), 1U);
  machine.packet(echo4(pattern(973)));
  const std::vector<Sent> sent = machine.output();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].octets.size(), 996U);
}

TEST_F(IcmpTest, echo_larger_than_a_frame_is_answered_in_fragments_whatever_the_mtu) {
  link::Caps jumbo = on_ethernet();
  jumbo.mtu = 9000;
  Config shared = config();
  shared.reply_to_sender = true;
  Machine wired(jumbo, shared);
  wired.packet(echo4(pattern(5000)));
  wired.packet(echo6(pattern(5000)));
  std::size_t v4 = 0;
  std::size_t v6 = 0;
  for (const Sent& sent : wired.output()) {
    const bool is_v4 = sent.octets[14] >> 4 == 4;
    (is_v4 ? v4 : v6) += sent.octets.size() - 14 - (is_v4 ? 20 : 48);
  }
  EXPECT_EQ(v4, 5008U);
  EXPECT_EQ(v6, 5008U);
  EXPECT_EQ(wired.drops(Drop::kTransmitNoFrame), 0U);
}

TEST_F(IcmpTest, identifications_of_fragmented_replies_differ) {
  machine.packet(echo6(pattern(1453)));
  machine.packet(echo6(pattern(1453)));
  const std::vector<Sent> sent = machine.output();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_NE(packets::part(base::Bytes(sent[0].octets).first(48), 44),
            packets::part(base::Bytes(sent[2].octets).first(48), 44));
}

TEST_F(IcmpTest, echo_to_a_group_or_broadcast_v4_is_passed_rfc1122_3_2_2_6) {
  for (const char* to : {"224.0.0.1", "255.255.255.255", "10.66.0.255"}) {
    const Octets packet =
        packets::ipv4({.source = kPeer4, .destination = address(to), .protocol = 1}, packets::icmpv4(8, 0, 0, {}));
    const Input input = machine.packet(packet);
    EXPECT_TRUE(std::holds_alternative<Passed>(input)) << to;
  }
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpTest, echo_on_ethernet_goes_back_through_the_neighbour_table) {
  Machine wired(on_ethernet());
  wired.output();
  wired.input(packets::ethernet(wire::kBroadcast, kPeerMac, 0x0806, packets::arp(1, kPeerMac, kPeer4, {}, kOurs4)));
  wired.output();
  Octets padded = echo4(pattern(1));
  padded.resize(46);
  wired.packet(padded);
  const Octets reply = wired.only().octets;
  EXPECT_EQ(reply.size(), 14 + 28 + 1U);  // The padding is not part of it.
  EXPECT_EQ(MacAddress::load(reply), kPeerMac);
}

TEST_F(IcmpTest, echo_checksum_is_left_to_the_device_where_it_completes) {
  Machine offloaded(on_virtual_tun());
  offloaded.packet(echo4(pattern(5)));
  const Sent v4 = offloaded.only();
  EXPECT_EQ(v4.offload.checksum, Checksum::kPartial);
  EXPECT_EQ(v4.offload.csum_start, 20);
  EXPECT_EQ(v4.offload.csum_offset, 2);
  EXPECT_EQ(packets::get16(v4.octets, 22), 0);  // ICMPv4 has no pseudo-header.
  offloaded.packet(echo6(pattern(5)));
  const Sent v6 = offloaded.only();
  EXPECT_EQ(v6.offload.csum_start, 40);
  EXPECT_EQ(v6.offload.csum_offset, 2);
  Octets completed = packets::part(v6.octets, 40);
  packets::set16(completed, 2, packets::naive_checksum(completed));
  EXPECT_EQ(packets::transport_checksum(kOurs6, kPeer6, 58, completed), 0);
}

TEST_F(IcmpTest, bad_checksum_is_dropped) {
  Octets bad4 = echo4(pattern(9));
  bad4[25] ^= 1;
  expect_drop(Drop::kIcmpBadChecksum, bad4);
  Octets bad6 = echo6(pattern(9));
  bad6[45] ^= 1;
  expect_drop(Drop::kIcmpBadChecksum, bad6);
  expect_drop(Drop::kIcmpBadChecksum, bad6, Checksum::kPartial);  // The device is not to be believed.
}

TEST_F(IcmpTest, checksum_that_the_device_vouches_for_is_believed) {
  Octets bad4 = echo4(pattern(9));
  bad4[25] ^= 1;
  machine.packet(bad4, Checksum::kVerified);
  EXPECT_EQ(machine.output().size(), 1U);
  Machine offloaded(on_virtual_tun());
  Octets partial6 = echo6(pattern(9));
  packets::set16(partial6, 42, 0x1234);
  offloaded.packet(partial6, Checksum::kPartial);
  EXPECT_EQ(offloaded.output().size(), 1U);
}

TEST_F(IcmpTest, checksum_of_either_form_is_believed_and_nothing_else) {
  Machine offloaded(on_virtual_tun());
  for (const bool v6 : {false, true}) {
    const Octets complete = v6 ? echo6(pattern(9)) : echo4(pattern(9));
    const std::size_t field = v6 ? 42 : 22;
    Octets begun = complete;
    const Octets pseudo = packets::pseudo_header(kPeer6, kOurs6, 58, complete.size() - 40);
    packets::set16(begun, field, v6 ? static_cast<std::uint16_t>(~packets::naive_checksum(pseudo)) : 0);
    for (const Octets& right : {complete, begun}) {
      offloaded.packet(right, Checksum::kEither);
      EXPECT_EQ(offloaded.output().size(), 1U);
      Octets wrong = right;
      wrong[field + 1] ^= 1;
      const std::uint64_t before = offloaded.drops(Drop::kIcmpBadChecksum);
      offloaded.packet(wrong, Checksum::kEither);
      EXPECT_EQ(offloaded.drops(Drop::kIcmpBadChecksum), before + 1);
    }
    expect_drop(Drop::kIcmpBadChecksum, begun, Checksum::kEither);  // The device does not claim it.
    machine.packet(complete, Checksum::kEither);
    EXPECT_EQ(machine.output().size(), 1U);
  }
}

TEST_F(IcmpTest, echo_cut_short_at_every_byte_is_never_answered) {
  for (const Octets& whole : {echo4(pattern(5)), echo6(pattern(5))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      machine.packet(base::Bytes(whole).first(size));
      EXPECT_TRUE(machine.output().empty()) << size;
    }
  }
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpTest, message_shorter_than_its_header_is_malformed) {
  for (std::size_t size = 0; size < 8; ++size) {
    const Octets message(size, 0);
    expect_drop(Drop::kIcmpMalformed, packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1}, message));
    expect_drop(Drop::kIcmpMalformed, packets::ipv6(kPeer6, kOurs6, 58, message));
  }
}

TEST_F(IcmpTest, types_that_mean_nothing_here_are_ignored) {
  for (const std::uint8_t type :
       std::initializer_list<std::uint8_t>{0, 4, 9, 10, 13, 14, 15, 17, 42}) {  // Source quench too: RFC 6633.
    expect_drop(Drop::kIcmpIgnored, packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1},
                                                  packets::icmpv4(type, 0, 0, pattern(20))));
  }
  for (const std::uint8_t type :
       std::initializer_list<std::uint8_t>{129, 131, 132, 133, 143, 200}) {  // RFC 4443 2.4 b.
    expect_drop(Drop::kIcmpIgnored,
                packets::ipv6(kPeer6, kOurs6, 58, packets::icmpv6(kPeer6, kOurs6, type, 0, 0, pattern(20)), 255));
  }
}

TEST_F(IcmpTest, redirects_are_ignored_by_policy) {
  for (std::uint8_t code = 0; code < 4; ++code) {
    expect_drop(Drop::kIcmpRedirect, packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1},
                                                   packets::icmpv4(5, code, 0x0a420009, pattern(28))));
  }
  expect_drop(Drop::kIcmpRedirect,
              packets::ipv6(kPeer6, kOurs6, 58, packets::icmpv6(kPeer6, kOurs6, 137, 0, 0, pattern(32)), 255));
}

// RFC 6980 5.
TEST_F(IcmpTest, ndp_behind_a_fragment_header_is_invalid) {
  for (std::uint8_t type = 133; type <= 137; ++type) {
    Octets payload{58, 0, 0, 0, 0, 0, 0, 1};
    packets::put(payload, packets::icmpv6(kPeer6, kOurs6, type, 0, 0, pattern(24)));
    expect_drop(Drop::kNdpInvalid, packets::ipv6(kPeer6, kOurs6, 44, payload, 255));
  }
}

TEST_F(IcmpTest, echo_from_nobody_is_a_bad_source) {
  const Address nobody = address("::");
  expect_drop(Drop::kIpBadSource,
              packets::ipv6(nobody, kOurs6, 58, packets::icmpv6(nobody, kOurs6, 128, 0, 0, pattern(4))));
}

TEST_F(IcmpTest, no_route_back_is_counted_beside_the_request) {
  Config alone = config();
  alone.gateway_v4.reset();
  Machine wired(on_ethernet(), alone);
  wired.output();
  wired.packet(packets::ipv4({.source = kFar4, .destination = kOurs4, .protocol = 1}, packets::icmpv4(8, 0, 0, {})));
  EXPECT_EQ(wired.drops(Drop::kNoRoute), 1U);
  EXPECT_EQ(wired.counters.value(Event::kFramesConsumed), 1U);
  EXPECT_TRUE(wired.output().empty());
  EXPECT_TRUE(wired.accounted());
}

// Errors about what we sent.

Octets quoted4(const Address& from = kOurs4, std::uint8_t protocol = 6, std::uint16_t fragment = 0x4000) {
  return packets::ipv4({.source = from, .destination = kFar4, .protocol = protocol, .fragment = fragment},
                       packets::tcp(8080, 40000, 0xdeadbeef));
}
Octets quoted6(const Address& from = kOurs6, std::uint8_t protocol = 6) {
  return packets::ipv6(from, kFar6, protocol, packets::tcp(8080, 40000, 0xdeadbeef));
}
Octets error4(std::uint8_t type, std::uint8_t code, std::uint32_t rest, base::Bytes quote) {
  return packets::ipv4({.source = address("198.51.100.1"), .destination = kOurs4, .protocol = 1},
                       packets::icmpv4(type, code, rest, quote));
}
Octets error6(std::uint8_t type, std::uint8_t code, std::uint32_t rest, base::Bytes quote) {
  const Address router = address("2001:db8:1::1");
  return packets::ipv6(router, kOurs6, 58, packets::icmpv6(router, kOurs6, type, code, rest, quote));
}

TEST_F(IcmpTest, error_v4_is_handed_up_with_its_flow_rfc1122_3_2_2_1) {
  using Kind = TransportError::Kind;
  struct Case {
    std::uint8_t type, code;
    Kind kind;
  };
  for (const Case& now : std::initializer_list<Case>{{3, 0, Kind::kUnreachable},
                                                     {3, 1, Kind::kUnreachable},
                                                     {3, 2, Kind::kRefused},
                                                     {3, 3, Kind::kRefused},
                                                     {3, 4, Kind::kTooBig},
                                                     {3, 9, Kind::kRefused},
                                                     {3, 13, Kind::kRefused},
                                                     {3, 14, Kind::kUnreachable},
                                                     {11, 0, Kind::kTimeExceeded},
                                                     {12, 0, Kind::kParameterProblem}}) {
    const Input input = machine.packet(error4(now.type, now.code, now.code == 4 ? 1400 : 0, quoted4()));
    const auto* error = std::get_if<TransportError>(&input);
    ASSERT_NE(error, nullptr) << int{now.type} << "/" << int{now.code};
    EXPECT_EQ(error->kind, now.kind) << int{now.type} << "/" << int{now.code};
    EXPECT_EQ(error->protocol, Protocol::kTcp);
    EXPECT_EQ(error->local, (wire::Endpoint{kOurs4, 8080}));
    EXPECT_EQ(error->remote, (wire::Endpoint{kFar4, 40000}));
    EXPECT_EQ(error->sequence, 0xdeadbeefU);
    EXPECT_EQ(error->mtu, now.code == 4 ? 1400U : 0U);
  }
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpTest, error_v6_is_handed_up_with_its_flow_rfc4443_2_4) {
  using Kind = TransportError::Kind;
  struct Case {
    std::uint8_t type, code;
    std::uint32_t rest;
    Kind kind;
  };
  for (const Case& now : std::initializer_list<Case>{{1, 0, 0, Kind::kUnreachable},
                                                     {1, 1, 0, Kind::kRefused},
                                                     {1, 3, 0, Kind::kUnreachable},
                                                     {1, 4, 0, Kind::kRefused},
                                                     {1, 5, 0, Kind::kRefused},
                                                     {2, 0, 1300, Kind::kTooBig},
                                                     {3, 0, 0, Kind::kTimeExceeded},
                                                     {4, 1, 6, Kind::kParameterProblem},
                                                     {99, 0, 0, Kind::kUnreachable}}) {
    const Input input = machine.packet(error6(now.type, now.code, now.rest, quoted6()));
    const auto* error = std::get_if<TransportError>(&input);
    ASSERT_NE(error, nullptr) << int{now.type} << "/" << int{now.code};
    EXPECT_EQ(error->kind, now.kind) << int{now.type} << "/" << int{now.code};
    EXPECT_EQ(error->local, (wire::Endpoint{kOurs6, 8080}));
    EXPECT_EQ(error->remote, (wire::Endpoint{kFar6, 40000}));
    EXPECT_EQ(error->sequence, 0xdeadbeefU);
    EXPECT_EQ(error->mtu, now.type == 2 ? 1300U : 0U);
  }
}

TEST_F(IcmpTest, error_quoting_a_packet_that_is_not_ours_is_ignored) {
  expect_drop(Drop::kIcmpIgnored, error4(3, 3, 0, quoted4(kPeer4)));
  expect_drop(Drop::kIcmpIgnored, error6(1, 4, 0, quoted6(kPeer6)));
  expect_drop(Drop::kIcmpIgnored, error4(3, 3, 0, quoted4(kOurs4, 47)));
  expect_drop(Drop::kIcmpIgnored, error6(1, 4, 0, quoted6(kOurs6, 47)));
  expect_drop(Drop::kIcmpMalformed, error4(3, 3, 0, quoted4(kOurs4, 6, 1)));  // A later fragment shows no ports.
}

TEST_F(IcmpTest, error_about_udp_is_handed_up_without_a_sequence) {
  const Input input = machine.packet(error4(3, 3, 0, quoted4(kOurs4, 17)));
  ASSERT_TRUE(std::holds_alternative<TransportError>(input));
  EXPECT_EQ(std::get<TransportError>(input).protocol, Protocol::kUdp);
  EXPECT_EQ(std::get<TransportError>(input).sequence, 0U);
}

TEST_F(IcmpTest, error_quoting_less_than_the_ports_is_malformed) {
  const Octets whole4 = quoted4();
  for (std::size_t size = 0; size < 28; ++size) {
    expect_drop(Drop::kIcmpMalformed, error4(3, 3, 0, base::Bytes(whole4).first(size)));
  }
  const Octets whole6 = quoted6();
  for (std::size_t size = 0; size < 48; ++size) {
    expect_drop(Drop::kIcmpMalformed, error6(1, 4, 0, base::Bytes(whole6).first(size)));
  }
  EXPECT_TRUE(std::holds_alternative<TransportError>(machine.packet(error4(3, 3, 0, base::Bytes(whole4).first(28)))));
  EXPECT_TRUE(std::holds_alternative<TransportError>(machine.packet(error6(1, 4, 0, base::Bytes(whole6).first(48)))));
}

TEST_F(IcmpTest, error_quoting_a_broken_header_is_malformed) {
  Octets wrong_version = quoted4();
  wrong_version[0] = 0x65;
  expect_drop(Drop::kIcmpMalformed, error4(3, 3, 0, wrong_version));
  Octets short_header = quoted4();
  short_header[0] = 0x44;
  expect_drop(Drop::kIcmpMalformed, error4(3, 3, 0, short_header));
  Octets long_header = quoted4();
  long_header[0] = 0x4f;
  expect_drop(Drop::kIcmpMalformed, error4(3, 3, 0, long_header));
}

}  // namespace
}  // namespace windhover::stack::ip
