// Router advertisements through Ip, and how they are asked for (RFC 4861 6.3, RFC 7559).

#include "stack/ip/router_discovery.h"

#include "stack/wire/ndp.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

const Address kRouter = address("fe80::1");
const Address kOtherRouter = address("fe80::9");
const Address kAllRouters = address("ff02::2");
const Address kPrefixed = address("2001:db8:5::7");
constexpr MacAddress kAllRoutersMac{{0x33, 0x33, 0, 0, 0, 0x02}};
constexpr std::uint8_t kAdvertisement = 134;

Config without_gateway() {
  Config made = config();
  made.gateway_v6.reset();
  made.announcements = 0;
  return made;
}

bool is_solicitation(const Sent& sent) {
  constexpr std::size_t kTypeAt = 14 + 40;
  return sent.octets.size() > kTypeAt && sent.octets[12] == 0x86 && sent.octets[kTypeAt] == 133;
}

struct Told {
  std::uint16_t lifetime_s = 1800;
  std::uint8_t flags = 0;
  std::uint32_t reachable_ms = 0;
  std::uint32_t retransmit_ms = 0;
  Octets options{};
};

Octets mac_option(const MacAddress& mac) {
  Octets option{1, 1};
  packets::put(option, mac.octets);
  return option;
}
Octets mtu_option(std::uint32_t mtu) {
  Octets option{5, 1, 0, 0};
  packets::put32(option, mtu);
  return option;
}
Octets prefix_option(const Address& prefix, std::uint8_t length, std::uint32_t lifetime_s) {
  Octets option{3, 4, length, 0xc0};
  packets::put32(option, lifetime_s);
  packets::put32(option, lifetime_s);
  packets::put32(option, 0);
  packets::put(option, prefix.octets());
  return option;
}

class RouterDiscoveryTest : public testing::Test {
 protected:
  void advertise(Machine& to, const Address& from, const Told& told, const MacAddress& mac = kPeerMac,
                 std::uint8_t hop_limit = 255) {
    Octets body;
    packets::put32(body, told.reachable_ms);
    packets::put32(body, told.retransmit_ms);
    packets::put(body, told.options);
    const std::uint32_t rest = 64U << 24 | std::uint32_t{told.flags} << 16 | told.lifetime_s;
    const Octets message = packets::icmpv6(from, kAllNodes, kAdvertisement, 0, rest, body);
    to.input(packets::ethernet(kAllNodesMac, mac, 0x86dd, packets::ipv6(from, kAllNodes, 58, message, hop_limit)));
  }
  void advertise(const Address& from, const Told& told, const MacAddress& mac = kPeerMac) {
    advertise(machine, from, told, mac);
  }
  std::optional<Address> next_hop(const Address& remote) {
    const auto route = machine.ip.route(remote);
    return route ? std::optional(route->next_hop) : std::nullopt;
  }
  /// Solicitations sent at `when`.
  std::size_t asked(base::Duration when) {
    machine.at(when);
    std::size_t count = 0;
    for (const Sent& sent : machine.output()) count += is_solicitation(sent);
    return count;
  }

  Machine machine{on_ethernet(), without_gateway()};
};

TEST_F(RouterDiscoveryTest, routers_are_asked_for_at_the_start_rfc4861_6_3_7) {
  const Octets question = packets::icmpv6(kOurs6, kAllRouters, 133, 0, 0, mac_option(kOurMac));
  EXPECT_EQ(machine.only().octets,
            packets::ethernet(kAllRoutersMac, kOurMac, 0x86dd, packets::ipv6(kOurs6, kAllRouters, 58, question, 255)));
}

TEST_F(RouterDiscoveryTest, question_waits_for_an_address_to_ask_from) {
  Config asking = without_gateway();
  asking.dad_transmits = 1;
  Machine fresh(on_ethernet(), asking);
  for (const Sent& sent : fresh.output()) EXPECT_FALSE(is_solicitation(sent));
  fresh.at(1s);
  EXPECT_TRUE(is_solicitation(fresh.only()));
}

TEST_F(RouterDiscoveryTest, silence_makes_the_questions_rarer_rfc7559_2) {
  machine.output();
  base::Duration last{};
  std::vector<base::Duration> gaps;
  while (gaps.size() < 14) {
    const base::Instant due = machine.ip.next_deadline();
    ASSERT_NE(due, base::kNever);
    const base::Duration when = due - base::Instant{};
    if (asked(when) == 0) continue;
    gaps.push_back(when - last);
    last = when;
  }
  EXPECT_GE(gaps[0], 3600ms);
  EXPECT_LE(gaps[0], 4400ms);
  for (std::size_t at = 1; at < 9; ++at) {
    EXPECT_GE(gaps[at], gaps[at - 1] * 19 / 10);
    EXPECT_LE(gaps[at], gaps[at - 1] * 21 / 10);
  }
  EXPECT_GE(gaps.back(), 3240s);
  EXPECT_LE(gaps.back(), 3960s);
}

TEST_F(RouterDiscoveryTest, advertisement_gives_the_default_route_and_ends_the_questions) {
  EXPECT_EQ(next_hop(kFar6), std::nullopt);
  machine.output();
  advertise(kRouter, {.options = mac_option(kPeerMac)});
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 1U);
  EXPECT_EQ(next_hop(kFar6), kRouter);
  Route route = machine.ip.route(kFar6).value();
  EXPECT_EQ(route.source, kOurs6);
  machine.send(kFar6, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);  // Its link address came with it.
  EXPECT_EQ(asked(1349s), 0U);
  EXPECT_EQ(asked(1350s), 1U);  // Most of its lifetime has passed without a word.
  machine.at(1799s);
  EXPECT_EQ(next_hop(kFar6), kRouter);
  machine.at(1800s);
  EXPECT_EQ(next_hop(kFar6), std::nullopt);
}

TEST_F(RouterDiscoveryTest, advertisement_that_comes_in_time_keeps_it_silent) {
  machine.output();
  for (base::Duration when = 0s; when < 7200s; when += 600s) {
    EXPECT_EQ(asked(when), 0U);
    advertise(kRouter, {});
  }
  EXPECT_EQ(next_hop(kFar6), kRouter);
}

TEST_F(RouterDiscoveryTest, invalid_is_dropped_rfc4861_6_1_2) {
  advertise(machine, kRouter, {}, kPeerMac, 254);
  advertise(machine, address("2001:db8::1"), {});
  advertise(kRouter, {.options = {1, 0}});
  advertise(kRouter, {.options = mac_option(wire::kBroadcast)});
  EXPECT_EQ(machine.drops(Drop::kNdpInvalid), 4U);
  EXPECT_EQ(next_hop(kFar6), std::nullopt);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(RouterDiscoveryTest, none_is_believed_where_none_is_wanted) {
  Config with_gateway = config();
  Config shared = without_gateway();
  shared.reply_to_sender = true;
  Config only_v4 = without_gateway();
  only_v4.addresses.pop_back();
  Config refused = without_gateway();
  refused.accept_ra = false;
  for (const Config& each : {with_gateway, shared, only_v4, refused}) {
    Machine other(on_ethernet(), each);
    for (const Sent& sent : other.output()) EXPECT_FALSE(is_solicitation(sent));
    advertise(other, kRouter, {});
    EXPECT_EQ(other.drops(Drop::kIcmpIgnored), 1U);
  }
}

TEST_F(RouterDiscoveryTest, configured_gateway_stays_the_gateway) {
  Config both = config();
  both.accept_ra = true;
  Machine other(on_ethernet(), both);
  advertise(other, kRouter, {.options = prefix_option(address("2001:db8:5::"), 64, 100)});
  EXPECT_EQ(other.ip.route(kFar6)->next_hop, address("fd66::fe"));
  EXPECT_EQ(other.ip.route(kPrefixed)->next_hop, kPrefixed);
}

TEST_F(RouterDiscoveryTest, lifetime_of_zero_is_no_router_and_routes_over_it_move_on) {
  advertise(kRouter, {.flags = 0x08, .options = mac_option(kPeerMac)});
  advertise(kOtherRouter, {.options = mac_option(kOtherMac)}, kOtherMac);
  machine.output();
  Route route = machine.ip.route(kFar6).value();
  EXPECT_EQ(route.next_hop, kRouter);
  machine.send(kFar6, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
  advertise(kRouter, {.lifetime_s = 0, .options = mac_option(kPeerMac)});
  machine.send(kFar6, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kOtherMac);
  EXPECT_EQ(route.next_hop, kOtherRouter);
  advertise(kOtherRouter, {.lifetime_s = 0}, kOtherMac);
  machine.send(kFar6, route);
  EXPECT_EQ(machine.drops(Drop::kNoRoute), 1U);
}

TEST_F(RouterDiscoveryTest, router_that_does_not_answer_is_replaced_rfc4861_7_3_3) {
  advertise(kRouter, {.flags = 0x08});
  advertise(kOtherRouter, {.options = mac_option(kOtherMac)}, kOtherMac);
  machine.output();
  Route route = machine.ip.route(kFar6).value();
  EXPECT_EQ(route.next_hop, kRouter);
  machine.send(kFar6, route);  // Waits for a link address that never comes.
  for (const base::Duration when : {1s, 2s, 3s}) machine.at(when);
  EXPECT_EQ(machine.drops(Drop::kNeighbourUnresolved), 1U);
  EXPECT_EQ(next_hop(kFar6), kOtherRouter);
  machine.output();
  machine.send(kFar6, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kOtherMac);
  advertise(kRouter, {.flags = 0x08, .options = mac_option(kPeerMac)});
  EXPECT_EQ(next_hop(kFar6), kRouter);
}

TEST_F(RouterDiscoveryTest, neighbour_that_says_it_is_no_router_is_none_rfc4861_7_2_5) {
  advertise(kRouter, {.options = mac_option(kPeerMac)});
  machine.output();
  constexpr std::uint32_t kIsRouter = 0x80000000;
  const auto say = [&](std::uint32_t flags, const MacAddress& mac) {
    const Octets message = packets::ndp(kRouter, kAllNodes, 136, flags, kRouter, 2, mac);
    machine.input(packets::ethernet(kAllNodesMac, mac, 0x86dd, packets::ipv6(kRouter, kAllNodes, 58, message, 255)));
  };
  say(kIsRouter, kPeerMac);
  EXPECT_EQ(next_hop(kFar6), kRouter);
  say(0, kOtherMac);  // Not from where the router is known to be.
  EXPECT_EQ(next_hop(kFar6), kRouter);
  say(0, kPeerMac);
  EXPECT_EQ(next_hop(kFar6), std::nullopt);
}

TEST_F(RouterDiscoveryTest, mtu_of_the_link_is_taken_within_its_bounds_rfc4861_6_3_4) {
  const std::uint16_t v4 = machine.ip.transport_mtu(kPeer4);
  advertise(kRouter, {.options = mtu_option(1279)});
  EXPECT_EQ(machine.ip.transport_mtu(kPeer6), 1460U);
  advertise(kRouter, {.options = mtu_option(1501)});
  EXPECT_EQ(machine.ip.transport_mtu(kPeer6), 1460U);
  advertise(kRouter, {.options = mtu_option(1280)});
  EXPECT_EQ(machine.ip.transport_mtu(kPeer6), 1240U);
  EXPECT_EQ(machine.ip.transport_mtu(kPeer4), v4);
  advertise(kRouter, {.options = mtu_option(1500)});
  EXPECT_EQ(machine.ip.transport_mtu(kPeer6), 1460U);
}

TEST_F(RouterDiscoveryTest, prefixes_are_on_link_and_give_no_address) {
  advertise(kRouter, {.options = prefix_option(address("2001:db8:5::"), 64, 100)});
  EXPECT_EQ(next_hop(kPrefixed), kPrefixed);
  EXPECT_EQ(machine.ip.route(kPrefixed)->source, kOurs6);
  machine.at(99s);
  EXPECT_EQ(next_hop(kPrefixed), kPrefixed);
  machine.at(100s);
  EXPECT_EQ(next_hop(kPrefixed), kRouter);
}

TEST_F(RouterDiscoveryTest, times_are_taken_within_bounds_rfc4861_6_3_4) {
  machine.output();
  advertise(kRouter, {.retransmit_ms = 1});
  Route route = machine.ip.route(kPeer6).value();
  machine.send(kPeer6, route);
  machine.output();
  EXPECT_EQ((machine.at(99ms), machine.output().size()), 0U);
  EXPECT_EQ((machine.at(100ms), machine.output().size()), 1U);
}

TEST_F(RouterDiscoveryTest, link_that_returns_is_asked_for_routers_again) {
  advertise(kRouter, {});
  machine.output();
  machine.at(10s);
  machine.ip.link_up(machine.now);
  EXPECT_TRUE(is_solicitation(machine.only()));
  EXPECT_EQ(next_hop(kFar6), kRouter);
}

TEST_F(RouterDiscoveryTest, lane_for_which_another_asks_learns_from_what_it_hears) {
  Config second = without_gateway();
  second.answers_neighbours = false;
  Machine other(on_ethernet(), second);
  EXPECT_TRUE(other.output().empty());
  advertise(other, kRouter, {});
  EXPECT_EQ(other.ip.route(kFar6)->next_hop, kRouter);
  other.at(1799s);
  EXPECT_TRUE(other.output().empty());
}

TEST_F(RouterDiscoveryTest, flood_of_routers_stays_within_the_list) {
  for (unsigned number = 1; number < 2000; ++number) {
    auto octets = kRouter.mapped();
    octets[14] = static_cast<std::uint8_t>(number >> 8);
    octets[15] = static_cast<std::uint8_t>(number);
    const std::uint8_t flags = number % 3 == 0 ? 0x08 : 0x18;
    advertise(Address::v6(octets), {.flags = flags, .options = mac_option(kOtherMac)}, kOtherMac);
    machine.at(number * 1ms);
    machine.output();
  }
  EXPECT_TRUE(next_hop(kFar6).has_value());
  EXPECT_TRUE(machine.accounted());
}

}  // namespace
}  // namespace windhover::stack::ip
