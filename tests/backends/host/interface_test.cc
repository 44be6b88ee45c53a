#include "backends/host/interface.h"

#include <algorithm>
#include <string>

#include "stack/base/setup_error.h"
#include "tests/backends/host/own_namespace.h"

namespace windhover::backends::host {
namespace {

using stack::base::SetupError;
using stack::wire::Address;

class InterfaceTest : public OwnNamespace {
 protected:
  /// The address on the interface, which must be there.
  static AssignedAddress assigned(const Interface& interface, const char* text) {
    const auto at = std::ranges::find(interface.addresses, *Address::parse(text), &AssignedAddress::address);
    if (at != interface.addresses.end()) return *at;
    ADD_FAILURE() << text << " is not there";
    return {};
  }

  static int refusal(const std::string& name) {
    try {
      query_interface(name);
    } catch (const SetupError& error) {
      EXPECT_NE(error.remedy().find("ip link show"), std::string::npos);
      return error.error();
    }
    ADD_FAILURE() << "no exception";
    return 0;
  }
};

TEST_F(InterfaceTest, veth_tells_what_it_is) {
  run("ip link add s0 address 02:00:00:00:00:01 numrxqueues 4 numtxqueues 4 type veth peer name c0 numrxqueues 4 "
      "numtxqueues 4 && ip link set s0 mtu 1400 && ip link set s0 up");
  const Interface interface = query_interface("s0");
  EXPECT_GT(interface.index, 0);
  EXPECT_EQ(interface.name, "s0");
  EXPECT_EQ(interface.mac.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(interface.mtu, 1400u);
  EXPECT_EQ(interface.mtu_max, 65535u);
  EXPECT_TRUE(interface.up);
  EXPECT_TRUE(interface.ethernet);
  EXPECT_EQ(interface.driver, "veth");
  EXPECT_TRUE(interface.is_virtual());
  EXPECT_EQ(interface.receive_queues, 4u);
  EXPECT_EQ(interface.transmit_queues, 4u);
  EXPECT_EQ(interface.queues_max, 4u);
  EXPECT_FALSE(interface.combined_queues);
  EXPECT_TRUE(interface.tso);
  EXPECT_TRUE(interface.transmit_checksum);
  EXPECT_FALSE(interface.numa_node.has_value());
}

TEST_F(InterfaceTest, queues_in_use_are_fewer_than_could_be) {
  run("ip link add s0 numrxqueues 4 numtxqueues 4 type veth peer name c0 && ethtool -L s0 rx 3 tx 2");
  const Interface interface = query_interface("s0");
  EXPECT_EQ(interface.receive_queues, 3u);
  EXPECT_EQ(interface.transmit_queues, 2u);
  EXPECT_EQ(interface.queues_max, 4u);
}

TEST_F(InterfaceTest, offloads_switched_off_are_off) {
  run("ip link add s0 type veth peer name c0 && ethtool -K s0 tso off");
  EXPECT_FALSE(query_interface("s0").tso);
  EXPECT_TRUE(query_interface("s0").transmit_checksum);
  run("ethtool -K s0 tx off");
  EXPECT_FALSE(query_interface("s0").transmit_checksum);
}

TEST_F(InterfaceTest, forwarding_is_told_by_family) {
  run("ip link add s0 type veth peer name c0 && sysctl -q -w net.ipv6.conf.s0.forwarding=0 "
      "net.ipv4.conf.s0.forwarding=1");
  EXPECT_TRUE(query_interface("s0").forwards_v4);
  EXPECT_FALSE(query_interface("s0").forwards_v6);
  run("sysctl -q -w net.ipv6.conf.s0.forwarding=1 net.ipv4.conf.s0.forwarding=0");
  EXPECT_FALSE(query_interface("s0").forwards_v4);
  EXPECT_TRUE(query_interface("s0").forwards_v6);
}

TEST_F(InterfaceTest, driver_tells_its_xdp_features) {
  run("ip link add s0 type veth peer name c0");
  const Interface interface = query_interface("s0");
  if (!interface.xdp) GTEST_SKIP() << "the kernel has no netdev family (Linux 6.3)";
  EXPECT_TRUE(interface.xdp->native);
  EXPECT_TRUE(interface.xdp->multi_buffer);
  EXPECT_FALSE(interface.xdp->zero_copy);
  EXPECT_EQ(interface.xdp->zero_copy_segments_max, 1u);
}

TEST_F(InterfaceTest, addresses_of_both_families_are_listed) {
  run("ip link add s0 type veth peer name c0 && ip address add 10.1.0.1/24 dev s0 && ip address add 10.1.0.9/32 dev s0 "
      "&& ip address add fd01::1/64 dev s0 nodad && ip address add 10.2.0.1/24 dev c0");
  const Interface interface = query_interface("s0");
  EXPECT_EQ(interface.addresses.size(), 3u);
  EXPECT_EQ(assigned(interface, "10.1.0.1").prefix_length, 24);
  EXPECT_EQ(assigned(interface, "10.1.0.9").prefix_length, 32);
  EXPECT_EQ(assigned(interface, "fd01::1").prefix_length, 64);
  EXPECT_FALSE(assigned(interface, "fd01::1").tentative);
}

TEST_F(InterfaceTest, address_of_a_far_end_is_not_ours) {
  run("ip link add s0 type veth peer name c0 && ip address add 10.1.0.1 peer 10.1.0.2 dev s0 && "
      "ip address add fd01::1 peer fd01::2 dev s0 nodad");
  const Interface interface = query_interface("s0");
  EXPECT_EQ(interface.addresses.size(), 2u);
  assigned(interface, "10.1.0.1");
  assigned(interface, "fd01::1");
}

TEST_F(InterfaceTest, address_before_its_detection_is_tentative) {
  run("ip link add s0 type veth peer name c0 && ip address add fd01::1/64 dev s0 && ip address add fd01::2/64 dev s0 "
      "nodad");
  const Interface interface = query_interface("s0");  // Down: detection does not begin.
  EXPECT_FALSE(interface.up);
  EXPECT_TRUE(assigned(interface, "fd01::1").tentative);
}

TEST_F(InterfaceTest, loopback_is_not_ethernet) {
  const Interface interface = query_interface("lo");
  EXPECT_FALSE(interface.ethernet);
  EXPECT_FALSE(interface.up);
  EXPECT_TRUE(interface.mac.is_zero());
  EXPECT_EQ(interface.receive_queues, 1u);
  EXPECT_EQ(interface.transmit_queues, 1u);
  EXPECT_EQ(interface.queues_max, 1u);
  EXPECT_FALSE(interface.is_virtual());
}

TEST_F(InterfaceTest, name_of_nothing_is_refused) {
  EXPECT_EQ(refusal("s0"), ENODEV);
  EXPECT_EQ(refusal(""), ENODEV);
  EXPECT_EQ(refusal(std::string(200, 'x')), ENODEV);
}

TEST_F(InterfaceTest, nothing_here_needs_privilege) {
  run("ip link add s0 type veth peer name c0");
  ASSERT_EQ(seteuid(65534), 0);
  const Interface interface = query_interface("s0");
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(interface.driver, "veth");
  EXPECT_TRUE(interface.tso);
}

}  // namespace
}  // namespace windhover::backends::host
