// ARP through Ip (RFC 826, RFC 1122 2.3.2, RFC 5227).

#include "stack/ip/arp.h"

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

constexpr MacAddress kNobody{};

class ArpTest : public testing::Test {
 protected:
  ArpTest() { machine.output(); }  // The announcements.

  void arp(std::uint16_t operation, const MacAddress& sender, const Address& sender_address, const MacAddress& target,
           const Address& target_address, const MacAddress& to = kOurMac) {
    const Octets message = packets::arp(operation, sender, sender_address, target, target_address);
    EXPECT_TRUE(std::holds_alternative<Consumed>(machine.input(packets::ethernet(to, sender, 0x0806, message))));
  }
  void request(const MacAddress& sender, const Address& sender_address) {
    arp(1, sender, sender_address, kNobody, kOurs4, wire::kBroadcast);
  }
  void reply(const MacAddress& sender, const Address& sender_address) {
    arp(2, sender, sender_address, kOurMac, kOurs4);
  }

  /// Where a segment to `remote` is sent now; nothing while it waits.
  std::optional<MacAddress> sent_to(const Address& remote) {
    Route route = machine.ip.route(remote).value();
    machine.send(remote, route);
    for (const Sent& sent : machine.output()) {
      if (packets::get16(sent.octets, 12) == 0x0800) return MacAddress::load(sent.octets);
    }
    return {};
  }

  Machine machine{on_ethernet()};
};

TEST_F(ArpTest, start_announces_our_address_rfc5227_2_3) {
  Machine fresh(on_ethernet());
  const std::vector<Sent> sent = fresh.output();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].octets,
            packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, kNobody, kOurs4)));
}

TEST_F(ArpTest, request_is_answered_to_its_sender_rfc826) {
  request(kPeerMac, kPeer4);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(kPeerMac, kOurMac, 0x0806, packets::arp(2, kOurMac, kOurs4, kPeerMac, kPeer4)));
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 1U);
  EXPECT_EQ(sent_to(kPeer4), kPeerMac);  // And its sender is known.
}

TEST_F(ArpTest, probe_is_answered_and_teaches_nothing_rfc5227_2_1) {
  request(kPeerMac, address("0.0.0.0"));
  EXPECT_EQ(machine.only().octets, packets::ethernet(kPeerMac, kOurMac, 0x0806,
                                                     packets::arp(2, kOurMac, kOurs4, kPeerMac, address("0.0.0.0"))));
}

TEST_F(ArpTest, request_with_padding_and_vlan_priority_tag_is_answered) {
  Octets payload{0x20, 0, 0x08, 0x06};
  packets::put(payload, packets::arp(1, kPeerMac, kPeer4, kNobody, kOurs4));
  payload.resize(64);
  machine.input(packets::ethernet(wire::kBroadcast, kPeerMac, 0x8100, payload));
  EXPECT_EQ(machine.only().octets.size(), 42U);
}

TEST_F(ArpTest, request_for_another_is_ignored) {
  arp(1, kPeerMac, kPeer4, kNobody, address("10.66.0.9"), wire::kBroadcast);
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 1U);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(sent_to(kPeer4), std::nullopt);
}

TEST_F(ArpTest, request_from_off_link_is_answered_and_not_remembered) {
  request(kPeerMac, kFar4);
  EXPECT_EQ(machine.output().size(), 1U);
  EXPECT_EQ(sent_to(kFar4), std::nullopt);  // By the gateway, which is asked for.
}

TEST_F(ArpTest, request_from_off_link_takes_no_place_in_the_table) {
  Config small = config();
  small.neighbours_max = 1;
  Machine tight(on_ethernet(), small);
  Route route = tight.ip.route(kPeer4).value();
  tight.send(kPeer4, route);
  tight.input(packets::ethernet(wire::kBroadcast, kOtherMac, 0x0806, packets::arp(1, kOtherMac, kFar4, {}, kOurs4)));
  EXPECT_EQ(tight.drops(Drop::kNeighbourUnresolved), 0U);
}

TEST_F(ArpTest, sender_that_cannot_be_is_ignored) {
  request(kOtherMac, address("224.0.0.1"));
  request(kOtherMac, address("10.66.0.255"));
  request(kOtherMac, address("127.0.0.1"));
  request(wire::kBroadcast, kPeer4);
  request(kNobody, kPeer4);
  request(kOurMac, kPeer4);
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 6U);
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(ArpTest, unknown_neighbour_is_asked_for_by_broadcast) {
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, kNobody, kPeer4)));
  reply(kPeerMac, kPeer4);
  const Sent sent = machine.only();
  EXPECT_EQ(MacAddress::load(sent.octets), kPeerMac);
  EXPECT_EQ(sent.octets.size(), 14U + 20U + 40U);
}

TEST_F(ArpTest, off_link_remote_is_sent_by_way_of_the_gateway) {
  Route route = machine.ip.route(kFar4).value();
  machine.send(kFar4, route);
  EXPECT_EQ(packets::part(machine.only().octets, 14),
            packets::arp(1, kOurMac, kOurs4, kNobody, address("10.66.0.254")));
  reply(kOtherMac, address("10.66.0.254"));
  EXPECT_EQ(MacAddress::load(machine.only().octets), kOtherMac);
}

TEST_F(ArpTest, silent_neighbour_loses_its_packets_after_three_requests) {
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  machine.at(2999ms);
  EXPECT_EQ(machine.drops(Drop::kNeighbourUnresolved), 0U);
  machine.at(3999ms);
  machine.at(4999ms);
  EXPECT_EQ(machine.drops(Drop::kNeighbourUnresolved), 1U);
  EXPECT_EQ(machine.output().size(), 3U);
  EXPECT_EQ(machine.transmitted.free_count(), 64U);
}

TEST_F(ArpTest, reply_unasked_is_ignored) {
  reply(kOtherMac, kPeer4);
  arp(2, kOtherMac, kPeer4, kOtherMac, kPeer4, wire::kBroadcast);  // Gratuitous.
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 2U);
  EXPECT_EQ(sent_to(kPeer4), std::nullopt);
}

TEST_F(ArpTest, forged_claim_on_a_live_entry_only_asks_the_one_we_know) {
  request(kPeerMac, kPeer4);
  machine.output();
  EXPECT_EQ(sent_to(kPeer4), kPeerMac);
  reply(kOtherMac, kPeer4);
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 1U);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(kPeerMac, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, kNobody, kPeer4)));
  EXPECT_EQ(sent_to(kPeer4), kPeerMac);
  reply(kPeerMac, kPeer4);
  EXPECT_EQ(sent_to(kPeer4), kPeerMac);
  request(kOtherMac, kPeer4);  // Answered, as RFC 826 wants, but nothing is moved by it.
  EXPECT_EQ(sent_to(kPeer4), kPeerMac);
}

TEST_F(ArpTest, malformed_is_dropped_at_every_length_and_field) {
  const Octets good = packets::arp(1, kPeerMac, kPeer4, kNobody, kOurs4);
  std::uint64_t expected = 0;
  for (std::size_t size = 0; size < good.size(); ++size) {
    machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, base::Bytes(good).first(size)));
    EXPECT_EQ(machine.drops(Drop::kArpMalformed), ++expected) << size;
  }
  for (std::size_t at = 0; at < 8; ++at) {  // Spaces, sizes and operation.
    Octets bad = good;
    bad[at] ^= 0x40;
    machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, bad));
    EXPECT_EQ(machine.drops(Drop::kArpMalformed), ++expected) << at;
  }
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST_F(ArpTest, no_frame_for_the_answer_is_counted_beside_the_request) {
  Machine poor(on_ethernet(), config(), 2);  // Both taken by the announcements.
  poor.input(packets::ethernet(wire::kBroadcast, kPeerMac, 0x0806, packets::arp(1, kPeerMac, kPeer4, kNobody, kOurs4)));
  EXPECT_EQ(poor.drops(Drop::kTransmitNoFrame), 1U);
  EXPECT_EQ(poor.counters.value(Event::kFramesConsumed), 1U);
  EXPECT_TRUE(poor.accounted());
}

}  // namespace
}  // namespace windhover::stack::ip
