#include "stack/ip/interface.h"

#include <gtest/gtest.h>

#include "stack/base/setup_error.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

using base::SetupError;
using link::Medium;

Interface on_link(const Config& from = config()) { return Interface(from, Medium::kEthernet); }

Config with(std::string_view text, std::uint8_t prefix_length) {
  Config made = config();
  made.addresses = {{address(text), prefix_length}};
  made.gateway_v4.reset();
  made.gateway_v6.reset();
  return made;
}

TEST(Interface, impossible_addresses_are_refused) {
  for (const auto& [text, length] : std::initializer_list<std::pair<const char*, std::uint8_t>>{{"10.66.0.2", 33},
                                                                                                {"fd66::2", 129},
                                                                                                {"0.0.0.0", 24},
                                                                                                {"::", 64},
                                                                                                {"224.0.0.1", 24},
                                                                                                {"ff02::1", 64},
                                                                                                {"127.0.0.1", 8},
                                                                                                {"::1", 128},
                                                                                                {"240.0.0.1", 24},
                                                                                                {"255.255.255.255", 32},
                                                                                                {"10.66.0.255", 24},
                                                                                                {"10.66.0.0", 24}}) {
    EXPECT_THROW(on_link(with(text, length)), SetupError) << text << "/" << int{length};
  }
  EXPECT_NO_THROW(on_link(with("10.66.0.0", 31)));  // RFC 3021.
  EXPECT_NO_THROW(on_link(with("10.66.0.255", 32)));
}

TEST(Interface, contradictions_are_refused) {
  Config twice = config();
  twice.addresses.push_back({kOurs4, 16});
  EXPECT_THROW(on_link(twice), SetupError);

  Config many = config();
  for (std::uint32_t i = 0; i < kAddressesMax; ++i) many.addresses.push_back({Address::v4(0x0a420010 + i), 24});
  EXPECT_THROW(on_link(many), SetupError);

  Config no_mac = config();
  no_mac.mac = {};
  EXPECT_THROW(on_link(no_mac), SetupError);
  no_mac.mac = wire::kBroadcast;
  EXPECT_THROW(on_link(no_mac), SetupError);
  EXPECT_NO_THROW(Interface(no_mac, Medium::kIp));

  Config gateway = config();
  gateway.gateway_v4 = kOurs4;
  EXPECT_THROW(on_link(gateway), SetupError);
  gateway.gateway_v4 = kPeer6;
  EXPECT_THROW(on_link(gateway), SetupError);
}

TEST(Interface, route_on_link_is_direct_and_elsewhere_by_the_gateway) {
  const Interface interface = on_link();
  const auto near = interface.route(kPeer4, {});
  ASSERT_TRUE(near);
  EXPECT_EQ(near->source, kOurs4);
  EXPECT_EQ(near->next_hop, kPeer4);
  const auto far = interface.route(kFar4, {});
  ASSERT_TRUE(far);
  EXPECT_EQ(far->source, kOurs4);
  EXPECT_EQ(far->next_hop, address("10.66.0.254"));
  const auto far6 = interface.route(kFar6, {});
  ASSERT_TRUE(far6);
  EXPECT_EQ(far6->source, kOurs6);
  EXPECT_EQ(far6->next_hop, address("fd66::fe"));
  EXPECT_EQ(interface.route(address("fe80::1"), {})->next_hop, address("fe80::1"));
}

TEST(Interface, no_route_without_gateway_but_on_a_point_to_point_medium) {
  const Config alone = with("10.66.0.2", 24);
  EXPECT_FALSE(on_link(alone).route(kFar4, {}));
  const auto hop = Interface(alone, Medium::kIp).route(kFar4, {});
  ASSERT_TRUE(hop);
  EXPECT_EQ(hop->next_hop, kFar4);
  EXPECT_FALSE(Interface(alone, Medium::kIp).route(kFar6, {}));  // No address of that family.
}

TEST(Interface, no_route_to_what_is_nobody_s_address) {
  const Interface interface = on_link();
  for (const char* text : {"0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.1", "ff02::1", "255.255.255.255",
                           "10.66.0.255", "10.66.0.2", "fd66::2"}) {
    EXPECT_FALSE(interface.route(address(text), {})) << text;
  }
}

TEST(Interface, route_from_a_given_source) {
  Config two = config();
  two.addresses.push_back({address("10.66.0.3"), 24});
  const Interface interface = on_link(two);
  EXPECT_EQ(interface.route(kPeer4, address("10.66.0.3"))->source, address("10.66.0.3"));
  EXPECT_FALSE(interface.route(kPeer4, address("10.66.0.4")));
  EXPECT_FALSE(interface.route(kPeer4, kOurs6));
}

TEST(Interface, source_is_of_the_longest_prefix_and_the_right_scope) {
  Config many = config();
  many.addresses.push_back({address("10.66.7.2"), 16});
  many.addresses.insert(many.addresses.begin(), {address("fe80::2"), 64});
  many.gateway_v6 = address("fe80::1");
  const Interface interface = on_link(many);
  EXPECT_EQ(interface.source_for(address("10.66.0.9")), kOurs4);
  EXPECT_EQ(interface.source_for(address("10.66.9.9")), address("10.66.7.2"));
  EXPECT_EQ(interface.source_for(address("fe80::1")), address("fe80::2"));
  const auto far = interface.route(kFar6, {});
  ASSERT_TRUE(far);
  EXPECT_EQ(far->source, kOurs6);  // Not the link-local one, though the gateway is beside it.
  EXPECT_EQ(far->next_hop, address("fe80::1"));
}

TEST(Interface, groups_are_all_nodes_and_solicited_node_rfc4291_2_8) {
  const Interface interface = on_link();
  EXPECT_TRUE(interface.in_group_v6(kAllNodes));
  EXPECT_TRUE(interface.in_group_v6(address("ff01::1")));
  EXPECT_TRUE(interface.in_group_v6(address("ff02::1:ff00:2")));
  EXPECT_FALSE(interface.in_group_v6(address("ff02::1:ff00:3")));
  EXPECT_FALSE(interface.in_group_v6(address("ff02::2")));
  EXPECT_FALSE(interface.in_group_v6(address("ff05::1")));
}

}  // namespace
}  // namespace windhover::stack::ip
