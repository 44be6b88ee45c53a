// The errors we send (RFC 1122 3.2.2, RFC 4443 2.4, RFC 8200 4).

#include "stack/ip/icmp_errors.h"

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

constexpr Octets::size_type kIcmp4 = 20;  // Where ICMP begins in what we send.
constexpr Octets::size_type kIcmp6 = 40;

Octets udp4(std::size_t size = 4) {
  return packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17},
                       packets::udp(kPeer4, kOurs4, 5353, 9, Octets(size, 0x5a)));
}
Octets udp6(std::size_t size = 4) {
  return packets::ipv6(kPeer6, kOurs6, 17, packets::udp(kPeer6, kOurs6, 5353, 9, Octets(size, 0x5a)));
}

class IcmpErrorsTest : public testing::Test {
 protected:
  void reject(base::Bytes packet) { machine.reject(machine.packet(packet)); }

  /// An extension header chain behind which TCP would follow.
  Octets extended(std::uint8_t first, const Octets& headers, const Address& to = kOurs6, const Address& from = kPeer6) {
    Octets payload = headers;
    packets::put(payload, packets::tcp(1, 2, 3));
    return packets::ipv6(from, to, first, payload);
  }
  void expect_dropped(base::Bytes packet, Drop reason = Drop::kIpv6ExtensionHeader) {
    const std::uint64_t before = machine.drops(reason);
    EXPECT_TRUE(std::holds_alternative<Consumed>(machine.packet(packet)));
    EXPECT_EQ(machine.drops(reason), before + 1);
    EXPECT_TRUE(machine.accounted());
  }
  void expect_problem(base::Bytes about, std::uint8_t code, std::uint32_t pointer) {
    const Octets error = machine.only().octets;
    ASSERT_EQ(error.size(), 48 + about.size());
    Octets quoted(about.begin(), about.end());
    EXPECT_EQ(packets::part(error, kIcmp6), packets::icmpv6(kOurs6, kPeer6, 4, code, pointer, quoted));
  }

  Machine machine{on_tun()};
};

TEST_F(IcmpErrorsTest, udp_v4_without_socket_gets_port_unreachable_rfc1122_4_1_3_1) {
  reject(udp4());
  const Octets error = machine.only().octets;
  EXPECT_EQ(Address::v4(base::Bytes(error).subspan(12)), kOurs4);
  EXPECT_EQ(Address::v4(base::Bytes(error).subspan(16)), kPeer4);
  EXPECT_EQ(packets::part(error, kIcmp4), packets::icmpv4(3, 3, 0, udp4()));
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 1U);
  EXPECT_EQ(machine.counters.value(Event::kErrorsSent), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpErrorsTest, udp_v6_without_socket_gets_port_unreachable_rfc4443_3_1) {
  reject(udp6());
  EXPECT_EQ(machine.only().octets, packets::ipv6(kOurs6, kPeer6, 58, packets::icmpv6(kOurs6, kPeer6, 1, 4, 0, udp6())));
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 1U);
}

TEST_F(IcmpErrorsTest, error_quotes_what_fits_the_smallest_mtu) {
  const Octets asked4 = udp4(1000);
  reject(asked4);
  const Octets v4 = machine.only().octets;
  EXPECT_EQ(v4.size(), 576U);
  EXPECT_EQ(packets::part(v4, 28), packets::part(base::Bytes(asked4).first(548), 0));
  const Octets asked6 = udp6(1400);
  reject(asked6);
  const Octets v6 = machine.only().octets;
  EXPECT_EQ(v6.size(), 1280U);
  EXPECT_EQ(packets::part(v6, 48), packets::part(base::Bytes(asked6).first(1232), 0));
}

TEST_F(IcmpErrorsTest, error_quotes_options_and_the_header_as_it_came) {
  const Octets packet = packets::ipv4(
      {.source = kPeer4, .destination = kOurs4, .protocol = 132, .ttl = 3, .options = {1, 1, 1, 0}}, Octets(8, 1));
  reject(packet);
  EXPECT_EQ(packets::part(machine.only().octets, kIcmp4), packets::icmpv4(3, 2, 0, packet));
}

TEST_F(IcmpErrorsTest, unknown_protocol_v4_gets_protocol_unreachable_rfc1122_3_2_2_1) {
  const Octets packet = packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 132}, Octets(12, 1));
  reject(packet);
  EXPECT_EQ(packets::part(machine.only().octets, kIcmp4), packets::icmpv4(3, 2, 0, packet));
  EXPECT_EQ(machine.drops(Drop::kUnknownProtocol), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpErrorsTest, unknown_next_header_gets_parameter_problem_that_points_at_it_rfc8200_4) {
  const Octets plain = packets::ipv6(kPeer6, kOurs6, 132, Octets(12, 1));
  reject(plain);
  expect_problem(plain, 1, 6);
  EXPECT_EQ(machine.drops(Drop::kUnknownProtocol), 1U);

  const Octets behind = packets::ipv6(kPeer6, kOurs6, 60, Octets{132, 0, 1, 4, 0, 0, 0, 0, 9, 9, 9, 9});
  reject(behind);
  expect_problem(behind, 1, 40);
}

TEST_F(IcmpErrorsTest, udp_that_is_wrong_gets_nothing) {
  Octets bad_checksum = udp4();
  bad_checksum[27] ^= 1;
  reject(bad_checksum);
  Octets short_length = udp4();
  packets::set16(short_length, 24, 7);
  reject(short_length);
  Octets long_length = udp4();
  packets::set16(long_length, 24, 13);
  reject(long_length);
  Octets no_checksum6 = udp6();
  packets::set16(no_checksum6, 46, 0);
  reject(no_checksum6);  // RFC 8200 8.1.
  for (std::size_t size = 0; size < 8; ++size) {
    reject(packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17}, Octets(size, 0)));
  }
  EXPECT_EQ(machine.drops(Drop::kUdpMalformed), 10U);
  EXPECT_EQ(machine.drops(Drop::kUdpBadChecksum), 2U);
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 0U);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpErrorsTest, udp_v4_without_checksum_is_sound_rfc768) {
  Octets none = udp4();
  packets::set16(none, 26, 0);
  reject(none);
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 1U);
}

TEST_F(IcmpErrorsTest, udp_with_a_partial_checksum_is_sound_where_the_device_says_so) {
  Machine offloaded(on_virtual_tun());
  Octets partial = udp4();
  packets::set16(partial, 26, 0x1111);
  offloaded.reject(offloaded.packet(partial, Checksum::kPartial));
  EXPECT_EQ(offloaded.drops(Drop::kUdpNoSocket), 1U);
  EXPECT_EQ(offloaded.only().offload.checksum, Checksum::kPartial);
  machine.reject(machine.packet(partial, Checksum::kPartial));
  EXPECT_EQ(machine.drops(Drop::kUdpBadChecksum), 1U);
}

TEST_F(IcmpErrorsTest, udp_checksum_of_either_form_is_sound_and_nothing_else) {
  Machine offloaded(on_virtual_tun());
  const Octets complete = udp4();
  Octets begun = complete;
  const Octets pseudo = packets::pseudo_header(kPeer4, kOurs4, 17, complete.size() - 20);
  packets::set16(begun, 26, static_cast<std::uint16_t>(~packets::naive_checksum(pseudo)));
  for (const Octets& right : {complete, begun}) {
    const std::uint64_t sound = offloaded.drops(Drop::kUdpNoSocket);
    offloaded.reject(offloaded.packet(right, Checksum::kEither));
    EXPECT_EQ(offloaded.drops(Drop::kUdpNoSocket), sound + 1);
    Octets wrong = right;
    wrong[27] ^= 1;
    const std::uint64_t bad = offloaded.drops(Drop::kUdpBadChecksum);
    offloaded.reject(offloaded.packet(wrong, Checksum::kEither));
    EXPECT_EQ(offloaded.drops(Drop::kUdpBadChecksum), bad + 1);
  }
  machine.reject(machine.packet(begun, Checksum::kEither));  // The device does not claim it.
  EXPECT_EQ(machine.drops(Drop::kUdpBadChecksum), 1U);
}

TEST_F(IcmpErrorsTest, rate_to_one_destination_is_limited_rfc4443_2_4_f) {
  for (int i = 0; i < 30; ++i) reject(udp4());
  EXPECT_EQ(machine.output().size(), 6U);
  EXPECT_EQ(machine.drops(Drop::kIcmpRateLimited), 24U);
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 30U);
  reject(udp6());  // Another destination.
  EXPECT_EQ(machine.output().size(), 1U);
  machine.at(1s - 1ns);
  reject(udp4());
  EXPECT_TRUE(machine.output().empty());
  machine.at(1s);
  reject(udp4());
  EXPECT_EQ(machine.output().size(), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpErrorsTest, limit_of_zero_sends_none) {
  Config silent = config();
  silent.icmp_errors_per_second = 0;
  Machine quiet(on_tun(), silent);
  quiet.reject(quiet.packet(udp4()));
  EXPECT_TRUE(quiet.output().empty());
  EXPECT_EQ(quiet.drops(Drop::kIcmpRateLimited), 1U);
}

// Extension headers.

TEST_F(IcmpErrorsTest, unknown_option_is_treated_as_its_type_asks_rfc8200_4_2) {
  const auto with_option = [&](std::uint8_t type, const Address& to = kOurs6) {
    return extended(60, {6, 0, type, 4, 0, 0, 0, 0}, to);
  };
  const Input skipped = machine.packet(with_option(0x1e));  // 00: skip it.
  ASSERT_TRUE(std::holds_alternative<Packet>(skipped));
  EXPECT_EQ(std::get<Packet>(skipped).network_size, 48);
  expect_dropped(with_option(0x5e));  // 01: discard.
  EXPECT_TRUE(machine.output().empty());
  expect_dropped(with_option(0x9e));  // 10: discard and tell.
  expect_problem(with_option(0x9e), 2, 42);
  expect_dropped(with_option(0xde));  // 11: discard and tell, if it was not for a group.
  expect_problem(with_option(0xde), 2, 42);

  expect_dropped(with_option(0x9e, kAllNodes));
  expect_problem(with_option(0x9e, kAllNodes), 2, 42);
  expect_dropped(with_option(0xde, kAllNodes));
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, routing_header_with_segments_left_points_at_its_type_rfc8200_4_4) {
  const Octets packet = extended(43, {6, 0, 77, 1, 0, 0, 0, 0});
  expect_dropped(packet);
  expect_problem(packet, 0, 42);
  const Octets done = extended(43, {6, 0, 77, 0, 0, 0, 0, 0});
  EXPECT_TRUE(std::holds_alternative<Packet>(machine.packet(done)));
}

TEST_F(IcmpErrorsTest, hop_by_hop_elsewhere_than_first_is_an_unknown_next_header_rfc8200_4_1) {
  const Octets packet = extended(60, {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0});
  expect_dropped(packet);
  expect_problem(packet, 1, 40);
}

TEST_F(IcmpErrorsTest, routing_header_type_0_is_refused_like_an_unknown_one_rfc5095) {
  const Octets packet = extended(43, {6, 2, 0, 1, 0, 0, 0, 0, 0xfd, 0x66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
  expect_dropped(packet);
  expect_problem(packet, 0, 42);
}

TEST_F(IcmpErrorsTest, jumbo_option_is_an_unknown_one_rfc2675_3) {
  const Octets packet = extended(0, {6, 0, 0xc2, 4, 0, 1, 0, 0});
  expect_dropped(packet);
  expect_problem(packet, 2, 42);
}

TEST_F(IcmpErrorsTest, malformed_option_v4_is_pointed_at_rfc1122_3_2_2_5) {
  const Octets packet = packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 6, .options = {1, 7, 2, 0}},
                                      packets::tcp(1, 2, 3));
  expect_dropped(packet, Drop::kIpv4Options);
  EXPECT_EQ(packets::part(machine.only().octets, kIcmp4), packets::icmpv4(12, 0, 22U << 24, packet));
}

TEST_F(IcmpErrorsTest, none_answers_an_icmp_error_or_a_later_fragment_v4_rfc1122_3_2_2) {
  const auto with_bad_option = [](std::uint8_t icmp_type, std::uint16_t fragment) {
    return packets::ipv4(
        {.source = kPeer4, .destination = kOurs4, .protocol = 1, .fragment = fragment, .options = {7, 2, 0, 0}},
        packets::icmpv4(icmp_type, 0, 0, Octets(28, 0)));
  };
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{3, 4, 5, 11, 12}) {
    expect_dropped(with_bad_option(type, 0), Drop::kIpv4Options);
  }
  expect_dropped(with_bad_option(8, 1), Drop::kIpv4Options);
  EXPECT_TRUE(machine.output().empty());
  expect_dropped(with_bad_option(8, 0), Drop::kIpv4Options);
  EXPECT_EQ(machine.output().size(), 1U);
}

TEST_F(IcmpErrorsTest, none_answers_an_icmpv6_redirect_rfc4443_2_4_e_2) {
  Octets payload{58, 0, 0x9e, 4, 0, 0, 0, 0};
  packets::put(payload, packets::icmpv6(kPeer6, kOurs6, 137, 0, 0, Octets(32, 0)));
  expect_dropped(packets::ipv6(kPeer6, kOurs6, 60, payload));
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, too_much_padding_is_dropped_in_silence_rfc8504_5_3) {
  expect_dropped(extended(60, {6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x1e, 4, 0, 0, 0, 0}));
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, too_many_headers_are_dropped_in_silence) {
  Octets headers;
  for (int i = 0; i < 9; ++i) packets::put(headers, {static_cast<std::uint8_t>(i == 8 ? 6 : 60), 0, 1, 4, 0, 0, 0, 0});
  expect_dropped(extended(60, headers));
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, header_that_runs_out_is_malformed) {
  expect_dropped(packets::ipv6(kPeer6, kOurs6, 60, Octets{6, 9, 1, 4, 0, 0, 0, 0}), Drop::kIpv6Malformed);
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, none_answers_an_icmpv6_error_rfc4443_2_4_e_1) {
  const auto behind_option = [](std::uint8_t icmp_type) {
    Octets payload{58, 0, 0x9e, 4, 0, 0, 0, 0};
    packets::put(payload, packets::icmpv6(kPeer6, kOurs6, icmp_type, 0, 0, Octets(48, 0)));
    return packets::ipv6(kPeer6, kOurs6, 60, payload);
  };
  expect_dropped(behind_option(1));
  EXPECT_TRUE(machine.output().empty());
  expect_dropped(behind_option(128));
  EXPECT_EQ(machine.output().size(), 1U);
}

TEST_F(IcmpErrorsTest, none_answers_a_source_that_is_no_single_host_rfc4443_2_4_e_6) {
  expect_dropped(extended(60, {6, 0, 0x9e, 4, 0, 0, 0, 0}, kOurs6, address("::")));
  EXPECT_EQ(machine.counters.value(Event::kErrorsSent), 0U);
  EXPECT_EQ(machine.drops(Drop::kNoRoute), 0U);
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(IcmpErrorsTest, extension_headers_cut_short_at_every_byte_do_no_harm) {
  const Octets whole = extended(0, {60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 0x9e, 4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0});
  for (std::size_t size = 40; size <= whole.size(); ++size) {
    Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    packets::set16(cut, 4, size - 40);
    machine.packet(cut);
  }
  EXPECT_TRUE(machine.accounted());
}

TEST_F(IcmpErrorsTest, no_next_header_is_used_up_rfc8200_4_7) {
  EXPECT_TRUE(std::holds_alternative<Consumed>(machine.packet(packets::ipv6(kPeer6, kOurs6, 59, Octets(4, 0)))));
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 1U);
  EXPECT_TRUE(machine.output().empty());
}

}  // namespace
}  // namespace windhover::stack::ip
