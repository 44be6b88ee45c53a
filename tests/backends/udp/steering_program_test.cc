// The program as the kernel runs it: frames of many flows, each on the lane that the stack says owns it.

#include "backends/udp/steering_program.h"

#include <gtest/gtest.h>

#include <random>

#include "stack/link/steering.h"
#include "tests/backends/udp/ends.h"

namespace windhover::backends::udp {
namespace {

using stack::base::as_bytes;
using stack::link::Medium;
using stack::link::owner_of;
using namespace std::chrono_literals;

constexpr std::uint32_t kLanes = 3;

void put16(std::string& text, unsigned value) {
  text += static_cast<char>(value >> 8);
  text += static_cast<char>(value);
}

class SteeringProgramTest : public testing::Test {
 protected:
  SteeringProgramTest() : opened_(open(config_for({&peer_}), kLanes)) {}

  std::string octets(std::size_t count) {
    std::string text;
    while (text.size() < count) text += static_cast<char>(random_());
    return text;
  }
  std::string ipv4(std::uint8_t protocol, unsigned fragment, std::size_t options, const std::string& payload) {
    std::string packet;
    packet += static_cast<char>(0x45 + options / 4);
    packet += '\0';
    put16(packet, static_cast<unsigned>(20 + options + payload.size()));
    packet += octets(2);
    put16(packet, fragment);
    packet += '\x40';
    packet += static_cast<char>(protocol);
    return packet + octets(2 + 8) + std::string(options, '\1') + payload;
  }
  std::string ipv6(std::uint8_t next, const std::string& payload) {
    std::string packet = "\x60";
    packet += std::string(3, '\0');
    put16(packet, static_cast<unsigned>(payload.size()));
    packet += static_cast<char>(next);
    return packet + '\x40' + octets(32) + payload;
  }
  static std::string ethernet(unsigned type, const std::string& packet, bool tagged = false) {
    std::string text = frame("").substr(0, 12);
    if (tagged) {
      put16(text, 0x8100);
      put16(text, 7);
    }
    put16(text, type);
    return text + packet;
  }

  /// The lane that hears it.
  std::optional<std::uint32_t> lane_of(const std::string& inner) {
    peer_.send(opened_.local, in_vxlan(inner));
    for (int tries = 0; tries < 1000; ++tries) {
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        stack::link::Burst burst;
        if (opened_.lanes[lane]->receive(burst) == 1) return lane;
      }
      opened_.lanes[0]->wait(1ms, -1);
    }
    return std::nullopt;
  }
  void expect_owner(const std::string& inner) {
    EXPECT_EQ(lane_of(inner), owner_of(as_bytes(inner), Medium::kEthernet, kLanes));
  }

  const End peer_;
  Opened opened_;
  std::mt19937 random_{1};
};

TEST_F(SteeringProgramTest, flows_and_fragments_are_heard_by_the_lane_that_owns_them) {
  for (int round = 0; round < 100; ++round) {
    const bool tagged = round % 5 == 0;
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (const std::size_t options : {0U, 12U})
        expect_owner(ethernet(0x0800, ipv4(protocol, 0x4000, options, octets(20)), tagged));
      expect_owner(ethernet(0x86dd, ipv6(protocol, octets(20)), tagged));
    }
    expect_owner(ethernet(0x0800, ipv4(6, 0x2000, 0, octets(20)), tagged));
    expect_owner(ethernet(0x0800, ipv4(17, 0x0010, 0, octets(20)), tagged));
    expect_owner(ethernet(0x0800, ipv4(47, 0, 0, octets(20)), tagged));
    expect_owner(ethernet(0x86dd, ipv6(47, octets(20)), tagged));
  }
  for (const auto& lane : opened_.lanes) EXPECT_GT(lane->stats().received_frames, 100u);
}

TEST_F(SteeringProgramTest, what_is_cut_short_or_no_ip_is_heard_by_the_first_lane) {
  EXPECT_EQ(lane_of(ethernet(0x0806, octets(28))), 0u);
  EXPECT_EQ(lane_of(ethernet(0x88cc, octets(50))), 0u);
  const std::string whole = ethernet(0x0800, ipv4(6, 0, 0, octets(20)));
  for (std::size_t size = 14; size < 14 + 24; ++size) EXPECT_EQ(lane_of(whole.substr(0, size)), 0u) << size;
}

}  // namespace
}  // namespace windhover::backends::udp
