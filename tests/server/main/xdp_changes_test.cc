#include "server/main/xdp_changes.h"

#include <gtest/gtest.h>

namespace windhover::server::main {
namespace {

using backends::host::Change;
using Kind = Change::Kind;
using stack::wire::Address;

/// eth1 with MTU 1500; 10.0.0.1 is the server's.
std::string said(const Change& change, bool shared = true) {
  backends::host::Interface start;
  start.name = "eth1";
  start.mtu = 1500;
  stack::ip::Config ours;
  ours.addresses = {{Address::parse("10.0.0.1").value(), 24}};
  return consequence_of(change, start, ours, shared);
}

Change about(Kind kind, std::string_view address) { return {kind, 0, {Address::parse(address).value(), 24}}; }
Change link(Kind kind, std::uint32_t mtu = 0) { return {kind, mtu, {}}; }

TEST(XdpChanges, OfTheLink_AreSaidWithWhatFollows) {
  EXPECT_EQ(said(link(Kind::kDown)),
            "eth1 is down: nothing arrives and nothing leaves until it is up again (ip link set eth1 up).");
  EXPECT_EQ(said(link(Kind::kUp)), "eth1 is up.");
  EXPECT_TRUE(said(link(Kind::kNoCarrier)).starts_with("eth1 has no carrier: nothing arrives"));
  EXPECT_EQ(said(link(Kind::kCarrier)), "eth1 has a carrier.");
  EXPECT_EQ(said(link(Kind::kCarrier), false), "eth1 has a carrier: the server's addresses are announced.");
  EXPECT_EQ(said(link(Kind::kGone)), "eth1 is gone.");
  EXPECT_EQ(
      said(link(Kind::kMtu, 1400)),
      "The MTU of eth1 is 1400 now and was 1500 at the start: larger packets are lost. Restart the server, or set "
      "it back: ip link set eth1 mtu 1500.");
  EXPECT_NE(said(link(Kind::kMtu, 9000)).find("goes on with packets of its old MTU"), std::string::npos);
  EXPECT_EQ(said(link(Kind::kMtu, 1500)), "The MTU of eth1 is 1500 again.");
}

TEST(XdpChanges, OfSharedAddresses_AreSaid) {
  EXPECT_TRUE(said(about(Kind::kAddressRemoved, "10.0.0.1")).starts_with("10.0.0.1 was taken from eth1: clients"));
  EXPECT_TRUE(said(about(Kind::kAddressAdded, "10.0.0.9")).starts_with("10.0.0.9 is new on eth1 and not served"));
  EXPECT_EQ(said(about(Kind::kAddressRemoved, "10.0.0.9")), "");
  EXPECT_EQ(said(about(Kind::kAddressAdded, "10.0.0.1")), "");
}

TEST(XdpChanges, OfTheHostsAddresses_MatterToOwnedOnesOnlyWhenTheyAreTheSame) {
  EXPECT_NE(said(about(Kind::kAddressAdded, "10.0.0.1"), false).find("ip address delete 10.0.0.1/24 dev eth1"),
            std::string::npos);
  EXPECT_EQ(said(about(Kind::kAddressAdded, "10.0.0.9"), false), "");
  EXPECT_EQ(said(about(Kind::kAddressRemoved, "10.0.0.9"), false), "");
}

}  // namespace
}  // namespace windhover::server::main
