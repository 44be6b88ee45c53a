#pragma once
// Devices over the test's veth pair, and packets that are theirs.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/xdp/xdp.h"
#include "stack/base/bytes.h"
#include "stack/wire/checksum.h"
#include "tests/backends/xdp/veth.h"

namespace windhover::backends::xdp {

inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::size_t kHeaders = 14 + 20;

/// Writes an IPv4 packet to the owned address, with a number and a pattern that follows from it in its payload. `flow`
/// is the last octet of its source. Precondition: frame.size() >= 60.
inline void write_packet(stack::base::MutableBytes frame, std::uint32_t number, std::uint8_t flow = 2) {
  namespace base = stack::base;
  std::ranges::fill(frame.first(12), std::uint8_t{2});
  base::store_be(frame.data() + 12, kIpv4);
  std::uint8_t* const ip = frame.data() + 14;
  std::fill_n(ip, 20, std::uint8_t{0});
  ip[0] = 0x45;
  base::store_be(ip + 2, static_cast<std::uint16_t>(frame.size() - 14));
  ip[8] = 64;
  ip[9] = 253;  // For experiments (RFC 3692).
  base::store_be(ip + 12, 0x0a5d0100U + flow);
  base::store_be(ip + 16, 0x0a5d0101U);
  base::store_be(ip + 10, stack::wire::sum({ip, 20}).finish());
  base::store_be(frame.data() + kHeaders, number);
  for (std::size_t at = kHeaders + 4; at < frame.size(); ++at)
    frame[at] = static_cast<std::uint8_t>(number + at * 7 + (at >> 8));
}
inline std::vector<std::uint8_t> packet(std::size_t size, std::uint32_t number, std::uint8_t flow = 2) {
  std::vector<std::uint8_t> bytes(size);
  write_packet(bytes, number, flow);
  return bytes;
}
/// The number of a packet that write_packet() has made; UINT32_MAX when it is not intact.
inline std::uint32_t number_if_intact(stack::base::Bytes frame) {
  if (frame.size() < 60) return UINT32_MAX;
  const auto number = stack::base::load_be<std::uint32_t>(frame.data() + kHeaders);
  return std::ranges::equal(frame, packet(frame.size(), number, frame[14 + 15])) ? number : UINT32_MAX;
}

class DeviceTest : public VethTest {
 protected:
  /// Lanes on s0 that own 10.93.1.1.
  Opened open_lanes(Config config = {}, std::size_t lanes = 1) {
    config.interface = "s0";
    config.huge_pages = false;
    Steering steering;
    steering.addresses.push_back({*stack::wire::Address::parse("10.93.1.1"), Role::kOwned});
    return open(config, host::query_interface("s0"), steering, {}, std::vector<LanePlace>(lanes));
  }
  static Config small_rings() {
    Config config;
    config.ring_size = 64;
    config.receive_frames = 512;
    config.transmit_frames = 1024;
    return config;
  }

  /// A frame with everything linear.
  static stack::link::Frame make_frame(Xdp& device, std::size_t size, std::uint32_t number) {
    stack::link::Frame frame = device.arena().allocate();
    frame.clear(device.caps().headroom);
    write_packet(frame.append(size), number);
    return frame;
  }
  /// The same bytes with the first `linear` in the frame and the rest in pieces of at most `piece` bytes.
  static stack::link::Frame make_gathered(Xdp& device, std::size_t size, std::uint32_t number, std::size_t linear,
                                          std::size_t piece) {
    const std::vector<std::uint8_t> bytes = packet(size, number);
    stack::link::Frame frame = device.arena().allocate();
    frame.clear(device.caps().headroom);
    std::ranges::copy(std::span(bytes).first(linear), frame.append(linear).begin());
    const stack::base::Slice body = stack::base::copy_to_heap(std::span(bytes).subspan(linear));
    for (std::size_t at = 0; at < body.size; at += piece)
      EXPECT_TRUE(frame.attach(body.part(at, std::min(piece, body.size - at))));
    return frame;
  }
  /// Transmits it, however often that takes.
  static void send(Xdp& device, stack::link::Frame frame) {
    EXPECT_TRUE(eventually([&] { return device.transmit({&frame, 1}) == 1; }));
  }

  /// Receives until `count` intact packets have come; their numbers, in order.
  static std::vector<std::uint32_t> receive(Xdp& device, std::size_t count) {
    std::vector<std::uint32_t> numbers;
    stack::link::Burst burst;
    eventually([&] {
      device.receive(burst);
      for (const stack::link::Frame& frame : burst.frames()) numbers.push_back(number_if_intact(frame.bytes()));
      burst.clear();
      if (numbers.size() < count) device.wait(std::chrono::milliseconds(1), -1);
      return numbers.size() >= count;
    });
    return numbers;
  }
  /// The numbers of `count` packets that the peer sees.
  static std::vector<std::uint32_t> receive(Peer& peer, std::size_t count) {
    std::vector<std::uint32_t> numbers;
    while (numbers.size() < count) {
      const auto seen = peer.receive();
      if (!seen) break;
      numbers.push_back(number_if_intact(seen->bytes));
    }
    return numbers;
  }
  /// Every chunk to transmit from comes back.
  static bool all_return(Xdp& device) {
    return eventually([&] {
      device.flush();
      stack::link::Burst burst;
      device.receive(burst);
      return device.arena().free_count() == device.arena().shape().frame_count;
    });
  }

  static std::vector<std::uint32_t> numbers(std::uint32_t from, std::uint32_t count) {
    std::vector<std::uint32_t> all(count);
    for (std::uint32_t at = 0; at < count; ++at) all[at] = from + at;
    return all;
  }
};

}  // namespace windhover::backends::xdp
