#include "server/main/xdp_addresses.h"

#include <gtest/gtest.h>

#include "server/main/settings_formats.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using backends::host::AssignedAddress;
using backends::xdp::Role;
using stack::base::SetupError;
using stack::ip::InterfaceAddress;
using stack::wire::Address;

Address address(std::string_view text) { return Address::parse(text).value(); }

AssignedAddress assigned(std::string_view text, bool tentative = false) {
  const auto parsed = parse_prefixed<InterfaceAddress>(text).value();
  return {parsed.address, parsed.prefix_length, tentative};
}

backends::host::Interface interface_with(std::vector<AssignedAddress> addresses) {
  backends::host::Interface interface;
  interface.name = "eth1";
  interface.mtu = 1500;
  interface.mac = stack::wire::MacAddress::parse("02:00:00:00:00:07").value();
  interface.addresses = std::move(addresses);
  interface.forwards_v4 = interface.forwards_v6 = true;
  return interface;
}

Settings xdp_settings() {
  Settings settings;
  settings.backend = BackendType::kXdp;
  settings.xdp.interface = "eth1";
  settings.stack.ip.addresses.clear();
  return settings;
}

/// What is steered, as text: "shared 10.0.0.1".
std::vector<std::string> steered(const XdpAddresses& plan) {
  std::vector<std::string> all;
  for (const auto& each : plan.steering.addresses) {
    const char* const role = each.role == Role::kOwned ? "owned " : each.role == Role::kShared ? "shared " : "service ";
    all.push_back(role + each.address.to_string());
  }
  return all;
}

std::vector<std::string> taken(const XdpAddresses& plan) {
  std::vector<std::string> all;
  for (const auto& endpoint : plan.steering.endpoints) all.push_back(endpoint.to_string());
  return all;
}

using Lines = std::vector<std::string>;

TEST(XdpAddresses, Shared_AreTheInterfacesOwn) {
  const auto interface = interface_with({assigned("10.0.0.1/24"), assigned("10.0.0.1/16"), assigned("fd00::1/64")});
  const XdpAddresses plan = plan_xdp_addresses(xdp_settings(), interface);
  EXPECT_EQ(steered(plan), (Lines{"shared 10.0.0.1", "shared fd00::1"}));
  EXPECT_EQ(taken(plan), (Lines{"10.0.0.1:8080", "[fd00::1]:8080"}));
  ASSERT_EQ(plan.ip.addresses.size(), 2U);
  EXPECT_EQ(plan.ip.addresses[0].prefix_length, 24);
  EXPECT_TRUE(plan.ip.reply_to_sender);
  EXPECT_EQ(plan.ip.mac, interface.mac);
  EXPECT_TRUE(plan.groups.empty());
  EXPECT_TRUE(plan.notes.empty());
  EXPECT_FALSE(plan.steering.tunnels);
}

TEST(XdpAddresses, Shared_OnAnInterfaceWithoutAny_AreRefused) {
  EXPECT_THROW(plan_xdp_addresses(xdp_settings(), interface_with({})), SetupError);
}

TEST(XdpAddresses, Shared_ThatAreNotReady_AreSaid_ButForLinkLocalOnes) {
  const XdpAddresses plan =
      plan_xdp_addresses(xdp_settings(), interface_with({assigned("fd00::1/64", true), assigned("fe80::1/64", true)}));
  EXPECT_EQ(plan.ip.addresses.size(), 2U);
  ASSERT_EQ(plan.notes.size(), 1U);
  EXPECT_TRUE(plan.notes.front().starts_with("fd00::1 of eth1 is not ready"));
}

TEST(XdpAddresses, Shared_MoreThanTheStackHolds_AreLeftToTheHost) {
  std::vector<AssignedAddress> many;
  for (int i = 1; i <= 17; ++i) many.push_back(assigned("10.0.0." + std::to_string(i) + "/24"));
  Settings settings = xdp_settings();
  EXPECT_EQ(plan_xdp_addresses(settings, interface_with(many)).ip.addresses.size(), 16U);
  EXPECT_EQ(plan_xdp_addresses(settings, interface_with(many)).notes.size(), 1U);
  settings.service_addresses = {address("192.0.2.1")};
  const XdpAddresses plan = plan_xdp_addresses(settings, interface_with(many));
  EXPECT_EQ(plan.ip.addresses.size(), 16U);
  EXPECT_EQ(plan.ip.addresses.back().address, address("192.0.2.1"));
  EXPECT_EQ(plan.notes.size(), 2U);
}

TEST(XdpAddresses, Owned_AreTheSettings_WithTheGroupsOfIpv6) {
  Settings settings = xdp_settings();
  settings.stack.ip.addresses = {{address("10.0.0.2"), 24}, {address("fd00::1:2:3"), 64}};
  settings.stack.ip.gateway_v4 = address("10.0.0.254");
  const auto interface = interface_with({assigned("10.0.0.1/24")});
  const XdpAddresses plan = plan_xdp_addresses(settings, interface);
  EXPECT_EQ(steered(plan), (Lines{"owned 10.0.0.2", "owned fd00::1:2:3"}));
  EXPECT_FALSE(plan.ip.reply_to_sender);
  EXPECT_EQ(plan.ip.gateway_v4, address("10.0.0.254"));
  EXPECT_EQ(plan.ip.mac, interface.mac);
  ASSERT_EQ(plan.groups.size(), 2U);
  EXPECT_EQ(plan.groups[0].to_string(), "33:33:ff:02:00:03");
  EXPECT_EQ(plan.groups[1].to_string(), "33:33:00:00:00:01");
}

TEST(XdpAddresses, Owned_ThatTheHostHasToo_AreRefused) {
  Settings settings = xdp_settings();
  settings.stack.ip.addresses = {{address("10.0.0.1"), 24}};
  EXPECT_THROW(plan_xdp_addresses(settings, interface_with({assigned("10.0.0.1/24")})), SetupError);
}

TEST(XdpAddresses, OwnedOfIpv6_NeedItsLeastMtu) {
  Settings settings = xdp_settings();
  settings.stack.ip.addresses = {{address("fd00::2"), 64}};
  auto interface = interface_with({});
  interface.mtu = 1280;
  EXPECT_EQ(plan_xdp_addresses(settings, interface).ip.addresses.size(), 1U);
  interface.mtu = 1279;
  EXPECT_THROW(plan_xdp_addresses(settings, interface), SetupError);
}

TEST(XdpAddresses, OfAService_AreQuiet_AndOpenTunnels) {
  Settings settings = xdp_settings();
  settings.service_addresses = {address("192.0.2.80"), address("2001:db8::80")};
  const XdpAddresses plan = plan_xdp_addresses(settings, interface_with({assigned("10.0.0.1/24")}));
  EXPECT_EQ(steered(plan), (Lines{"shared 10.0.0.1", "service 192.0.2.80", "service 2001:db8::80"}));
  EXPECT_EQ(taken(plan), (Lines{"10.0.0.1:8080", "192.0.2.80:8080", "[2001:db8::80]:8080"}));
  EXPECT_TRUE(plan.steering.tunnels);
  ASSERT_EQ(plan.ip.addresses.size(), 3U);
  EXPECT_FALSE(plan.ip.addresses[0].quiet);
  EXPECT_TRUE(plan.ip.addresses[1].quiet);
  EXPECT_EQ(plan.ip.addresses[1].prefix_length, 32);
  EXPECT_EQ(plan.ip.addresses[2].prefix_length, 128);

  settings.service_addresses = {address("10.0.0.1")};
  EXPECT_THROW(plan_xdp_addresses(settings, interface_with({assigned("10.0.0.1/24")})), SetupError);
}

TEST(XdpAddresses, OfAService_AskForForwarding_InTheFamilyThatLacksIt) {
  Settings settings = xdp_settings();
  auto interface = interface_with({assigned("10.0.0.1/24")});
  interface.forwards_v4 = interface.forwards_v6 = false;
  EXPECT_TRUE(plan_xdp_addresses(settings, interface).notes.empty());
  settings.service_addresses = {address("192.0.2.80")};
  ASSERT_EQ(plan_xdp_addresses(settings, interface).notes.size(), 1U);
  EXPECT_NE(plan_xdp_addresses(settings, interface).notes[0].find("net.ipv4.conf.eth1.forwarding=1"),
            std::string::npos);
  interface.forwards_v4 = true;
  EXPECT_TRUE(plan_xdp_addresses(settings, interface).notes.empty());
  settings.service_addresses.push_back(address("2001:db8::80"));
  ASSERT_EQ(plan_xdp_addresses(settings, interface).notes.size(), 1U);
  EXPECT_NE(plan_xdp_addresses(settings, interface).notes[0].find("net.ipv6.conf.eth1.forwarding=1"),
            std::string::npos);
}

TEST(XdpAddresses, AnEndpointElsewhere_IsRefusedByName) {
  Settings settings = xdp_settings();
  settings.endpoints = {{"web", {"http", "10.0.0.1", 80}}};
  const auto interface = interface_with({assigned("10.0.0.1/24"), assigned("10.0.0.2/24")});
  EXPECT_EQ(taken(plan_xdp_addresses(settings, interface)), Lines{"10.0.0.1:80"});
  settings.endpoints.front().url.host = "10.0.0.3";
  try {
    plan_xdp_addresses(settings, interface);
    FAIL() << "10.0.0.3 is nobody's";
  } catch (const SetupError& error) {
    EXPECT_EQ(error.call(),
              "endpoints.web.url: \"10.0.0.3\" is not an address of the stack: write *, 10.0.0.1, 10.0.0.2");
  }
}

}  // namespace
}  // namespace windhover::server::main
