// ICMP errors that quote us, and neighbour discovery.

#include "tests/bpf/steering_fixture.h"

namespace windhover::bpf {
namespace {

const Octets kSent = tcp(kTaken, kTheirs);

/// An error about `quoted` (an IPv4 packet), from a router to `to`.
Octets error4(std::uint8_t type, const Octets& quoted, const Address& to = kShared4) {
  return ethernet(kIpv4, ipv4(kNeighbour4, to, kIcmp, icmp(type, quoted)));
}
Octets error6(std::uint8_t type, const Octets& quoted, const Address& to = kShared6) {
  return ethernet(kIpv6, ipv6(kNeighbour6, to, kIcmpv6, icmp(type, quoted)));
}

TEST_F(SteeringTest, icmp_errors_are_ours_when_they_quote_us) {
  const Octets quoted = ipv4(kShared4, kClient4, kTcp, kSent);
  const Octets by_free = ipv4(kShared4, kClient4, kTcp, tcp(kFree, kTheirs));
  expect_rows({
      {"unreachable", error4(3, quoted), Expected::kOurs},
      {"time exceeded", error4(11, quoted), Expected::kOurs},
      {"parameter problem", error4(12, quoted), Expected::kOurs},
      {"eight octets of the segment", error4(3, cut(quoted, 12)), Expected::kOurs},
      {"the quoted packet was longer", error4(3, with(quoted, 2, 5)), Expected::kOurs},
      {"quoted IP options", error4(3, ipv4(kShared4, kClient4, kTcp, kSent, {Octets(8, 1)})), Expected::kOurs},
      {"quoted first fragment", error4(3, ipv4(kShared4, kClient4, kTcp, kSent, {.fragment = kMoreFragments})),
       Expected::kOurs},
      {"quoted later fragment", error4(3, ipv4(kShared4, kClient4, kTcp, kSent, {.fragment = 3}))},
      {"from a free port", error4(3, by_free)},
      {"to a taken port", error4(3, ipv4(kShared4, kClient4, kTcp, tcp(kFree, kTaken)))},
      {"quotes UDP", error4(3, ipv4(kShared4, kClient4, kUdp, udp(kTaken, kTheirs)))},
      {"quotes another address", error4(3, ipv4(kOther4, kClient4, kTcp, kSent))},
      {"owned, quotes anything", error4(3, by_free, kOwned4), Expected::kOurs},
      {"redirect", error4(5, quoted)},
      {"echo request", error4(8, quoted)},
      {"echo reply", error4(0, quoted)},
      {"echo request, owned", error4(8, {}, kOwned4), Expected::kOurs},
      {"a service address outside of a tunnel", error4(3, ipv4(kService4, kClient4, kTcp, kSent), kService4)},
      {"a fragment of an error",
       ethernet(kIpv4, ipv4(kNeighbour4, kShared4, kIcmp, icmp(3, quoted), {.fragment = kMoreFragments}))},
      {"IPv6's number for it", ethernet(kIpv4, ipv4(kNeighbour4, kShared4, kIcmpv6, icmp(1, quoted)))},
      {"no room for its header", ethernet(kIpv4, ipv4(kNeighbour4, kShared4, kIcmp, {3, 0, 0, 0})),
       Expected::kMalformed},
      {"quotes nothing", error4(3, {}), Expected::kMalformed},
      {"quotes no ports", error4(3, cut(quoted, 20)), Expected::kMalformed},
      {"quoted header of 16 octets", error4(3, with(quoted, 0, 0x44)), Expected::kMalformed},
      {"quotes IPv6", error4(3, ipv6(kShared6, kClient6, kTcp, kSent)), Expected::kMalformed},
  });
}

TEST_F(SteeringTest, icmpv6_errors_are_ours_when_they_quote_us) {
  const Octets quoted = ipv6(kShared6, kClient6, kTcp, kSent);
  const Octets by_free = ipv6(kShared6, kClient6, kTcp, tcp(kFree, kTheirs));
  expect_rows({
      {"unreachable", error6(1, quoted), Expected::kOurs},
      {"packet too big", error6(2, quoted), Expected::kOurs},
      {"time exceeded", error6(3, quoted), Expected::kOurs},
      {"parameter problem", error6(4, quoted), Expected::kOurs},
      {"the quoted packet was longer", error6(2, with(quoted, 4, 5)), Expected::kOurs},
      {"quoted options", error6(2, ipv6(kShared6, kClient6, kOptions, extension(kTcp, kSent))), Expected::kOurs},
      {"behind options", ethernet(kIpv6, ipv6(kNeighbour6, kShared6, kHopByHop, extension(kIcmpv6, icmp(2, quoted)))),
       Expected::kOurs},
      {"from a free port", error6(2, by_free)},
      {"quotes another address", error6(2, ipv6(kOther6, kClient6, kTcp, kSent))},
      {"owned, quotes anything", error6(2, by_free, kOwned6), Expected::kOurs},
      {"type 0", error6(0, quoted)},
      {"type 5", error6(5, quoted)},
      {"echo request", error6(128, quoted)},
      {"IPv4's number for it", ethernet(kIpv6, ipv6(kNeighbour6, kShared6, kIcmp, icmp(3, quoted)))},
      {"quotes no ports", error6(2, cut(quoted, 20)), Expected::kMalformed},
      {"quotes half a header", error6(2, cut(quoted, 30)), Expected::kMalformed},
      {"quotes options cut off", error6(2, cut(ipv6(kShared6, kClient6, kOptions, extension(kTcp, {})), 5)),
       Expected::kMalformed},
      {"quotes IPv4", error6(2, ipv4(kShared4, kClient4, kTcp, tcp(kTaken, kTheirs, {}, Octets(20)))),
       Expected::kMalformed},
  });
}

TEST_F(SteeringTest, neighbour_discovery_is_ours_when_it_is_about_an_owned_address) {
  const Address group_of_owned = address("ff02::1:ff00:2");
  const Address group_of_shared = address("ff02::1:ff00:1");
  const Address all_nodes = address("ff02::1");
  const auto to = [](const Address& destination, const Octets& message) {
    return ethernet(kIpv6, ipv6(kNeighbour6, destination, kIcmpv6, message));
  };
  expect_rows({
      {"solicitation, owned", to(group_of_owned, solicitation(kOwned6)), Expected::kOurs},
      {"solicitation, owned, to it alone", to(kOwned6, solicitation(kOwned6)), Expected::kOurs},
      {"solicitation, owned, to a shared address", to(kShared6, solicitation(kOwned6)), Expected::kOurs},
      {"solicitation, owned, by one that has no address yet",
       ethernet(kIpv6, ipv6(address("::"), group_of_owned, kIcmpv6, solicitation(kOwned6))), Expected::kOurs},
      {"solicitation, shared", to(group_of_shared, solicitation(kShared6))},
      {"solicitation, a service address", to(address("ff02::1:ff00:10"), solicitation(kService6))},
      {"solicitation, another of the same group", to(group_of_owned, solicitation(address("fd09::2")))},
      {"solicitation, no room for a target", to(group_of_owned, cut(solicitation(kOwned6), 1)), Expected::kMalformed},
      {"solicitation, owned, in fragments", ethernet(kIpv6, ipv6(kNeighbour6, group_of_owned, kFragment,
                                                                 fragment(kIcmpv6, 0, true, solicitation(kOwned6))))},
      {"advertisement of owned, to all nodes", to(all_nodes, advertisement(kOwned6)), Expected::kOurs},
      {"advertisement of shared, to all nodes", to(all_nodes, advertisement(kShared6))},
      {"advertisement, no room for a target", to(all_nodes, cut(advertisement(kOwned6), 1)), Expected::kMalformed},
      {"nothing in it", to(group_of_owned, {}), Expected::kMalformed},
      {"advertisement to owned", to(kOwned6, icmp(136, Octets(16))), Expected::kOurs},
      {"advertisement to all", to(all_nodes, icmp(136, Octets(16)))},
      {"router advertisement", to(all_nodes, icmp(134, Octets(8)))},
      {"echo request, owned", to(kOwned6, icmp(128)), Expected::kOurs},
      {"echo request, shared", to(kShared6, icmp(128))},
  });
}

}  // namespace
}  // namespace windhover::bpf
