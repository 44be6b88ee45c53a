// Direct server return: tunnels end here when what is inside of them is ours.

#include "tests/bpf/steering_fixture.h"

namespace windhover::bpf {
namespace {

const Address kBalancer4 = address("10.1.0.50");
const Address kBalancer6 = address("fd01::50");
const Octets kGatewayMac{0x02, 0, 0, 0, 0, 0xfe};
const Octets kNeighbourMac{0x02, 0, 0, 0, 0, 0x03};

class TunnelTest : public SteeringTest {
 protected:
  /// The way to the world leads by a gateway; one peer is a neighbour. The kernel tells the program of ways back only
  /// where the interface may forward.
  void SetUp() override {
    SteeringTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("ip addr add 10.1.0.1/24 dev wh0 && ip addr add fd01::1/64 dev wh0 nodad && "
        "ip route add default via 10.1.0.254 && ip route add default via fd01::fe dev wh0 && "
        "ip neigh add 10.1.0.254 lladdr 02:00:00:00:00:fe nud permanent dev wh0 && "
        "ip neigh add fd01::fe lladdr 02:00:00:00:00:fe nud permanent dev wh0 && "
        "ip neigh add 10.1.0.3 lladdr 02:00:00:00:00:03 nud permanent dev wh0 && "
        "ip neigh add fd01::3 lladdr 02:00:00:00:00:03 nud permanent dev wh0");
    forward(true);
  }

  static void forward(bool on) {
    for (const std::string family : {"ipv4", "ipv6"}) {
      run(std::string("echo ") + (on ? "1" : "0") + " > /proc/sys/net/" + family + "/conf/wh0/forwarding");
    }
  }

  static Octets in4(const Octets& inner, std::uint8_t protocol, const Address& to = kShared4) {
    return ethernet(kIpv4, ipv4(kBalancer4, to, protocol, inner));
  }
  static Octets in6(const Octets& inner, std::uint8_t protocol, const Address& to = kShared6) {
    return ethernet(kIpv6, ipv6(kBalancer6, to, protocol, inner));
  }
  /// What the socket gets of an inner packet.
  static Octets out4(const Octets& inner, const Octets& way_back = kGatewayMac) {
    return ethernet(kIpv4, inner, way_back);
  }
  static Octets out6(const Octets& inner, const Octets& way_back = kGatewayMac) {
    return ethernet(kIpv6, inner, way_back);
  }

  const Octets inner4_ = ipv4(kClient4, kService4, kTcp, tcp(kTheirs, kTaken, {}, {'h', 'i'}));
  const Octets inner6_ = ipv6(kClient6, kService6, kTcp, tcp(kTheirs, kTaken, {}, {'h', 'i'}));
};

TEST_F(TunnelTest, what_is_ours_inside_comes_out) {
  const Octets options = ipv4(kClient4, kService4, kTcp, tcp(kTheirs, kTaken), {Octets(4, 1)});
  const Octets to_shared = ipv4(kClient4, kShared4, kTcp, tcp(kTheirs, kTaken));
  const Octets to_owned = ipv6(kClient6, kOwned6, kUdp, udp(1, 2));
  const Octets neighbour = ipv4(kNeighbour4, kService4, kTcp, tcp(kTheirs, kTaken));
  const Octets unknown = ipv4(address("10.1.0.9"), kService4, kTcp, tcp(kTheirs, kTaken));
  const Octets unreachable =
      ipv4(kNeighbour4, kService4, kIcmp, icmp(3, ipv4(kService4, kClient4, kTcp, tcp(kTaken, 1))));
  const Octets too_big =
      ipv6(kNeighbour6, kService6, kIcmpv6, icmp(2, ipv6(kService6, kClient6, kTcp, tcp(kTaken, 1))));
  const Octets first = ipv4(kClient4, kService4, kTcp, tcp(kTheirs, kTaken), {.fragment = kMoreFragments});
  const Octets tagged = ethernet(kVlan, tag(0, kIpv4, ipv4(kBalancer4, kShared4, kIpIp, inner4_)));
  const Octets with_options = ethernet(kIpv4, ipv4(kBalancer4, kShared4, kIpIp, inner4_, {Octets(8, 1)}));
  expect_rows({
      {"v4 in v4", in4(inner4_, kIpIp), Expected::kOurs, {}, out4(inner4_), true},
      {"v6 in v4", in4(inner6_, kIpv6InIp), Expected::kOurs, {}, out6(inner6_), true},
      {"v4 in v6", in6(inner4_, kIpIp), Expected::kOurs, {}, out4(inner4_), true},
      {"v6 in v6", in6(inner6_, kIpv6InIp), Expected::kOurs, {}, out6(inner6_), true},
      {"an encapsulation limit",
       in6(extension(kIpv6InIp, inner6_), kOptions),
       Expected::kOurs,
       {},
       out6(inner6_),
       true},
      {"outer options", with_options, Expected::kOurs, {}, out4(inner4_), true},
      {"inner options", in4(options, kIpIp), Expected::kOurs, {}, out4(options), true},
      {"at an owned address", in4(inner4_, kIpIp, kOwned4), Expected::kOurs, {}, out4(inner4_), true},
      {"to a shared address", in4(to_shared, kIpIp), Expected::kOurs, {}, out4(to_shared), true},
      {"to an owned address", in6(to_owned, kIpv6InIp), Expected::kOurs, {}, out6(to_owned), true},
      {"a priority tag", tagged, Expected::kOurs, {}, out4(inner4_), true},
      {"padding", padded(in4(inner4_, kIpIp), 100), Expected::kOurs, 76, padded(out4(inner4_), 80), true},
      {"the client is a neighbour", in4(neighbour, kIpIp), Expected::kOurs, {}, out4(neighbour, kNeighbourMac), true},
      {"no link address is known", in4(unknown, kIpIp), Expected::kOurs, {}, out4(unknown, kPeerMac), true},
      {"an ICMP error", in4(unreachable, kIpIp), Expected::kOurs, {}, out4(unreachable, kNeighbourMac), true},
      {"an ICMPv6 error", in6(too_big, kIpv6InIp), Expected::kOurs, {}, out6(too_big, kNeighbourMac), true},
      {"a first fragment", in4(first, kIpIp), Expected::kOurs, {}, out4(first), true},
  });
}

TEST_F(TunnelTest, other_tunnels_are_passed_as_they_came) {
  const Octets free = ipv4(kClient4, kService4, kTcp, tcp(kTheirs, kFree));
  const Octets foreign = ipv6(kClient6, kOther6, kTcp, tcp(kTheirs, kTaken));
  const Octets datagram = ipv4(kClient4, kService4, kUdp, udp(kTheirs, kTaken));
  const Octets later = ipv4(kClient4, kService4, kTcp, Octets(16), {.fragment = 4});
  const Octets twice = ipv4(kBalancer4, kShared4, kIpIp, inner4_);
  const Octets twice_owned = ipv4(kBalancer4, kOwned4, kIpIp, inner4_);
  const Octets echo = ipv4(kClient4, kService4, kIcmp, icmp(8));
  const Ipv4Parts first{.fragment = kMoreFragments};
  expect_rows({
      {"a free port", in4(free, kIpIp)},
      {"another address inside", in6(foreign, kIpv6InIp)},
      {"UDP inside", in4(datagram, kIpIp)},
      {"a later fragment inside", in4(later, kIpIp)},
      {"an echo request inside", in4(echo, kIpIp)},
      {"another address outside", in4(inner4_, kIpIp, kOther4)},
      {"a service address outside", in4(inner4_, kIpIp, kService4)},
      {"a tunnel in a tunnel", in4(twice, kIpIp)},
      {"a tunnel in a tunnel, owned inside", in4(twice_owned, kIpIp)},
      {"a fragment of a tunnel", ethernet(kIpv4, ipv4(kBalancer4, kShared4, kIpIp, inner4_, first))},
      {"GRE", in4(inner4_, 47)},
      {"VLAN 7", ethernet(kVlan, tag(7, kIpv4, ipv4(kBalancer4, kShared4, kIpIp, inner4_)))},
      {"v6 that says to be v4", in4(inner6_, kIpIp), Expected::kMalformed},
      {"inner length behind the outer end", in4(with(inner4_, 3, 200), kIpIp), Expected::kMalformed},
      {"inner TCP cut off", in6(ipv6(kClient6, kService6, kTcp, Octets(19)), kIpv6InIp), Expected::kMalformed},
      {"nothing inside", in4({}, kIpIp), Expected::kMalformed},
      {"owned outside, a free port inside", in4(free, kIpIp, kOwned4), Expected::kOurs},
  });
}

TEST_F(TunnelTest, tunnels_end_here_only_when_they_may) {
  load(steering(false));
  const Outcome outcome = run_packet(in4(inner4_, kIpIp));
  EXPECT_EQ(outcome.verdict, XDP_PASS);
  EXPECT_EQ(outcome.frame, in4(inner4_, kIpIp));
}

TEST_F(TunnelTest, the_link_address_stays_where_the_kernel_does_not_tell) {
  forward(false);
  const Outcome outcome = run_packet(in4(inner4_, kIpIp));
  EXPECT_EQ(outcome.verdict, XDP_REDIRECT);
  EXPECT_EQ(outcome.frame, out4(inner4_, kPeerMac));
}

TEST_F(TunnelTest, a_tunnel_whose_headers_cannot_be_taken_off_is_dropped) {
  const Octets packet = in4(inner4_, kIpIp);
  if (!runs_split(packet)) GTEST_SKIP() << "this kernel fills a first buffer before it takes a second (Linux 6.18)";
  const Outcome outcome = run_packet(packet, 30);
  expect_counted(outcome, packet.size());
  EXPECT_EQ(outcome.verdict, XDP_DROP);
  EXPECT_EQ(outcome.moved.dropped, 1U);
}

}  // namespace
}  // namespace windhover::bpf
