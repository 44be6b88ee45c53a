// RFC 8200: IPv6, as far as no other test has it.

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

Octets packet_with(std::uint8_t hop_limit) {
  return packets::ipv6(kPeer6, kOurs6, 6, packets::tcp(1, 80, 7), hop_limit);
}

TEST(Rfc8200, hop_limit_is_no_matter_at_the_destination_3) {
  for (const std::uint8_t hop_limit : std::initializer_list<std::uint8_t>{0, 1, 255}) {
    Machine machine(on_tun());
    EXPECT_TRUE(std::holds_alternative<Packet>(machine.packet(packet_with(hop_limit)))) << int{hop_limit};
    EXPECT_TRUE(machine.output().empty());
  }
}

TEST(Rfc8200, flow_label_and_traffic_class_of_a_packet_mean_nothing_6_7) {
  Machine machine(on_tun());
  Octets packet = packet_with(64);
  packet[0] = 0x6f;
  packet[1] = 0xcf;
  packet[2] = packet[3] = 0xff;
  EXPECT_TRUE(std::holds_alternative<Packet>(machine.packet(packet)));
}

TEST(Rfc8200, node_that_is_no_router_does_not_forward_3) {
  Machine machine(on_ethernet());
  machine.output();
  machine.packet(packets::ipv6(kPeer6, kFar6, 6, packets::tcp(1, 80, 7)));
  EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 1U);
  EXPECT_TRUE(machine.output().empty());
}

}  // namespace
}  // namespace windhover::stack::ip
