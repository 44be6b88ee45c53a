// Neighbour discovery through Ip (RFC 4861 7).

#include "stack/ip/ndp.h"

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

constexpr std::uint32_t kSolicited = 0x40000000;
constexpr std::uint32_t kOverride = 0x20000000;
const Address kOurGroup = address("ff02::1:ff00:2");
const Address kPeerGroup = address("ff02::1:ff00:1");
const Address kUnspecified = address("::");

class NdpTest : public testing::Test {
 protected:
  NdpTest() { machine.output(); }

  void feed(const Address& source, const Address& destination, base::Bytes message, std::uint8_t hop_limit = 255) {
    const MacAddress to = destination.is_multicast() ? wire::multicast_mac(destination) : kOurMac;
    EXPECT_TRUE(std::holds_alternative<Consumed>(
        machine.packet(packets::ipv6(source, destination, 58, message, hop_limit), Checksum::kNone, to)));
  }
  void solicitation(const Address& source, const Address& destination, const Address& target, std::uint8_t option,
                    const MacAddress& mac = kPeerMac) {
    feed(source, destination, packets::ndp(source, destination, 135, 0, target, option, mac));
  }
  void advertisement(std::uint32_t flags, std::uint8_t option, const MacAddress& mac,
                     const Address& destination = kOurs6) {
    feed(kPeer6, destination, packets::ndp(kPeer6, destination, 136, flags, kPeer6, option, mac));
  }
  Octets advertised(const MacAddress& mac, const Address& to, std::uint32_t flags) {
    return packets::ethernet(
        mac, kOurMac, 0x86dd,
        packets::ipv6(kOurs6, to, 58, packets::ndp(kOurs6, to, 136, flags, kOurs6, 2, kOurMac), 255));
  }
  std::optional<MacAddress> sent_to(const Address& remote) {
    Route route = machine.ip.route(remote).value();
    machine.send(remote, route);
    for (const Sent& sent : machine.output()) {
      if (sent.octets[14 + 6] == 6) return MacAddress::load(sent.octets);
    }
    return {};
  }

  Machine machine{on_ethernet()};
};

TEST_F(NdpTest, start_advertises_our_address_rfc4861_7_2_6) {
  Machine fresh(on_ethernet());
  const std::vector<Sent> sent = fresh.output();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].octets, advertised(kAllNodesMac, kAllNodes, kOverride));
}

TEST_F(NdpTest, solicitation_is_answered_and_its_sender_known_rfc4861_7_2_4) {
  solicitation(kPeer6, kOurGroup, kOurs6, 1);
  EXPECT_EQ(machine.only().octets, advertised(kPeerMac, kPeer6, kSolicited | kOverride));
  EXPECT_EQ(sent_to(kPeer6), kPeerMac);
}

TEST_F(NdpTest, solicitation_by_unicast_is_answered) {
  solicitation(kPeer6, kOurs6, kOurs6, 1);
  EXPECT_EQ(machine.only().octets, advertised(kPeerMac, kPeer6, kSolicited | kOverride));
}

TEST_F(NdpTest, solicitation_without_link_address_is_answered_once_its_sender_is_found) {
  solicitation(kPeer6, kOurs6, kOurs6, 0);
  const Sent question = machine.only();
  EXPECT_EQ(question.octets[14 + 40], 135);
  advertisement(kSolicited | kOverride, 2, kPeerMac);
  EXPECT_EQ(machine.only().octets, advertised(kPeerMac, kPeer6, kSolicited | kOverride));
}

TEST_F(NdpTest, duplicate_address_detection_is_answered_to_all_nodes_rfc4861_7_2_4) {
  solicitation(kUnspecified, kOurGroup, kOurs6, 0);
  EXPECT_EQ(machine.only().octets, advertised(kAllNodesMac, kAllNodes, kOverride));
}

TEST_F(NdpTest, solicitation_for_another_is_ignored) {
  solicitation(kPeer6, kOurs6, address("fd66::9"), 1);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(NdpTest, invalid_is_dropped_rfc4861_7_1) {
  const Octets good = packets::ndp(kPeer6, kOurs6, 135, 0, kOurs6, 1, kPeerMac);
  std::uint64_t expected = 0;
  feed(kPeer6, kOurs6, good, 254);  // Forwarded by a router: not from this link.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  const Octets rest(good.begin() + 8, good.end());
  feed(kPeer6, kOurs6, packets::icmpv6(kPeer6, kOurs6, 135, 1, 0, rest));  // Code.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  solicitation(kPeer6, kOurs6, kAllNodes, 1);  // Target is a group.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  solicitation(kUnspecified, kOurGroup, kOurs6, 1);  // Source option from nobody.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  solicitation(kUnspecified, kOurs6, kOurs6, 0);  // From nobody, and not to a solicited-node group.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  solicitation(kPeer6, kOurs6, kOurs6, 1, wire::kBroadcast);  // No station's link address.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  Octets empty_option = rest;
  empty_option[17] = 0;  // An option of length zero.
  feed(kPeer6, kOurs6, packets::icmpv6(kPeer6, kOurs6, 135, 0, 0, empty_option));
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  for (std::size_t size = 0; size < 16; ++size) {  // Too short, with a good checksum.
    feed(kPeer6, kOurs6, packets::icmpv6(kPeer6, kOurs6, 135, 0, 0, base::Bytes(rest).first(size)));
    EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected) << size;
  }
  advertisement(kSolicited, 2, kPeerMac, kAllNodes);  // Solicited, yet to a group.
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), ++expected);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST_F(NdpTest, unknown_neighbour_is_asked_for_by_its_solicited_node_group_rfc4861_7_2_2) {
  Route route = machine.ip.route(kPeer6).value();
  machine.send(kPeer6, route);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(wire::multicast_mac(kPeerGroup), kOurMac, 0x86dd,
                              packets::ipv6(kOurs6, kPeerGroup, 58,
                                            packets::ndp(kOurs6, kPeerGroup, 135, 0, kPeer6, 1, kOurMac), 255)));
  advertisement(kSolicited | kOverride, 2, kPeerMac);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
}

TEST_F(NdpTest, stale_neighbour_is_probed_by_unicast_and_may_answer_without_its_link_address) {
  solicitation(kPeer6, kOurGroup, kOurs6, 1);
  machine.output();
  EXPECT_EQ(sent_to(kPeer6), kPeerMac);
  machine.at(5s);
  const Sent probe = machine.only();
  EXPECT_EQ(MacAddress::load(probe.octets), kPeerMac);
  EXPECT_EQ(Address::v6(base::Bytes(probe.octets).subspan(14 + 24)), kPeer6);
  advertisement(kSolicited, 0, kPeerMac);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 0U);
  machine.at(10s);
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(NdpTest, advertisement_unasked_is_ignored) {
  advertisement(kOverride, 2, kOtherMac, kAllNodes);
  advertisement(kSolicited | kOverride, 2, kOtherMac);
  advertisement(kSolicited, 0, kOtherMac);
  feed(kPeer6, kAllNodes, packets::ndp(kPeer6, kAllNodes, 136, kOverride, kOurs6, 2, kOtherMac));  // Our own address.
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 4U);
  EXPECT_EQ(sent_to(kPeer6), std::nullopt);
}

TEST_F(NdpTest, forged_override_on_a_live_entry_only_asks_the_one_we_know) {
  Route route = machine.ip.route(kPeer6).value();
  machine.send(kPeer6, route);
  advertisement(kSolicited | kOverride, 2, kPeerMac);
  machine.output();
  advertisement(kSolicited | kOverride, 2, kOtherMac);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
  const Sent probe = machine.only();
  EXPECT_EQ(MacAddress::load(probe.octets), kPeerMac);
  EXPECT_EQ(probe.octets[14 + 40], 135);
  EXPECT_EQ(sent_to(kPeer6), kPeerMac);
}

TEST_F(NdpTest, bad_checksum_is_dropped_rfc4861_7_1_1) {
  Octets bad = packets::ndp(kPeer6, kOurs6, 135, 0, kOurs6, 1, kPeerMac);
  bad[3] ^= 1;
  feed(kPeer6, kOurs6, bad);
  EXPECT_EQ(machine.drops(Drop::kIcmpBadChecksum), 1U);
}

TEST_F(NdpTest, point_to_point_medium_has_no_neighbours) {
  Machine point(on_tun());
  EXPECT_TRUE(point.output().empty());
  point.packet(packets::ipv6(kPeer6, kOurs6, 58, packets::ndp(kPeer6, kOurs6, 135, 0, kOurs6, 0, kPeerMac), 255));
  EXPECT_EQ(point.drops(Drop::kIcmpIgnored), 1U);
}

}  // namespace
}  // namespace windhover::stack::ip
