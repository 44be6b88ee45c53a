#include "backends/host/monitor.h"

#include <poll.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/backends/host/own_namespace.h"

namespace windhover::backends::host {
namespace {

using stack::wire::Address;
using Kind = Change::Kind;

constexpr int kTimeoutMs = 5000;
constexpr int kReadsMax = 1000;

AssignedAddress assigned(const char* text, std::uint8_t prefix_length) {
  return {*Address::parse(text), prefix_length, false};
}

class MonitorTest : public OwnNamespace {
 protected:
  void SetUp() override {
    OwnNamespace::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1");  // No link-local addresses of the kernel's own.
    run("ip link add s0 mtu 1500 type veth peer name c0 && ip link set c0 up");
  }

  /// Reads until `last` has come, or too long nothing.
  static std::vector<Change> read_until(Monitor& monitor, const Change& last) {
    std::vector<Change> all;
    for (int count = 0; count < kReadsMax; ++count) {
      const std::vector<Change> some = monitor.read();
      all.insert(all.end(), some.begin(), some.end());
      if (std::ranges::find(all, last) != all.end()) return all;
      pollfd waiting{monitor.fd(), POLLIN, 0};
      if (poll(&waiting, 1, kTimeoutMs) != 1) break;
    }
    ADD_FAILURE() << "it did not come";
    return all;
  }
  /// Without what the carrier did, which comes when it comes.
  static std::vector<Change> but_for_the_carrier(std::vector<Change> changes) {
    std::erase_if(changes,
                  [](const Change& one) { return one.kind == Kind::kCarrier || one.kind == Kind::kNoCarrier; });
    return changes;
  }
  static void expect_next(Monitor& monitor, const Change& change) {
    EXPECT_EQ(read_until(monitor, change), std::vector<Change>{change});
  }
};

TEST_F(MonitorTest, up_down_and_mtu_are_told_once) {
  Monitor monitor(query_interface("s0"));
  EXPECT_TRUE(monitor.read().empty());
  run("ip link set s0 up");
  const Change carrier{.kind = Kind::kCarrier, .address = {}};
  EXPECT_EQ(read_until(monitor, carrier), (std::vector<Change>{{.kind = Kind::kUp, .address = {}}, carrier}));
  run("ip link set s0 mtu 9000");
  expect_next(monitor, {.kind = Kind::kMtu, .mtu = 9000, .address = {}});
  run("ip link set s0 txqueuelen 77");  // Not one of ours.
  run("ip link set s0 down");
  expect_next(monitor, {.kind = Kind::kDown, .address = {}});
  EXPECT_TRUE(monitor.read().empty());
}

TEST_F(MonitorTest, carrier_that_goes_and_returns_is_told) {
  run("ip link set s0 up");
  Monitor monitor(query_interface("s0"));
  for (int times = 0; times < 2; ++times) {
    run("ip link set c0 down");
    read_until(monitor, {.kind = Kind::kNoCarrier, .address = {}});
    run("ip link set c0 up");
    expect_next(monitor, {.kind = Kind::kCarrier, .address = {}});
  }
}

TEST_F(MonitorTest, addresses_come_and_go) {
  Monitor monitor(query_interface("s0"));
  run("ip address add 10.1.0.1/24 dev s0");
  expect_next(monitor, {.kind = Kind::kAddressAdded, .address = assigned("10.1.0.1", 24)});
  run("ip address add fd01::1/64 dev s0 nodad && ip link set s0 up");
  read_until(monitor, {.kind = Kind::kAddressAdded, .address = assigned("fd01::1", 64)});
  run("ip address del 10.1.0.1/24 dev s0");
  read_until(monitor, {.kind = Kind::kAddressRemoved, .address = assigned("10.1.0.1", 24)});
}

TEST_F(MonitorTest, tentative_address_comes_when_its_detection_has_ended) {
  run("ip address add fd01::1/64 dev s0");
  const Interface known = query_interface("s0");
  ASSERT_EQ(known.addresses.size(), 1u);
  ASSERT_TRUE(known.addresses[0].tentative);
  Monitor monitor(known);
  EXPECT_TRUE(monitor.read().empty());
  run("ip link set s0 up");
  const Change added{.kind = Kind::kAddressAdded, .address = assigned("fd01::1", 64)};
  const std::vector<Change> changes = but_for_the_carrier(read_until(monitor, added));
  EXPECT_EQ(changes, (std::vector<Change>{{.kind = Kind::kUp, .address = {}}, added}));
}

TEST_F(MonitorTest, what_changed_since_the_snapshot_is_told_by_the_first_read) {
  run("ip address add 10.1.0.1/24 dev s0");
  const Interface known = query_interface("s0");
  run("ip address add 10.1.0.2/24 dev s0 && ip link set s0 up mtu 1400 && ip address del 10.1.0.1/24 dev s0 && "
      "ip address add 10.1.0.3/24 dev s0");
  Monitor monitor(known);
  const std::vector<Change> changes = but_for_the_carrier(monitor.read());
  EXPECT_EQ(changes, (std::vector<Change>{{.kind = Kind::kUp, .address = {}},
                                          {.kind = Kind::kMtu, .mtu = 1400, .address = {}},
                                          {.kind = Kind::kAddressRemoved, .address = assigned("10.1.0.1", 24)},
                                          {.kind = Kind::kAddressAdded, .address = assigned("10.1.0.3", 24)}}));
}

TEST_F(MonitorTest, other_interfaces_are_not_ours) {
  Monitor monitor(query_interface("s0"));
  run("ip address add 10.1.0.1/24 dev c0 && ip link set c0 mtu 1400 && ip link add s1 type veth peer name c1 && "
      "ip link delete s1");
  run("ip link set s0 mtu 1300");
  expect_next(monitor, {.kind = Kind::kMtu, .mtu = 1300, .address = {}});
}

TEST_F(MonitorTest, port_that_leaves_a_bridge_is_not_gone) {
  if (std::system("ip link add b0 type bridge 2> /dev/null") != 0) GTEST_SKIP() << "the kernel has no bridges";
  Monitor monitor(query_interface("s0"));
  run("ip link set s0 master b0 && ip link set s0 nomaster && ip link set s0 mtu 1300");
  expect_next(monitor, {.kind = Kind::kMtu, .mtu = 1300, .address = {}});
}

TEST_F(MonitorTest, deleted_interface_is_gone_and_nothing_follows) {
  Monitor monitor(query_interface("s0"));
  run("ip link delete s0");
  const std::vector<Change> changes = read_until(monitor, {.kind = Kind::kGone, .address = {}});
  EXPECT_EQ(changes.back().kind, Kind::kGone);
  run("ip link add s0 type veth peer name c0");
  EXPECT_TRUE(monitor.read().empty());
}

TEST_F(MonitorTest, interface_that_went_before_the_first_read_is_gone) {
  const Interface known = query_interface("s0");
  run("ip link delete s0");
  Monitor monitor(known);
  EXPECT_EQ(monitor.read(), (std::vector<Change>{{.kind = Kind::kGone, .address = {}}}));
}

TEST_F(MonitorTest, lost_messages_are_made_up_for_by_asking_again) {
  Monitor monitor(query_interface("s0"));
  EXPECT_TRUE(monitor.read().empty());
  // A message takes more than a kilobyte of the socket's buffer, which has some two hundred.
  run("for i in $(seq 400); do echo link set s0 mtu $((1400 + i % 2)); done | ip -batch -");
  run("ip address add 10.1.0.1/24 dev s0 && ip link set s0 mtu 1300");
  std::vector<Change> changes;
  pollfd waiting{monitor.fd(), POLLIN, 0};
  for (int count = 0; count < kReadsMax && poll(&waiting, 1, 0) == 1; ++count) {
    const std::vector<Change> some = monitor.read();
    changes.insert(changes.end(), some.begin(), some.end());
  }
  EXPECT_LT(changes.size(), 400u);
  EXPECT_EQ(std::ranges::count(changes, Change{.kind = Kind::kMtu, .mtu = 1300, .address = {}}), 1);
  EXPECT_EQ(std::ranges::count(changes, Kind::kAddressAdded, &Change::kind), 1);
  EXPECT_NE(changes.back().mtu, 1400u);
  EXPECT_NE(changes.back().mtu, 1401u);
}

}  // namespace
}  // namespace windhover::backends::host
