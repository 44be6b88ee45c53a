// Addresses that the host keeps (Config::reply_to_sender), that others announce (quiet), and lanes that leave the
// answering of neighbours to one among them.

#include "stack/wire/ndp.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

const Address kService4 = address("203.0.113.9");
const Address kService6 = address("2001:db8:9::9");

Config shared() {
  Config shared = config();
  shared.gateway_v4.reset();
  shared.gateway_v6.reset();
  shared.reply_to_sender = true;
  return shared;
}

Config with_services() {
  Config services = config();
  services.addresses.push_back({kService4, 32, true});
  services.addresses.push_back({kService6, 128, true});
  return services;
}

Config one_of_several_lanes() {
  Config lane = config();
  lane.answers_neighbours = false;
  return lane;
}

Octets echo(const Address& source, const Address& destination) {
  if (!source.is_v4()) {
    return packets::ipv6(source, destination, 58, packets::icmpv6(source, destination, 128, 0, 7, {}));
  }
  return packets::ipv4({.source = source, .destination = destination, .protocol = 1}, packets::icmpv4(8, 0, 7, {}));
}

Octets arp_request(const Address& target) {
  return packets::ethernet(wire::kBroadcast, kPeerMac, 0x0806, packets::arp(1, kPeerMac, kPeer4, {}, target));
}

void solicit(Machine& machine, const Address& target) {
  machine.packet(packets::ipv6(kPeer6, target, 58, packets::ndp(kPeer6, target, 135, 0, target, 1, kPeerMac), 255));
}

std::vector<std::pair<Address, Address>> far_and_near() {
  return {{kFar4, kOurs4}, {kFar6, kOurs6}, {kPeer4, kOurs4}, {kPeer6, kOurs6}};
}

TEST(SharedAddress, nothing_is_announced_and_nobody_answered) {
  Machine machine(on_ethernet(), shared());
  machine.input(arp_request(kOurs4));
  solicit(machine, kOurs6);
  machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(2, kPeerMac, kPeer4, kOurMac, kOurs4)));
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.drops(Drop::kArpIgnored), 2U);
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
  EXPECT_TRUE(machine.accounted());
}

TEST(SharedAddress, there_is_a_route_only_to_whom_we_have_heard_from) {
  const Machine machine(on_ethernet(), shared());
  for (const auto& [remote, ours] : far_and_near()) {
    EXPECT_FALSE(machine.ip.route(remote));
    EXPECT_FALSE(machine.ip.route(remote, ours));
    EXPECT_FALSE(machine.ip.route(remote, ours, wire::kBroadcast));
    const auto route = machine.ip.route(remote, ours, kOtherMac);
    ASSERT_TRUE(route);
    EXPECT_EQ(route->source, ours);
    EXPECT_EQ(route->link, kOtherMac);
  }
  EXPECT_FALSE(machine.ip.route(kFar4, kPeer4, kOtherMac));                 // Not our address.
  EXPECT_FALSE(machine.ip.route(address("224.0.0.1"), kOurs4, kOtherMac));  // No connection reaches that.
}

TEST(SharedAddress, packet_tells_its_link_source_and_the_way_back_leads_there) {
  Machine machine(on_ethernet(), shared());
  for (const auto& [remote, ours] : far_and_near()) {
    const Octets segment = packets::tcp(40000, 8080, 7);
    const Octets ip = remote.is_v4() ? packets::ipv4({.source = remote, .destination = ours}, segment)
                                     : packets::ipv6(remote, ours, 6, segment);
    const Input input = machine.packet(ip);
    ASSERT_TRUE(std::holds_alternative<Packet>(input));
    EXPECT_EQ(std::get<Packet>(input).link_source, kPeerMac);
    Route route = machine.ip.route(remote, ours, std::get<Packet>(input).link_source).value();
    machine.send(remote, route);
    EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);  // At once: nobody was asked.
    route.link = kOtherMac;
    machine.send(remote, route);
    EXPECT_EQ(MacAddress::load(machine.only().octets), kOtherMac);
  }
}

TEST(SharedAddress, echo_and_errors_go_back_to_the_link_address_they_answer) {
  Machine machine(on_ethernet(), shared());
  for (const auto& [remote, ours] : far_and_near()) {
    machine.packet(echo(remote, ours));
    const Octets reply = machine.only().octets;
    EXPECT_EQ(MacAddress::load(reply), kPeerMac);
    EXPECT_EQ(MacAddress::load(base::Bytes(reply).subspan(6)), kOurMac);
    const Octets datagram = packets::udp(remote, ours, 1, 2, {});
    machine.reject(machine.packet(remote.is_v4()
                                      ? packets::ipv4({.source = remote, .destination = ours, .protocol = 17}, datagram)
                                      : packets::ipv6(remote, ours, 17, datagram)));
    EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
  }
  const Octets routing{6, 0, 0, 1, 0, 0, 0, 0};  // Segments left: a parameter problem.
  machine.packet(packets::ipv6(kFar6, kOurs6, 43, routing));
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
}

TEST(SharedAddress, a_medium_without_link_addresses_is_unaffected) {
  Machine machine(on_tun(), shared());
  const Input input = machine.packet(packets::ipv4({.source = kFar4, .destination = kOurs4}, packets::tcp(1, 2, 3)));
  EXPECT_EQ(std::get<Packet>(input).link_source, MacAddress{});
  Route route = machine.ip.route(kFar4).value();
  machine.send(kFar4, route);
  EXPECT_EQ(machine.only().octets[0], 0x45);
}

TEST(QuietAddress, is_ours_and_the_source_of_replies) {
  Machine machine(on_tun(), with_services());
  for (const auto& [remote, ours] : {std::pair{kFar4, kService4}, std::pair{kFar6, kService6}}) {
    EXPECT_TRUE(machine.ip.is_ours(ours));
    EXPECT_EQ(machine.ip.route(remote, ours)->source, ours);
    machine.packet(echo(remote, ours));
    const Octets reply = machine.only().octets;
    const base::Bytes source = base::Bytes(reply).subspan(ours.is_v4() ? 12 : 8, ours.octets().size());
    EXPECT_TRUE(std::equal(source.begin(), source.end(), ours.octets().begin()));
  }
}

TEST(QuietAddress, is_never_announced_nor_told_to_who_asks) {
  Machine machine(on_ethernet(), with_services());
  EXPECT_EQ(machine.output().size(), 2U);  // The two that are not quiet.
  machine.input(arp_request(kService4));
  solicit(machine, kService6);
  machine.packet(packets::ipv6(kPeer6, address("ff02::1:ff00:9"), 58,
                               packets::ndp(kPeer6, address("ff02::1:ff00:9"), 135, 0, kService6, 1, kPeerMac), 255),
                 Checksum::kNone, wire::multicast_mac(address("ff02::1:ff00:9")));
  EXPECT_TRUE(machine.output().empty());
  machine.input(arp_request(kOurs4));
  solicit(machine, kOurs6);
  EXPECT_EQ(machine.output().size(), 2U);
  EXPECT_TRUE(machine.accounted());
}

TEST(QuietAddress, does_not_show_in_our_own_questions_nor_as_a_source_we_choose) {
  Config same_prefix = config();
  same_prefix.addresses.insert(same_prefix.addresses.begin(),
                               {{address("10.66.0.77"), 25, true}, {kService6, 128, true}});
  Machine machine(on_ethernet(), same_prefix);
  machine.output();
  EXPECT_EQ(machine.ip.route(kPeer4)->source, kOurs4);
  Route route = machine.ip.route(kPeer4, address("10.66.0.77")).value();
  machine.send(kPeer4, route);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, {}, kPeer4)));
}

TEST(OneOfSeveralLanes, announces_and_answers_nothing_but_learns) {
  Machine machine(on_ethernet(), one_of_several_lanes());
  machine.input(arp_request(kOurs4));
  solicit(machine, kOurs6);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 2U);
  for (const Address& peer : {kPeer4, kPeer6}) {
    Route route = machine.ip.route(peer).value();
    machine.send(peer, route);
    EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);  // Known from its question.
  }
  machine.packet(echo(kPeer4, kOurs4));
  EXPECT_EQ(machine.output().size(), 1U);
}

TEST(OneOfSeveralLanes, asks_for_itself) {
  Machine machine(on_ethernet(), one_of_several_lanes());
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(wire::kBroadcast, kOurMac, 0x0806, packets::arp(1, kOurMac, kOurs4, {}, kPeer4)));
  machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(2, kPeerMac, kPeer4, kOurMac, kOurs4)));
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
}

}  // namespace
}  // namespace windhover::stack::ip
