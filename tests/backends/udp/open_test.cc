#include <gtest/gtest.h>

#include "stack/base/setup_error.h"
#include "tests/backends/udp/ends.h"

namespace windhover::backends::udp {
namespace {

using stack::base::SetupError;
using stack::wire::Endpoint;

int error_of(const Config& config, std::size_t lanes = 1) {
  try {
    open(config, lanes);
  } catch (const SetupError& error) {
    EXPECT_FALSE(error.remedy().empty());
    return error.error();
  }
  return 0;
}

Config with(std::vector<Endpoint> peers) {
  return {.listen = {address("127.0.0.1"), 0}, .vni = kVni, .peers = std::move(peers)};
}

const Endpoint kPeer{address("127.0.0.1"), 4789};

TEST(UdpOpenTest, port_of_another_is_refused_with_one_lane_and_with_several) {
  for (const std::size_t ours : {1U, 2U}) {
    Config config = with({kPeer});
    const Opened opened = open(config, ours);
    config.listen = opened.local;
    EXPECT_EQ(error_of(config, 1), EADDRINUSE) << ours;
    EXPECT_EQ(error_of(config, 2), EADDRINUSE) << ours;
  }
}

TEST(UdpOpenTest, address_of_another_machine_cannot_be_listened_on) {
  Config config = with({{address("192.0.2.1"), 4789}});
  config.listen.address = address("192.0.2.77");
  EXPECT_EQ(error_of(config), EADDRNOTAVAIL);
}

TEST(UdpOpenTest, peers_that_cannot_be_are_refused) {
  EXPECT_EQ(error_of(with({{address("::1"), 4789}})), EAFNOSUPPORT);
  EXPECT_EQ(error_of(with({{address("224.0.0.1"), 4789}})), EINVAL);
  EXPECT_EQ(error_of(with({{address("0.0.0.0"), 4789}})), EINVAL);
  EXPECT_EQ(error_of(with({{address("127.0.0.1"), 0}})), EINVAL);
  EXPECT_EQ(error_of(with(std::vector<Endpoint>(kPeersMax + 1, kPeer))), EINVAL);
  EXPECT_EQ(error_of(with(std::vector<Endpoint>(kPeersMax, kPeer))), 0);
}

TEST(UdpOpenTest, numbers_out_of_range_are_refused) {
  const auto refused = [](auto change) {
    Config config = with({kPeer});
    change(config);
    return error_of(config) == EINVAL;
  };
  EXPECT_TRUE(refused([](Config& config) { config.vni = 1 << 24; }));
  EXPECT_FALSE(refused([](Config& config) { config.vni = (1 << 24) - 1; }));
  EXPECT_TRUE(refused([](Config& config) { config.mtu = 575; }));
  EXPECT_FALSE(refused([](Config& config) { config.mtu = 576; }));
  EXPECT_TRUE(refused([](Config& config) { config.mtu = 65451; }));
  EXPECT_FALSE(refused([](Config& config) { config.mtu = 65450; }));
  EXPECT_TRUE(refused([](Config& config) { config.receive_frames = 127; }));
  EXPECT_FALSE(refused([](Config& config) { config.receive_frames = 128; }));
  EXPECT_TRUE(refused([](Config& config) { config.transmit_frames = 63; }));
}

TEST(UdpOpenTest, mtu_leaves_room_for_the_headers_outside) {
  EXPECT_EQ(mtu_of(with({kPeer})), 1450);
  EXPECT_EQ(mtu_of(with({kPeer, {address("2001:db8::1"), 4789}})), 1430);
  Config config = with({kPeer});
  config.learn_from = {{address("2001:db8::"), 32}};
  EXPECT_EQ(mtu_of(config), 1430);
  config.mtu = 1280;
  EXPECT_EQ(mtu_of(config), 1280);
}

TEST(UdpOpenTest, name_and_size_of_the_receive_buffer_are_said) {
  Config config = with({kPeer});
  config.receive_buffer = 128 * 1024;
  const Opened opened = open(config);
  EXPECT_EQ(opened.lanes[0]->name(), "vxlan42");
  EXPECT_GE(opened.receive_buffer, config.receive_buffer);
  EXPECT_NE(opened.local.port, 0);
  EXPECT_EQ(opened.notes, std::vector<std::string>{});
}

}  // namespace
}  // namespace windhover::backends::udp
