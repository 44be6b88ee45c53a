// Whose packet is it: addresses, ports, tags, options, extension headers, fragments, ARP.

#include "tests/bpf/steering_fixture.h"

namespace windhover::bpf {
namespace {

const Octets kTimestamps{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
const Octets kRouterAlert{0x94, 4, 0, 0};

Octets plain4(const Address& to, const Octets& segment, const Ipv4Parts& parts = {}) {
  return ethernet(kIpv4, ipv4(kClient4, to, kTcp, segment, parts));
}
Octets plain6(const Address& to, const Octets& segment) { return ethernet(kIpv6, ipv6(kClient6, to, kTcp, segment)); }

/// IPv6 whose first header behind the fixed one is `next`.
Octets chained(const Address& to, std::uint8_t next, const Octets& payload) {
  return ethernet(kIpv6, ipv6(kClient6, to, next, payload));
}

TEST_F(SteeringTest, segments_go_by_address_and_port) {
  const Octets taken = tcp(kTheirs, kTaken);
  const Octets free = tcp(kTheirs, kFree);
  expect_rows({
      {"v4, shared, taken", plain4(kShared4, taken), Expected::kOurs},
      {"v4, shared, free", plain4(kShared4, free)},
      {"v4, shared, from a taken port", plain4(kShared4, tcp(kTaken, kFree))},
      {"v4, owned, any port", plain4(kOwned4, free), Expected::kOurs},
      {"v4, another address", plain4(kOther4, taken)},
      {"v4, a service address outside of a tunnel", plain4(kService4, taken)},
      {"v6, shared, taken", plain6(kShared6, taken), Expected::kOurs},
      {"v6, shared, free", plain6(kShared6, free)},
      {"v6, owned, any port", plain6(kOwned6, free), Expected::kOurs},
      {"v6, another address", plain6(kOther6, taken)},
      {"v6, a service address outside of a tunnel", plain6(kService6, taken)},
      {"v4, TCP options and payload", plain4(kShared4, tcp(kTheirs, kTaken, kTimestamps, Octets(9, 'x'))),
       Expected::kOurs},
      {"v6, TCP options and payload", plain6(kShared6, tcp(kTheirs, kTaken, kTimestamps, Octets(9, 'x'))),
       Expected::kOurs},
      {"v4, Ethernet padding", padded(plain4(kShared4, taken), 60), Expected::kOurs, 54},
      {"v6, bytes behind the packet", padded(plain6(kShared6, taken), 80), Expected::kOurs, 74},
      {"v4, IP options", plain4(kShared4, taken, {kRouterAlert}), Expected::kOurs},
      {"v4, IP options, free", plain4(kShared4, free, {kRouterAlert})},
      {"v4, forty octets of IP options", plain4(kShared4, taken, {Octets(40, 1)}), Expected::kOurs},
  });
}

TEST_F(SteeringTest, other_protocols_are_ours_only_on_owned_addresses) {
  const Octets datagram = udp(kTheirs, kTaken);
  expect_rows({
      {"v4, UDP, shared", ethernet(kIpv4, ipv4(kClient4, kShared4, kUdp, datagram))},
      {"v4, UDP, owned", ethernet(kIpv4, ipv4(kClient4, kOwned4, kUdp, datagram)), Expected::kOurs},
      {"v6, UDP, shared", chained(kShared6, kUdp, datagram)},
      {"v6, UDP, owned", chained(kOwned6, kUdp, datagram), Expected::kOurs},
      {"v4, nothing in it, owned", ethernet(kIpv4, ipv4(kClient4, kOwned4, 253, {})), Expected::kOurs},
      {"v6, no next header, shared", chained(kShared6, kNoNext, Octets(8))},
      {"LLDP", ethernet(0x88cc, Octets(46))},
      {"802.3 with a length", ethernet(46, Octets(46))},
      {"nothing but a link header", ethernet(0x1234, {})},
  });
}

TEST_F(SteeringTest, what_contradicts_itself_is_passed_and_counted) {
  const Octets taken = tcp(kTheirs, kTaken);
  const Octets v4 = plain4(kShared4, taken);
  const Octets v6 = plain6(kShared6, taken);
  const Octets mapped = ipv6(kClient6, kShared6, kTcp, taken);
  Octets to_mapped = mapped;
  std::copy(kShared4.mapped().begin(), kShared4.mapped().end(), to_mapped.begin() + 24);
  expect_rows({
      {"v4, no header", ethernet(kIpv4, Octets(19, 0x45)), Expected::kMalformed},
      {"v4, version 5", with(v4, 14, 0x55), Expected::kMalformed},
      {"v4, header of 16 octets", with(v4, 14, 0x44), Expected::kMalformed},
      {"v4, header behind the packet's end", with(v4, 14, 0x4f), Expected::kMalformed},
      {"v4, total length below the header's", with(v4, 17, 19), Expected::kMalformed},
      {"v4, total length ends in the TCP header", with(v4, 17, 39), Expected::kMalformed},
      {"v4, total length behind the frame's end", with(v4, 17, 41), Expected::kMalformed},
      {"v4, owned, total length behind the frame's end", with(plain4(kOwned4, taken), 17, 41), Expected::kMalformed},
      {"v4, TCP header of 16 octets", with(v4, 46, 0x40), Expected::kMalformed},
      {"v4, TCP header behind the packet's end", with(v4, 46, 0x60), Expected::kMalformed},
      {"v4, TCP header ends in the padding", with(padded(v4, 60), 46, 0x60), Expected::kMalformed},
      {"v4, IP options, TCP header of 16 octets", with(plain4(kShared4, taken, {kRouterAlert}), 50, 0x40),
       Expected::kMalformed},
      {"v4, TCP cut off", plain4(kShared4, cut(taken, 1)), Expected::kMalformed},
      {"v6, no header", ethernet(kIpv6, Octets(39, 0x60)), Expected::kMalformed},
      {"v6, version 4", with(v6, 14, 0x40), Expected::kMalformed},
      {"v6, payload behind the frame's end", with(v6, 19, 21), Expected::kMalformed},
      {"v6, TCP header of 16 octets", with(v6, 66, 0x40), Expected::kMalformed},
      {"v6, TCP header behind the packet's end", with(v6, 66, 0x60), Expected::kMalformed},
      {"v6, TCP cut off", plain6(kShared6, cut(taken, 1)), Expected::kMalformed},
      {"v6, to a mapped IPv4 address", ethernet(kIpv6, to_mapped), Expected::kMalformed},
      {"v6 behind the EtherType of v4", ethernet(kIpv4, mapped), Expected::kMalformed},
  });
}

TEST_F(SteeringTest, priority_tags_are_ours_and_are_taken_off) {
  const Octets v4 = ipv4(kClient4, kShared4, kTcp, tcp(kTheirs, kTaken));
  const Octets v6 = ipv6(kClient6, kShared6, kTcp, tcp(kTheirs, kTaken));
  const Octets asked = arp(1, kNeighbour4, kOwned4);
  const Octets free = ipv4(kClient4, kShared4, kTcp, tcp(kTheirs, kFree));
  const Octets two = ethernet(kServiceVlan, tag(0, kVlan, tag(0, kIpv6, v6)));
  expect_rows({
      {"802.1Q", ethernet(kVlan, tag(0, kIpv4, v4)), Expected::kOurs, {}, ethernet(kIpv4, v4)},
      {"802.1ad", ethernet(kServiceVlan, tag(0, kIpv6, v6)), Expected::kOurs, {}, ethernet(kIpv6, v6)},
      {"a priority", ethernet(kVlan, tag(0xe000, kIpv4, v4)), Expected::kOurs, {}, ethernet(kIpv4, v4)},
      {"two", two, Expected::kOurs, {}, ethernet(kIpv6, v6)},
      {"ARP", ethernet(kVlan, tag(0, kArp, asked)), Expected::kOurs, {}, ethernet(kArp, asked)},
      {"a free port keeps its tag", ethernet(kVlan, tag(0, kIpv4, free))},
      {"VLAN 5", ethernet(kVlan, tag(5, kIpv4, v4))},
      {"VLAN 5 in a priority tag", ethernet(kServiceVlan, tag(0, kVlan, tag(5, kIpv4, v4)))},
      {"a priority tag in VLAN 5", ethernet(kServiceVlan, tag(5, kVlan, tag(0, kIpv4, v4)))},
      {"VLAN 4095, owned", ethernet(kVlan, tag(4095, kArp, asked))},
      {"three", ethernet(kVlan, tag(0, kVlan, tag(0, kVlan, tag(0, kIpv4, v4))))},
      {"no room for the tag", ethernet(kVlan, {0, 0, 8}), Expected::kMalformed},
  });
}

TEST_F(SteeringTest, extension_headers_are_looked_behind) {
  const Octets taken = tcp(kTheirs, kTaken);
  Octets eight = extension(kTcp, taken);
  for (int count = 1; count < 8; ++count) eight = extension(kOptions, eight);
  expect_rows({
      {"hop by hop", chained(kShared6, kHopByHop, extension(kTcp, taken)), Expected::kOurs},
      {"hop by hop, free", chained(kShared6, kHopByHop, extension(kTcp, tcp(kTheirs, kFree)))},
      {"destination options of 24 octets", chained(kShared6, kOptions, extension(kTcp, taken, 3)), Expected::kOurs},
      {"routing that has ended", chained(kShared6, kRouting, routing(kTcp, 0, taken)), Expected::kOurs},
      {"routing with segments left", chained(kShared6, kRouting, routing(kTcp, 1, taken))},
      {"routing with segments left, owned", chained(kOwned6, kRouting, routing(kTcp, 1, taken)), Expected::kOurs},
      {"authentication", chained(kShared6, kAuthentication, authentication(kTcp, taken)), Expected::kOurs},
      {"three kinds", chained(kShared6, kHopByHop, extension(kRouting, routing(kOptions, 0, extension(kTcp, taken)))),
       Expected::kOurs},
      {"eight", chained(kShared6, kOptions, eight), Expected::kOurs},
      {"nine", chained(kShared6, kOptions, extension(kOptions, eight))},
      {"nine, owned", chained(kOwned6, kOptions, extension(kOptions, eight)), Expected::kOurs},
      {"encrypted", chained(kShared6, 50, taken)},
      {"nothing behind", chained(kShared6, kOptions, extension(kNoNext, {}))},
      {"cut off", chained(kShared6, kOptions, {kTcp, 0, 0}), Expected::kMalformed},
      {"longer than the packet", chained(kShared6, kOptions, with(extension(kTcp, taken), 1, 9)), Expected::kMalformed},
      {"TCP cut off", chained(kShared6, kOptions, extension(kTcp, cut(taken, 1))), Expected::kMalformed},
  });
}

TEST_F(SteeringTest, fragments_that_show_a_taken_port_are_ours) {
  const Octets taken = tcp(kTheirs, kTaken, {}, Octets(12, 'x'));
  const Octets free = tcp(kTheirs, kFree, {}, Octets(12, 'x'));
  const Octets later = taken;  // What a port would be, were it the first.
  const Ipv4Parts first{.fragment = kMoreFragments};
  const Ipv4Parts last{.fragment = 4};
  expect_rows({
      {"v4, first", plain4(kShared4, taken, first), Expected::kOurs},
      {"v4, first, only eight octets", plain4(kShared4, cut(taken, 24), first), Expected::kOurs},
      {"v4, first, free", plain4(kShared4, free, first)},
      {"v4, first, no ports", plain4(kShared4, {1, 2, 3}, first), Expected::kMalformed},
      {"v4, later", plain4(kShared4, later, last)},
      {"v4, later, more to come", plain4(kShared4, later, {.fragment = kMoreFragments | 4})},
      {"v4, later, owned", plain4(kOwned4, later, last), Expected::kOurs},
      {"v4, must not be fragmented", plain4(kShared4, taken, {.fragment = 0x4000}), Expected::kOurs},
      {"v6, first", chained(kShared6, kFragment, fragment(kTcp, 0, true, taken)), Expected::kOurs},
      {"v6, first, only eight octets", chained(kShared6, kFragment, fragment(kTcp, 0, true, cut(taken, 24))),
       Expected::kOurs},
      {"v6, first, free", chained(kShared6, kFragment, fragment(kTcp, 0, true, free))},
      {"v6, later", chained(kShared6, kFragment, fragment(kTcp, 32, false, later))},
      {"v6, later, far behind", chained(kShared6, kFragment, fragment(kTcp, 0x4000, true, later))},
      {"v6, later, owned", chained(kOwned6, kFragment, fragment(kTcp, 32, false, later)), Expected::kOurs},
      {"v6, the only one", chained(kShared6, kFragment, fragment(kTcp, 0, false, taken)), Expected::kOurs},
      {"v6, the only one, TCP cut off", chained(kShared6, kFragment, fragment(kTcp, 0, false, cut(taken, 24))),
       Expected::kMalformed},
  });
}

TEST_F(SteeringTest, arp_is_ours_when_it_is_to_an_owned_address_or_from_one) {
  const Octets request = arp(1, kNeighbour4, kOwned4);
  expect_rows({
      {"request, owned", ethernet(kArp, request), Expected::kOurs},
      {"request, owned, padded", padded(ethernet(kArp, request), 60), Expected::kOurs, 42},
      {"reply to owned", ethernet(kArp, arp(2, kNeighbour4, kOwned4)), Expected::kOurs},
      {"probe for owned", ethernet(kArp, arp(1, address("0.0.0.0"), kOwned4)), Expected::kOurs},
      {"announcement of owned", ethernet(kArp, arp(1, kOwned4, kOwned4)), Expected::kOurs},
      {"request, shared", ethernet(kArp, arp(1, kNeighbour4, kShared4))},
      {"reply to shared", ethernet(kArp, arp(2, kNeighbour4, kShared4))},
      {"request, a service address", ethernet(kArp, arp(1, kNeighbour4, kService4))},
      {"request, another", ethernet(kArp, arp(1, kNeighbour4, kOther4))},
      {"request by owned for another", ethernet(kArp, arp(1, kOwned4, kOther4)), Expected::kOurs},
      {"reply of owned to a probe", ethernet(kArp, arp(2, kOwned4, address("0.0.0.0"))), Expected::kOurs},
      {"reply of shared to a probe", ethernet(kArp, arp(2, kShared4, address("0.0.0.0")))},
      {"reverse ARP", ethernet(kArp, arp(3, kNeighbour4, kOwned4))},
      {"other hardware", ethernet(kArp, with(request, 1, 6))},
      {"other protocol", ethernet(kArp, with(request, 3, 6))},
      {"link addresses of eight octets", ethernet(kArp, with(request, 4, 8)), Expected::kMalformed},
      {"cut off", ethernet(kArp, cut(request, 1)), Expected::kMalformed},
  });
}

TEST_F(SteeringTest, frames_in_several_buffers_are_read_like_others) {
  const Octets large4 = plain4(kShared4, tcp(kTheirs, kTaken, {}, Octets(8900, 'x')));
  const Octets large6 = plain6(kShared6, tcp(kTheirs, kFree, {}, Octets(8900, 'x')));
  for (const Row& row : {Row{"v4, taken", large4, Expected::kOurs}, Row{"v6, free", large6}}) {
    SCOPED_TRACE(row.name);
    expect_row(row);
  }
  const Outcome missing = run_packet(cut(large4, 1));
  EXPECT_EQ(missing.verdict, XDP_PASS);
  EXPECT_EQ(missing.moved.malformed, 1U);
}

TEST_F(SteeringTest, headers_behind_the_first_buffer_are_read) {
  const Octets taken = plain4(kShared4, tcp(kTheirs, kTaken, kTimestamps, Octets(100, 'x')));
  const Octets free = plain6(kShared6, tcp(kTheirs, kFree, kTimestamps, Octets(100, 'x')));
  if (!runs_split(taken)) GTEST_SKIP() << "this kernel fills a first buffer before it takes a second (Linux 6.18)";
  for (std::size_t linear = 14; linear < 100; ++linear) {
    SCOPED_TRACE(std::to_string(linear) + " octets in the first buffer");
    const Outcome ours = run_packet(taken, linear);
    EXPECT_EQ(ours.verdict, XDP_REDIRECT);
    EXPECT_EQ(ours.frame, taken);
    const Outcome passed = run_packet(free, linear);
    EXPECT_EQ(passed.verdict, XDP_PASS);
    EXPECT_EQ(passed.moved.malformed, 0U);
  }
}

}  // namespace
}  // namespace windhover::bpf
