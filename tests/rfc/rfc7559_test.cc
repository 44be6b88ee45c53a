// RFC 7559: routers are asked for again when the one that answered has fallen silent.

#include <algorithm>

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

constexpr std::uint8_t kRouterSolicitation = 133;
constexpr std::uint8_t kRouterAdvertisement = 134;
constexpr std::size_t kTypeAt = 14 + 40;  // Behind the Ethernet and IPv6 headers.

std::ptrdiff_t solicitations(Machine& machine) {
  const std::vector<Sent> sent = machine.output();
  return std::count_if(sent.begin(), sent.end(), [](const Sent& one) {
    return one.octets.size() > kTypeAt && one.octets[kTypeAt] == kRouterSolicitation;
  });
}

TEST(Rfc7559, router_is_asked_again_when_three_quarters_of_its_lifetime_have_passed_2) {
  Config searching = config();
  searching.gateway_v6.reset();
  Machine machine(on_ethernet(), searching);
  EXPECT_EQ(solicitations(machine), 1);
  const Address router = address("fe80::1");
  constexpr std::uint32_t kLifetime = 1800;
  machine.packet(
      packets::ipv6(router, kAllNodes, 58,
                    packets::icmpv6(router, kAllNodes, kRouterAdvertisement, 0, 64U << 24 | kLifetime, Octets(8, 0)),
                    255),
      Checksum::kNone, kAllNodesMac);
  machine.at(1349s);
  EXPECT_EQ(solicitations(machine), 0);
  machine.at(1350s);
  EXPECT_EQ(solicitations(machine), 1);
}

}  // namespace
}  // namespace windhover::stack::ip
