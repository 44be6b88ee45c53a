// RFC 1122, section 3: what a host's internet layer must do, as far as no other test has it.

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

Octets segment() { return packets::tcp(1, 80, 7); }

std::uint8_t type_of_service(const Sent& sent) { return sent.octets[1]; }

TEST(Rfc1122, error_has_an_ordinary_type_of_service_3_2_2) {
  Machine machine(on_tun());
  machine.reject(machine.packet(
      packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 132, .traffic_class = 0xb8}, Octets(8, 1))));
  EXPECT_EQ(type_of_service(machine.only()), 0);
}

TEST(Rfc1122, loopback_addresses_are_not_received_3_2_1_3) {
  Machine machine(on_tun());
  for (const char* loopback : {"127.0.0.1", "127.255.255.254"}) {
    machine.packet(packets::ipv4({.source = kPeer4, .destination = address(loopback)}, segment()));
    machine.packet(packets::ipv4({.source = address(loopback), .destination = kOurs4}, segment()));
  }
  EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 2U);
  EXPECT_EQ(machine.drops(Drop::kIpBadSource), 2U);
  EXPECT_EQ(machine.handed_up, 0U);
  EXPECT_TRUE(machine.output().empty());
}

TEST(Rfc1122, address_of_no_network_is_nobody_s_3_2_1_3) {
  Machine machine(on_tun());
  for (const char* nobody : {"0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "240.0.0.1", "10.66.0.255"}) {
    machine.packet(packets::ipv4({.source = address(nobody), .destination = kOurs4}, segment()));
  }
  EXPECT_EQ(machine.drops(Drop::kIpBadSource), 6U);
  EXPECT_TRUE(machine.output().empty());
}

TEST(Rfc1122, obsolete_requests_are_not_answered_3_2_2_7) {
  Machine machine(on_tun());
  constexpr std::uint8_t kTimestamp = 13, kInformation = 15, kMask = 17;
  for (const std::uint8_t type : {kTimestamp, kInformation, kMask}) {
    machine.packet(packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1},
                                 packets::icmpv4(type, 0, 0x00010001, Octets(12, 0))));
  }
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 3U);
  EXPECT_TRUE(machine.output().empty());
}

TEST(Rfc1122, host_does_not_forward_3_3_1) {
  Machine machine(on_ethernet());
  machine.output();
  machine.packet(packets::ipv4({.source = kPeer4, .destination = kFar4}, segment()));
  EXPECT_EQ(machine.drops(Drop::kIpNotForUs), 1U);
  EXPECT_TRUE(machine.output().empty());
}

TEST(Rfc1122, largest_datagram_that_must_be_received_is_3_3_2) {
  Machine machine(on_tun());
  EXPECT_TRUE(std::holds_alternative<Packet>(
      machine.packet(packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17}, Octets(576 - 20, 1)))));
}

}  // namespace
}  // namespace windhover::stack::ip
