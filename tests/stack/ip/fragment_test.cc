// Fragments through the whole layer: what is handed up, what is told of, what is refused (RFC 791, RFC 8200 4.5, RFC
// 6946, RFC 7112, RFC 1858).

#include "stack/ip/fragment.h"

#include "stack/ip/reassembly.h"
#include "stack/link/steering.h"
#include "stack/wire/udp.h"
#include "tests/stack/ip/fragments.h"

namespace windhover::stack::ip {
namespace {

class FragmentsTest : public testing::TestWithParam<bool> {
 protected:
  bool v6() const { return GetParam(); }
  Original original() const { return {.v6 = v6()}; }

  void expect_consumed(base::Bytes packet) {
    const std::uint64_t before = machine.counters.value(Event::kFramesConsumed);
    EXPECT_TRUE(std::holds_alternative<Consumed>(machine.packet(packet)));
    EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), before + 1);
  }
  void expect_drop(Drop reason, base::Bytes packet) {
    const std::uint64_t before = machine.drops(reason);
    EXPECT_TRUE(std::holds_alternative<Consumed>(machine.packet(packet)));
    EXPECT_EQ(machine.drops(reason), before + 1) << base::name(reason);
    EXPECT_TRUE(machine.accounted());
  }
  void expect_whole(const Input& input, const Octets& payload, std::size_t network_size) {
    ASSERT_TRUE(std::holds_alternative<Packet>(input));
    const Packet& packet = std::get<Packet>(input);
    const base::Bytes bytes = packet.frame.bytes();
    EXPECT_TRUE(std::ranges::equal(bytes, payload));
    EXPECT_EQ(packet.network_size, network_size);
    EXPECT_EQ(packet.frame.offload().checksum, Checksum::kNone);
    EXPECT_EQ(packet.frame.headroom(), kReassembledHeadroom + network_size);
  }
  std::size_t header_size() const { return v6() ? 40 : 20; }

  Machine machine{on_tun()};
};

TEST_P(FragmentsTest, datagram_in_two_is_one_packet) {
  const Octets payload = datagram(v6(), 2001);
  const auto fragments = original().cut(payload, 1480);
  expect_consumed(fragments[0]);
  const Input input = machine.packet(fragments[1]);
  expect_whole(input, payload, header_size());
  const Packet& packet = std::get<Packet>(input);
  EXPECT_EQ(packet.source, original().from());
  EXPECT_EQ(packet.destination, original().to());
  EXPECT_EQ(packet.protocol, Protocol::kUdp);
  EXPECT_TRUE(wire::UdpView::parse(packet.frame.bytes())->checksum_ok(packet.source, packet.destination));
  EXPECT_EQ(machine.counters.value(Event::kReassembled), 1U);
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, any_order_will_do) {
  const Octets payload = datagram(v6(), 301);
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  do {
    const auto fragments = original().cut(payload, 64);
    ASSERT_EQ(fragments.size(), 5U);
    for (std::size_t at = 0; at + 1 < order.size(); ++at) expect_consumed(fragments[order[at]]);
    expect_whole(machine.packet(fragments[order.back()]), payload, header_size());
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, tcp_segment_in_fragments_is_one_packet) {
  Original tcp = original();
  tcp.protocol = 6;
  Octets segment = packets::tcp(40000, 8080, 77);
  packets::put(segment, numbered(3000));
  const auto fragments = tcp.cut(segment, 1400);
  for (std::size_t at = 0; at + 1 < fragments.size(); ++at) expect_consumed(fragments[at]);
  const Input input = machine.packet(fragments.back());
  expect_whole(input, segment, header_size());
  EXPECT_EQ(std::get<Packet>(input).protocol, Protocol::kTcp);
}

TEST_P(FragmentsTest, largest_packet_is_handed_up_and_one_octet_more_is_malformed) {
  const Octets payload = numbered(65535 - (v6() ? 0 : 20));
  const auto fragments = original().cut(payload, 1448);
  for (std::size_t at = 0; at + 1 < fragments.size(); ++at) expect_consumed(fragments[at]);
  expect_whole(machine.packet(fragments.back()), payload, header_size());

  expect_drop(Drop::kFragmentMalformed, original().fragment(65528, false, numbered(v6() ? 8 : 7)));
  EXPECT_TRUE(machine.accounted());
}

TEST(Fragments4, header_of_the_first_may_make_it_too_large) {
  Machine machine(on_tun());
  const Original plain;
  Original with_options;
  with_options.options = {1, 1, 1, 0};
  const Octets payload = numbered(65515);
  const auto fragments = plain.cut(payload, 8192);
  for (std::size_t at = 1; at < fragments.size(); ++at) machine.packet(fragments[at]);
  machine.packet(with_options.fragment(0, true, slice(payload, 0, 8192)));
  EXPECT_EQ(machine.drops(Drop::kFragmentMalformed), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, packets_are_told_apart_by_all_that_names_them) {
  const Octets payload = datagram(v6(), 800);
  std::vector<Original> originals(3, original());
  originals[1].identification = 0x1235;
  originals[2].source = v6() ? kFar6 : kFar4;
  if (!v6()) {  // In IPv6 the next header of another fragment than the first means nothing.
    originals.push_back(original());
    originals.back().protocol = 132;
  }
  for (const Original& one : originals) expect_consumed(one.fragment(0, true, slice(payload, 0, 400)));
  for (const Original& one : originals) {
    expect_whole(machine.packet(one.fragment(400, false, slice(payload, 400, 400))), payload, header_size());
  }
}

TEST(Fragments6, next_header_is_the_first_fragment_s_rfc8200_4_5) {
  Machine machine(on_tun());
  const Octets payload = datagram(true, 800);
  const Original udp{.v6 = true};
  const Original other{.v6 = true, .protocol = 132};
  machine.packet(other.fragment(400, false, slice(payload, 400, 400)));
  const Input input = machine.packet(udp.fragment(0, true, slice(payload, 0, 400)));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  EXPECT_EQ(std::get<Packet>(input).protocol, Protocol::kUdp);
}

TEST_P(FragmentsTest, padding_of_the_link_is_no_part_of_it) {
  Machine wired(on_ethernet());
  wired.output();
  const Octets payload = datagram(v6(), 27);
  auto fragments = original().cut(payload, v6() ? 16 : 8);
  for (Octets& fragment : fragments) {
    fragment.resize(std::max<std::size_t>(fragment.size(), 90), 0xee);
    const Input input = wired.packet(fragment);
    if (&fragment == &fragments.back()) expect_whole(input, payload, header_size());
  }
}

TEST_P(FragmentsTest, link_source_is_the_first_fragment_s) {
  Machine wired(on_ethernet());
  wired.output();
  const Octets payload = datagram(v6(), 64);
  const auto fragments = original().cut(payload, 32);
  const std::uint16_t type = v6() ? 0x86dd : 0x0800;
  wired.input(packets::ethernet(kOurMac, kOtherMac, type, fragments[1]));
  const Input input = wired.input(packets::ethernet(kOurMac, kPeerMac, type, fragments[0]));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  EXPECT_EQ(std::get<Packet>(input).link_source, kPeerMac);
}

TEST_P(FragmentsTest, checksum_marks_of_the_device_mean_nothing_for_fragments) {
  Machine offloaded(on_virtual_tun());
  const Octets payload = datagram(v6(), 64);
  for (const Checksum mark : {Checksum::kPartial, Checksum::kVerified, Checksum::kEither}) {
    const auto fragments = original().cut(payload, 32);
    offloaded.packet(fragments[0], mark);
    expect_whole(offloaded.packet(fragments[1], mark), payload, header_size());
  }
}

TEST_P(FragmentsTest, echo_in_fragments_is_answered_in_fragments) {
  Original echo = original();
  echo.protocol = v6() ? 58 : 1;
  const Octets body = numbered(4000);
  const Octets request =
      v6() ? packets::icmpv6(kPeer6, kOurs6, 128, 0, 0x00010002, body) : packets::icmpv4(8, 0, 0x00010002, body);
  for (const Octets& fragment : echo.cut(request, 1400)) machine.packet(fragment);
  Octets reply;
  for (const Sent& sent : machine.output()) {
    EXPECT_LE(sent.octets.size(), 1500U);
    packets::put(reply, packets::part(sent.octets, v6() ? 48 : 20));
  }
  EXPECT_EQ(reply,
            v6() ? packets::icmpv6(kOurs6, kPeer6, 129, 0, 0x00010002, body) : packets::icmpv4(0, 0, 0x00010002, body));
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, error_about_a_whole_quotes_it_as_one_packet) {
  const Octets payload = datagram(v6(), 64);
  const auto fragments = original().cut(payload, 32);
  machine.packet(fragments[0]);
  machine.reject(machine.packet(fragments[1]));
  const Octets error = machine.only().octets;
  const Octets quoted = packets::part(error, header_size() + 8);
  ASSERT_EQ(quoted.size(), header_size() + payload.size());
  EXPECT_EQ(packets::part(quoted, header_size()), payload);
  if (v6()) {
    EXPECT_EQ(packets::get16(quoted, 4), payload.size());
    EXPECT_EQ(quoted[6], 17);
  } else {
    EXPECT_EQ(packets::get16(quoted, 2), quoted.size());
    EXPECT_EQ(packets::get16(quoted, 6), 0);
    EXPECT_EQ(packets::naive_checksum(base::Bytes(quoted).first(20)), 0);
  }
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, cut_short_at_every_byte_does_no_harm) {
  const Octets payload = datagram(v6(), 100);
  for (const Octets& whole : original().cut(payload, 64)) {
    for (std::size_t size = 1; size < whole.size(); ++size) {
      machine.packet(base::Bytes(whole).first(size));  // The header says more than there is.
      Octets shorter = slice(whole, 0, size);
      if (size < header_size()) continue;
      packets::set16(shorter, v6() ? 4 : 2, v6() ? size - 40 : size);
      if (!v6()) {
        packets::set16(shorter, 10, 0);
        packets::set16(shorter, 10, packets::naive_checksum(base::Bytes(shorter).first(20)));
      }
      machine.packet(shorter);
    }
  }
  machine.output();
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, empty_fragment_is_malformed) {
  expect_drop(Drop::kFragmentMalformed, original().fragment(0, true, {}));
  expect_drop(Drop::kFragmentMalformed, original().fragment(64, false, {}));
  EXPECT_TRUE(machine.output().empty());
}

// RFC 8200 4.5 wants the sender told; nothing wants it in IPv4.
TEST_P(FragmentsTest, length_that_is_no_multiple_of_eight_is_malformed_unless_it_is_the_last) {
  const Octets packet = original().fragment(64, true, numbered(33));
  expect_drop(Drop::kFragmentMalformed, packet);
  if (!v6()) {
    EXPECT_TRUE(machine.output().empty());
    return;
  }
  EXPECT_EQ(packets::part(machine.only().octets, 40), packets::icmpv6(kOurs6, kPeer6, 4, 0, 4, packet));
}

TEST(Fragments6, end_beyond_the_largest_packet_is_told_of_rfc8200_4_5) {
  Machine machine(on_tun());
  const Octets packet = Original{.v6 = true}.fragment(65528, false, numbered(8));
  machine.packet(packet);
  EXPECT_EQ(machine.drops(Drop::kFragmentMalformed), 1U);
  EXPECT_EQ(packets::part(machine.only().octets, 40), packets::icmpv6(kOurs6, kPeer6, 4, 0, 42, packet));
}

TEST(Fragments6, extension_headers_in_front_count_towards_the_largest_packet) {
  Machine machine(on_tun());
  Octets body{44, 0, 1, 4, 0, 0, 0, 0, 17, 0};
  packets::put16(body, 65520);
  packets::put32(body, 7);
  packets::put(body, numbered(8));
  machine.packet(packets::ipv6(kPeer6, kOurs6, 60, body));
  EXPECT_EQ(machine.drops(Drop::kFragmentMalformed), 1U);
  EXPECT_EQ(machine.only().octets.at(40 + 7), 50);  // The offset behind the options.
}

// RFC 8200 4.5: headers in front of the fragment header are the first fragment's, and the fragment header is gone.
TEST(Fragments6, headers_in_front_of_the_fragment_header_stay_and_those_behind_are_walked) {
  Machine machine(on_tun());
  const auto fragment = [](std::uint16_t offset_and_more, base::Bytes payload) {
    Octets body{44, 0, 0x1e, 4, 1, 2, 3, 4, 60, 0};
    packets::put16(body, offset_and_more);
    packets::put32(body, 7);
    packets::put(body, payload);
    return packets::ipv6(kPeer6, kOurs6, 60, body);
  };
  Octets payload{17, 0, 1, 4, 0, 0, 0, 0};
  const Octets udp = datagram(true, 200);
  packets::put(payload, udp);
  machine.packet(fragment(1, slice(payload, 0, 104)));
  const Input input = machine.packet(fragment(104, slice(payload, 104, 104)));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  const Packet& packet = std::get<Packet>(input);
  EXPECT_EQ(packet.network_size, 56);
  EXPECT_EQ(packet.protocol, Protocol::kUdp);
  EXPECT_TRUE(std::ranges::equal(base::Bytes(packet.frame.bytes()), udp));
}

TEST(Fragments6, more_in_front_of_the_fragment_header_than_is_put_up_with) {
  Machine machine(on_tun());
  const auto fragment = [](std::uint8_t units) {
    Octets body(units * std::size_t{8});
    body[0] = 44;
    body[1] = static_cast<std::uint8_t>(units - 1);
    body[2] = 0x1e;
    body[3] = static_cast<std::uint8_t>(body.size() - 4);
    packets::put(body, {17, 0, 0, 1, 0, 0, 0, 9});
    packets::put(body, datagram(true, 200));
    return packets::ipv6(kPeer6, kOurs6, 60, body);
  };
  machine.packet(fragment(10));
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 1U);
  machine.packet(fragment(11));
  EXPECT_EQ(machine.drops(Drop::kIpv6ExtensionHeader), 1U);
  EXPECT_TRUE(machine.accounted());
}

// RFC 6946 4: whatever else has come with that identification.
TEST(Fragments6, atomic_fragment_is_a_packet_by_itself) {
  Machine machine(on_tun());
  const Original one{.v6 = true};
  const Octets payload = datagram(true, 400);
  machine.packet(one.fragment(0, true, slice(payload, 0, 200)));
  const Input atomic = machine.packet(one.fragment(0, false, payload));
  ASSERT_TRUE(std::holds_alternative<Packet>(atomic));
  EXPECT_EQ(std::get<Packet>(atomic).network_size, 48);
  EXPECT_EQ(std::get<Packet>(atomic).protocol, Protocol::kUdp);
  const Input whole = machine.packet(one.fragment(200, false, slice(payload, 200, 200)));
  EXPECT_TRUE(std::holds_alternative<Packet>(whole));
}

TEST(Fragments6, fragment_within_a_fragment_is_refused) {
  Machine machine(on_tun());
  const Original outer{.v6 = true, .protocol = 44};
  Octets inner{17, 0, 0, 1, 0, 0, 0, 9};
  packets::put(inner, datagram(true, 200));
  machine.packet(outer.fragment(0, true, inner));
  EXPECT_EQ(machine.drops(Drop::kIpv6ExtensionHeader), 1U);
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
  EXPECT_TRUE(machine.accounted());
}

// RFC 7112 5.
TEST(Fragments6, first_fragment_that_does_not_show_all_headers_is_told_of) {
  struct Case {
    std::uint8_t next;
    Octets payload;
  };
  Octets options{6, 1, 0x1e, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  packets::put(options, numbered(16));
  const std::vector<Case> cases{
      {6, numbered(16)}, {60, slice(options, 0, 8)}, {60, slice(options, 0, 16)}, {60, slice(options, 0, 32)}};
  for (const Case& one : cases) {
    Machine machine(on_tun());
    const Octets packet = Original{.v6 = true, .protocol = one.next}.fragment(0, true, one.payload);
    machine.packet(packet);
    EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 1U) << one.payload.size();
    EXPECT_EQ(packets::part(machine.only().octets, 40), packets::icmpv6(kOurs6, kPeer6, 4, 3, 0, packet));
    EXPECT_TRUE(machine.accounted());
  }
  Machine machine(on_tun());
  machine.packet(Original{.v6 = true, .protocol = 6}.fragment(0, true, numbered(24)));
  machine.packet(Original{.v6 = true, .protocol = 58}.fragment(0, true, numbered(8)));
  EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 0U);
}

// RFC 1858 3 and 4, RFC 3128.
TEST(Fragments4, fragments_that_split_a_tcp_header_are_refused) {
  Machine machine(on_tun());
  const Original tcp{.protocol = 6};
  machine.packet(tcp.fragment(0, true, numbered(8)));
  EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 1U);
  machine.packet(tcp.fragment(8, true, numbered(64)));
  machine.packet(tcp.fragment(8, false, numbered(64)));
  EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 3U);
  machine.packet(tcp.fragment(0, true, numbered(16)));
  machine.packet(tcp.fragment(16, true, numbered(16)));
  EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 3U);
  machine.packet(Original{}.fragment(0, true, numbered(8)));
  machine.packet(Original{}.fragment(8, true, numbered(8)));
  EXPECT_EQ(machine.drops(Drop::kFragmentTiny), 3U);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST(Fragments6, fragments_to_a_group_are_refused) {
  Machine machine(on_tun());
  machine.packet(packets::ipv6(kPeer6, kAllNodes, 44, Octets{58, 0, 0, 1, 0, 0, 0, 9, 128, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(machine.drops(Drop::kIpv6ExtensionHeader), 1U);
  EXPECT_TRUE(machine.accounted());
}

// RFC 6980 5.
TEST(Fragments6, ndp_in_fragments_is_invalid) {
  Machine machine(on_ethernet());
  machine.output();
  Octets message;
  packets::put(message, kOurs6.octets());
  for (int option = 0; option < 4; ++option) {
    packets::put(message, {1, 1});
    packets::put(message, kPeerMac.octets);
  }
  const Octets solicitation = packets::icmpv6(kPeer6, kOurs6, 135, 0, 0, message);
  Original one{.v6 = true, .protocol = 58};
  for (Octets fragment : one.cut(solicitation, 32)) {
    fragment[7] = 255;
    machine.packet(fragment);
  }
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), 1U);
  EXPECT_TRUE(machine.output().empty());
}

// RFC 3168 5.3.
TEST_P(FragmentsTest, congestion_mark_of_any_fragment_is_the_whole_s) {
  struct Case {
    std::uint8_t first, second;
    std::optional<std::uint8_t> whole;
  };
  constexpr std::uint8_t kClass = 0xb8;
  for (const Case& one : {Case{0, 0, 0}, Case{1, 1, 1}, Case{2, 2, 2}, Case{3, 3, 3}, Case{2, 3, 3}, Case{3, 2, 3},
                          Case{1, 3, 3}, Case{1, 2, 1}, Case{2, 0, 2}, Case{0, 2, 0}, Case{0, 3, {}}, Case{3, 0, {}}}) {
    SCOPED_TRACE(int{one.first} * 10 + int{one.second});
    const Octets payload = datagram(v6(), 64);
    Original marked = original();
    marked.traffic_class = kClass | one.first;
    machine.packet(marked.fragment(0, true, slice(payload, 0, 32)));
    marked.traffic_class = one.second;
    const std::uint64_t before = machine.drops(Drop::kFragmentEcn);
    const Input input = machine.packet(marked.fragment(32, false, slice(payload, 32, 32)));
    EXPECT_EQ(machine.drops(Drop::kFragmentEcn), before + (one.whole ? 0 : 1));
    ASSERT_EQ(std::holds_alternative<Packet>(input), one.whole.has_value());
    if (one.whole) {
      EXPECT_EQ(std::get<Packet>(input).traffic_class, kClass | *one.whole);
    }
  }
  EXPECT_TRUE(machine.accounted());
}

// RFC 1122 3.3.2, RFC 8200 4.5.
TEST_P(FragmentsTest, time_exceeded_quotes_the_first_fragment_when_the_time_is_over) {
  const base::Duration time = v6() ? 60s : 30s;
  const Octets first = original().fragment(0, true, numbered(1200));
  machine.packet(original().fragment(2400, true, numbered(400)));
  machine.at(1s);
  machine.packet(first);
  EXPECT_EQ(machine.ip.next_deadline(), base::Instant{} + time);  // From the one that came first.
  machine.at(time - 1ns);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.drops(Drop::kReassemblyTimeout), 0U);
  machine.at(time);
  EXPECT_EQ(machine.drops(Drop::kReassemblyTimeout), 1U);
  const Octets error = machine.only().octets;
  const Octets quoted = slice(first, 0, std::min<std::size_t>(first.size(), v6() ? 1232 : 548));
  EXPECT_EQ(packets::part(error, header_size()),
            v6() ? packets::icmpv6(kOurs6, kPeer6, 3, 1, 0, quoted) : packets::icmpv4(11, 1, 0, quoted));
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
  EXPECT_TRUE(machine.accounted());
}

TEST_P(FragmentsTest, nothing_is_told_when_the_first_fragment_did_not_come) {
  machine.packet(original().fragment(2400, true, numbered(400)));
  machine.at(60s);
  EXPECT_EQ(machine.drops(Drop::kReassemblyTimeout), 1U);
  EXPECT_TRUE(machine.output().empty());
}

TEST_P(FragmentsTest, nothing_is_told_of_an_icmp_error_in_fragments) {
  Original icmp = original();
  icmp.protocol = v6() ? 58 : 1;
  const auto first = [&](std::uint8_t type) {
    return icmp.fragment(
        0, true,
        v6() ? packets::icmpv6(kPeer6, kOurs6, type, 0, 0, numbered(72)) : packets::icmpv4(type, 0, 0, numbered(72)));
  };
  machine.packet(first(v6() ? 1 : 3));
  machine.at(60s);
  EXPECT_EQ(machine.drops(Drop::kReassemblyTimeout), 1U);
  EXPECT_TRUE(machine.output().empty());
  machine.packet(first(v6() ? 128 : 8));
  machine.at(120s);
  EXPECT_EQ(machine.output().size(), 1U);
}

TEST_P(FragmentsTest, time_exceeded_goes_back_to_who_brought_the_first_fragment) {
  Config shared = config();
  shared.reply_to_sender = true;
  Machine wired(on_ethernet(), shared);
  wired.output();
  wired.packet(original().fragment(0, true, numbered(64)));
  wired.at(60s);
  const Octets error = wired.only().octets;
  EXPECT_EQ(MacAddress::load(error), kPeerMac);
}

INSTANTIATE_TEST_SUITE_P(Family, FragmentsTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "v6" : "v4"; });

// Lanes.

TEST(FragmentsOfLanes, whole_packet_of_another_lane_is_given_back_as_a_frame) {
  constexpr std::uint32_t kLanes = 4;
  std::array<int, 2> met{};
  for (const link::Medium medium : {link::Medium::kIp, link::Medium::kEthernet}) {
    for (std::uint16_t port = 1000; port < 1020; ++port) {
      Config of_lanes = config();
      of_lanes.lane_count = kLanes;
      link::Caps caps = on_tun();
      caps.medium = medium;
      const Octets payload = packets::udp(kPeer4, kOurs4, port, 9, numbered(56));
      const Octets plain = packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17}, payload);
      const std::uint32_t owner = link::owner_of(plain, link::Medium::kIp, kLanes);
      const auto fragments = Original{}.cut(payload, 32);
      of_lanes.lane = link::owner_of(fragments[0], link::Medium::kIp, kLanes);
      EXPECT_EQ(link::owner_of(fragments[1], link::Medium::kIp, kLanes), of_lanes.lane);
      Machine machine(caps, of_lanes);
      machine.output();
      machine.packet(fragments[0]);
      const Input input = machine.packet(fragments[1]);
      ++met[owner == of_lanes.lane];
      if (owner == of_lanes.lane) {
        EXPECT_TRUE(std::holds_alternative<Packet>(input));
        continue;
      }
      ASSERT_TRUE(std::holds_alternative<Elsewhere>(input));
      const base::Bytes frame = std::get<Elsewhere>(input).frame.bytes();
      EXPECT_EQ(link::owner_of(frame, medium, kLanes), owner);
      of_lanes.lane = owner;
      Machine other(caps, of_lanes);
      other.output();
      const Input arrived = other.input(frame);
      ASSERT_TRUE(std::holds_alternative<Packet>(arrived));
      EXPECT_TRUE(std::ranges::equal(base::Bytes(std::get<Packet>(arrived).frame.bytes()), payload));
      EXPECT_EQ(std::get<Packet>(arrived).link_source, medium == link::Medium::kIp ? MacAddress{} : kPeerMac);
    }
  }
  EXPECT_GT(met[0], 0);
  EXPECT_GT(met[1], 0);
}

}  // namespace
}  // namespace windhover::stack::ip
