// Duplicate address detection, announcements, and addresses that come and go (RFC 4862 5.4, RFC 5227, RFC 4861 7.2.6).

#include "stack/ip/dad.h"

#include "stack/wire/ndp.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

const Address kUnspecified = address("::");
const Address kNowhere = address("0.0.0.0");
const Address kOurGroup = address("ff02::1:ff00:2");
constexpr MacAddress kNobody{};
constexpr std::uint32_t kOverride = 0x20000000;

Config asking(std::uint32_t dad_transmits, std::uint32_t arp_probes = 0) {
  Config made = config();
  made.dad_transmits = dad_transmits;
  made.arp_probes = arp_probes;
  return made;
}

Octets probe_v6() {
  return packets::ethernet(wire::multicast_mac(kOurGroup), kOurMac, 0x86dd,
                           packets::ipv6(kUnspecified, kOurGroup, 58,
                                         packets::ndp(kUnspecified, kOurGroup, 135, 0, kOurs6, 0, kNobody), 255));
}
Octets probe_v4() {
  return packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kNowhere, kNobody, kOurs4));
}
Octets announcement_v4() {
  return packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, kNobody, kOurs4));
}
Octets announcement_v6() {
  return packets::ethernet(
      kAllNodesMac, kOurMac, 0x86dd,
      packets::ipv6(kOurs6, kAllNodes, 58, packets::ndp(kOurs6, kAllNodes, 136, kOverride, kOurs6, 2, kOurMac), 255));
}

void hear_v6(Machine& machine, const Address& source, const Address& to, base::Bytes message,
             const MacAddress& from = kOtherMac) {
  const Octets packet = packets::ipv6(source, to, 58, message, 255);
  EXPECT_TRUE(std::holds_alternative<Consumed>(
      machine.input(packets::ethernet(wire::multicast_mac(to), from, 0x86dd, packet))));
}
/// Another station says that it has kOurs6.
void claim_v6(Machine& machine, const MacAddress& from = kOtherMac) {
  hear_v6(machine, kOurs6, kAllNodes, packets::ndp(kOurs6, kAllNodes, 136, kOverride, kOurs6, 2, from), from);
}
/// Another station asks whether anybody has kOurs6.
void ask_v6(Machine& machine, const MacAddress& from = kOtherMac) {
  hear_v6(machine, kUnspecified, kOurGroup, packets::ndp(kUnspecified, kOurGroup, 135, 0, kOurs6, 0, kNobody), from);
}
void arp(Machine& machine, std::uint16_t operation, const Address& sender, const Address& target,
         const MacAddress& from = kOtherMac) {
  machine.input(packets::ethernet(wire::kBroadcast, from, 0x0806, packets::arp(operation, from, sender, {}, target)));
}
Input echo_v6(Machine& machine) {
  return machine.packet(packets::ipv6(kPeer6, kOurs6, 58, packets::icmpv6(kPeer6, kOurs6, 128, 0, 1, {})));
}

TEST(DadV6, address_is_used_after_one_question_and_its_time_rfc4862_5_4) {
  Machine machine(on_ethernet(), asking(1));
  const auto first = machine.output();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].octets, announcement_v4());
  EXPECT_EQ(first[1].octets, probe_v6());
  machine.at(999ms);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kTentative);
  EXPECT_EQ(machine.ip.address_state(kOurs4), AddressState::kUsable);
  machine.at(1s);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kUsable);
  EXPECT_EQ(machine.only().octets, announcement_v6());
}

TEST(DadV6, each_question_takes_its_time) {
  Machine machine(on_ethernet(), asking(3));
  std::size_t questions = 1;
  machine.output();
  for (const base::Duration when : {1s, 2s}) {
    machine.at(when);
    questions += machine.output().size();
  }
  EXPECT_EQ(questions, 3U);
  machine.at(2999ms);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kTentative);
  machine.at(3s);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kUsable);
}

TEST(DadV6, tentative_address_neither_receives_nor_answers_nor_opens) {
  Machine machine(on_ethernet(), asking(1));
  machine.output();
  echo_v6(machine);
  EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 1U);
  hear_v6(machine, kPeer6, kOurGroup, packets::ndp(kPeer6, kOurGroup, 135, 0, kOurs6, 1, kPeerMac), kPeerMac);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);  // RFC 4862 5.4.3: a question from an address is no conflict.
  EXPECT_TRUE(machine.output().empty());
  EXPECT_FALSE(machine.ip.route(kPeer6));
  EXPECT_TRUE(machine.ip.is_ours(kOurs6));
  machine.at(1s);
  machine.output();
  echo_v6(machine);
  EXPECT_EQ(machine.counters.value(Event::kEchoReplies), 1U);
  EXPECT_TRUE(machine.ip.route(kPeer6));
  EXPECT_TRUE(machine.accounted());
}

TEST(DadV6, advertisement_of_a_tentative_address_is_a_duplicate_rfc4862_5_4_4) {
  Machine machine(on_ethernet(), asking(1));
  machine.output();
  claim_v6(machine);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kDuplicate);
  EXPECT_EQ(machine.counters.value(Event::kAddressConflicts), 1U);
  EXPECT_EQ(machine.counters.value(Event::kAddressesLost), 1U);
  machine.at(10s);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kDuplicate);
  ask_v6(machine);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST(DadV6, question_of_another_that_wants_it_too_is_a_duplicate_rfc4862_5_4_3) {
  Machine machine(on_ethernet(), asking(1));
  ask_v6(machine);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kDuplicate);
}

TEST(DadV6, own_question_that_comes_back_is_none_rfc4862_5_4_3) {
  Machine machine(on_ethernet(), asking(1));
  ask_v6(machine, kOurMac);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kTentative);
}

TEST(DadV6, usable_address_is_defended_against_who_asks_and_who_claims) {
  Machine machine(on_ethernet(), asking(0));
  machine.output();
  ask_v6(machine);
  EXPECT_EQ(machine.only().octets, announcement_v6());
  EXPECT_EQ(machine.counters.value(Event::kAddressConflicts), 0U);
  claim_v6(machine);
  EXPECT_EQ(machine.only().octets, announcement_v6());
  claim_v6(machine);
  machine.at(9'999ms);
  claim_v6(machine);
  EXPECT_TRUE(machine.output().empty());  // At most once in DEFEND_INTERVAL.
  machine.at(10s);
  claim_v6(machine);
  EXPECT_EQ(machine.only().octets, announcement_v6());
  EXPECT_EQ(machine.counters.value(Event::kAddressConflicts), 4U);
  EXPECT_EQ(machine.counters.value(Event::kAddressesLost), 0U);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kUsable);
  EXPECT_TRUE(machine.accounted());
}

TEST(DadV6, nothing_but_neighbour_discovery_may_come_from_our_own_address) {
  Machine machine(on_ethernet(), asking(0));
  machine.output();
  hear_v6(machine, kOurs6, kAllNodes, packets::icmpv6(kOurs6, kAllNodes, 128, 0, 1, {}));
  EXPECT_EQ(machine.drops(Drop::kIpBadSource), 1U);
  EXPECT_TRUE(machine.output().empty());
}

TEST(DadV4, address_is_used_after_three_probes_rfc5227_2_1_1) {
  Machine machine(on_ethernet(), asking(0, 3));
  const auto first = machine.output();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].octets, probe_v4());
  base::Duration last{};
  int probes = 1;
  for (base::Duration when = 0ms; machine.ip.address_state(kOurs4) == AddressState::kTentative; when += 1ms) {
    ASSERT_LT(when, 10s);
    machine.at(when);
    for (const Sent& sent : machine.output()) {
      if (sent.octets != probe_v4()) {
        EXPECT_EQ(sent.octets, announcement_v4());
        EXPECT_EQ(when - last, kAnnounceWait);
        continue;
      }
      ++probes;
      EXPECT_GE(when - last, 1s);
      EXPECT_LE(when - last, 2001ms);
      last = when;
    }
  }
  EXPECT_EQ(probes, 3);
}

TEST(DadV4, reply_and_probe_of_another_are_duplicates_while_probing_rfc5227_2_1_1) {
  for (const bool reply : {true, false}) {
    Machine machine(on_ethernet(), asking(0, 3));
    machine.output();
    reply ? arp(machine, 2, kOurs4, kNowhere) : arp(machine, 1, kNowhere, kOurs4);
    EXPECT_EQ(machine.ip.address_state(kOurs4), AddressState::kDuplicate);
    EXPECT_EQ(machine.drops(Drop::kArpIgnored), 1U);
    machine.at(20s);
    EXPECT_TRUE(machine.output().empty());
    EXPECT_FALSE(machine.ip.route(kPeer4));
    machine.packet(
        packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1}, packets::icmpv4(8, 0, 1, {})));
    EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 1U);
    EXPECT_TRUE(machine.accounted());
  }
}

TEST(DadV4, own_probe_that_comes_back_is_none) {
  Machine machine(on_ethernet(), asking(0, 3));
  arp(machine, 1, kNowhere, kOurs4, kOurMac);
  EXPECT_EQ(machine.ip.address_state(kOurs4), AddressState::kTentative);
}

TEST(DadV4, usable_address_is_defended_at_most_once_in_ten_seconds_rfc5227_2_4) {
  Machine machine(on_ethernet(), asking(0));
  machine.output();
  arp(machine, 1, kOurs4, kPeer4);
  EXPECT_EQ(machine.only().octets, announcement_v4());
  arp(machine, 2, kOurs4, kPeer4);
  EXPECT_TRUE(machine.output().empty());
  machine.at(10s);
  arp(machine, 1, kOurs4, kOurs4);
  EXPECT_EQ(machine.only().octets, announcement_v4());
  EXPECT_EQ(machine.counters.value(Event::kAddressConflicts), 3U);
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 3U);
}

TEST(Dad, quiet_and_shared_addresses_and_point_to_point_links_ask_nothing) {
  Config quiet = asking(1, 3);
  for (InterfaceAddress& ours : quiet.addresses) ours.quiet = true;
  Machine behind_balancer(on_ethernet(), quiet);
  Config shared = asking(1, 3);
  shared.reply_to_sender = true;
  Machine with_host(on_ethernet(), shared);
  Machine point(on_tun(), asking(1, 3));
  for (Machine* machine : {&behind_balancer, &with_host, &point}) {
    EXPECT_TRUE(machine->output().empty());
    EXPECT_EQ(machine->ip.address_state(kOurs6), AddressState::kUsable);
    EXPECT_EQ(machine->ip.address_state(kOurs4), AddressState::kUsable);
  }
  // Another balanced station has the same one on purpose.
  claim_v6(behind_balancer);
  arp(behind_balancer, 2, kOurs4, kPeer4);
  EXPECT_EQ(behind_balancer.counters.value(Event::kAddressConflicts), 0U);
  EXPECT_TRUE(behind_balancer.output().empty());
}

TEST(Dad, lane_for_which_another_answers_hears_the_same_and_says_nothing) {
  Config second = asking(1, 1);
  second.answers_neighbours = false;
  Machine machine(on_ethernet(), second);
  EXPECT_TRUE(machine.output().empty());
  claim_v6(machine);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kDuplicate);
  EXPECT_EQ(machine.counters.value(Event::kAddressesLost), 0U);  // Counted by the one that speaks.
  machine.at(2s);
  EXPECT_EQ(machine.ip.address_state(kOurs4), AddressState::kUsable);
  arp(machine, 2, kOurs4, kPeer4);
  EXPECT_TRUE(machine.output().empty());
}

TEST(Announcer, addresses_are_announced_as_often_as_is_said_rfc5227_2_3) {
  Config often = asking(0);
  often.announcements = 3;
  Machine machine(on_ethernet(), often);
  EXPECT_EQ(machine.output().size(), 2U);
  const auto at = [&](base::Duration when) {
    machine.at(when);
    std::vector<Octets> told;
    for (const Sent& sent : machine.output()) told.push_back(sent.octets);
    return told;
  };
  EXPECT_EQ(at(999ms), std::vector<Octets>{});
  EXPECT_EQ(at(1s), std::vector<Octets>{announcement_v6()});
  EXPECT_EQ(at(1999ms), std::vector<Octets>{});
  EXPECT_EQ(at(2s), (std::vector<Octets>{announcement_v4(), announcement_v6()}));
  EXPECT_EQ(at(3999ms), std::vector<Octets>{});
  EXPECT_EQ(at(4s), std::vector<Octets>{announcement_v4()});
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
}

TEST(Announcer, none_are_sent_where_none_are_wanted) {
  Config silent = asking(0);
  silent.announcements = 0;
  Machine machine(on_ethernet(), silent);
  EXPECT_TRUE(machine.output().empty());
  machine.ip.link_up(machine.now);
  EXPECT_TRUE(machine.output().empty());
}

TEST(LinkUp, addresses_are_announced_again_and_neighbours_confirmed_before_they_are_trusted) {
  Machine machine(on_ethernet(), asking(0));
  machine.output();
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(2, kPeerMac, kPeer4, kOurMac, kOurs4)));
  machine.output();
  machine.at(1s);
  machine.ip.link_up(machine.now);
  const auto told = machine.output();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].octets, announcement_v4());
  EXPECT_EQ(told[1].octets, announcement_v6());
  machine.send(kPeer4, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
  machine.at(6s);
  EXPECT_EQ(machine.only().octets[14 + 7], 1);  // An ARP request, to the one that is known.
}

TEST(Withdrawal, nothing_comes_or_goes_until_the_address_is_given_back) {
  Machine machine(on_ethernet(), asking(1));
  machine.at(1s);
  machine.output();
  Route route = machine.ip.route(kPeer6).value();
  machine.send(kPeer6, route);
  hear_v6(machine, kPeer6, kAllNodes, packets::ndp(kPeer6, kAllNodes, 136, kOverride, kPeer6, 2, kPeerMac), kPeerMac);
  EXPECT_EQ(machine.output().size(), 2U);  // The question, and what waited for its answer.

  machine.ip.withdraw(machine.now, kOurs6);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kWithdrawn);
  machine.send(kPeer6, route);
  EXPECT_EQ(machine.drops(Drop::kAddressNotUsable), 1U);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_FALSE(machine.ip.route(kPeer6));
  echo_v6(machine);
  EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 1U);
  ask_v6(machine);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kWithdrawn);

  machine.ip.restore(machine.now, kOurs6);
  EXPECT_EQ(machine.only().octets, probe_v6());
  machine.send(kPeer6, route);
  EXPECT_EQ(machine.drops(Drop::kAddressNotUsable), 2U);
  machine.at(2s);
  EXPECT_EQ(machine.only().octets, announcement_v6());
  machine.send(kPeer6, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
  EXPECT_TRUE(machine.accounted());
}

TEST(Withdrawal, other_addresses_go_on) {
  Machine machine(on_ethernet(), asking(0));
  machine.output();
  machine.ip.withdraw(machine.now, kOurs6);
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  EXPECT_EQ(machine.drops(Drop::kAddressNotUsable), 0U);
  EXPECT_EQ(machine.output().size(), 1U);
  machine.ip.restore(machine.now, kOurs4);  // It is usable: nothing happens.
  EXPECT_TRUE(machine.output().empty());
}

TEST(Withdrawal, duplicate_that_is_gone_is_used_after_restoring) {
  Machine machine(on_ethernet(), asking(1));
  claim_v6(machine);
  machine.output();
  machine.at(5s);
  machine.ip.restore(machine.now, kOurs6);
  EXPECT_EQ(machine.only().octets, probe_v6());
  machine.at(6s);
  EXPECT_EQ(machine.ip.address_state(kOurs6), AddressState::kUsable);
}

}  // namespace
}  // namespace windhover::stack::ip
