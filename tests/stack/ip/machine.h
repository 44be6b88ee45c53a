#pragma once
// An Ip between two arenas, driven by hand: frames go in one at a time, and what output() yields comes out as octets.

#include <gtest/gtest.h>

#include <optional>
#include <variant>
#include <vector>

#include "stack/base/counters.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "tests/stack/ip/packets.h"

namespace windhover::stack::ip {

using base::Counters;
using base::Drop;
using base::Event;
using link::Checksum;
using packets::address;
using packets::Octets;
using wire::Address;
using wire::MacAddress;
using namespace std::chrono_literals;

inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress kOtherMac{{0x02, 0, 0, 0, 0, 0x66}};
inline constexpr MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 0x01}};

inline const Address kOurs4 = address("10.66.0.2");
inline const Address kPeer4 = address("10.66.0.1");
inline const Address kFar4 = address("192.0.2.7");
inline const Address kOurs6 = address("fd66::2");
inline const Address kPeer6 = address("fd66::1");
inline const Address kFar6 = address("2001:db8::7");
inline const Address kAllNodes = address("ff02::1");

/// Addresses are used at once, announced once, and not reported: what a test is not about is quiet.
inline Config config() {
  Config config;
  config.addresses = {{kOurs4, 24}, {kOurs6, 64}};
  config.gateway_v4 = address("10.66.0.254");
  config.gateway_v6 = address("fd66::fe");
  config.mac = kOurMac;
  config.dad_transmits = 0;
  config.announcements = 1;
  config.multicast_reports = false;
  return config;
}

inline link::Caps on_ethernet() { return {}; }

inline link::Caps on_tun() {
  link::Caps caps;
  caps.medium = link::Medium::kIp;
  return caps;
}

/// With TUN's offloads.
inline link::Caps on_virtual_tun() {
  link::Caps caps = on_tun();
  caps.receive_partial_checksum = true;
  caps.transmit_checksum = true;
  caps.transmit_gso = true;
  caps.gso_size_max = 65535;
  return caps;
}

/// A frame that came out.
struct Sent {
  Octets octets;
  link::Offload offload;
  std::size_t total_size = 0;
};

class Machine {
 public:
  explicit Machine(const link::Caps& link_caps, const Config& from = config(), std::uint32_t transmit_frames = 64)
      : caps(link_caps),
        received({.frame_count = 8, .frame_size = 66000, .headroom = 3, .pieces = false}),
        transmitted({.frame_count = transmit_frames, .frame_size = 2048, .headroom = 0, .pieces = true}),
        ip(now, from, caps, transmitted, counters, {}) {}

  /// A frame of the receiving arena.
  link::Frame frame(base::Bytes octets, Checksum checksum = Checksum::kNone) {
    link::Frame made = received.allocate();
    const base::MutableBytes to = made.append(octets.size());
    std::copy(octets.begin(), octets.end(), to.begin());
    made.offload().checksum = checksum;
    return made;
  }

  Input input(base::Bytes octets, Checksum checksum = Checksum::kNone) {
    counters.count(Event::kFramesIn);
    Input result = ip.input(now, frame(octets, checksum));
    if (!std::holds_alternative<Consumed>(result)) ++handed_up;
    return result;
  }

  /// Feeds an IP packet, behind a link header from kPeerMac to us where the medium has one.
  Input packet(base::Bytes octets, Checksum checksum = Checksum::kNone, const MacAddress& to = kOurMac) {
    if (caps.medium == link::Medium::kIp) return input(octets, checksum);
    const std::uint16_t type = octets[0] >> 4 == 4 ? 0x0800 : 0x86dd;
    return input(packets::ethernet(to, kPeerMac, type, octets), checksum);
  }

  /// Hands what input() gave to reject(), which accounts for it.
  void reject(Input result) {
    ASSERT_TRUE(std::holds_alternative<Packet>(result));
    --handed_up;
    ip.reject(now, std::get<Packet>(std::move(result)));
  }

  std::vector<Sent> output() {
    std::vector<Sent> sent;
    link::Burst burst;
    for (ip.output(burst); !burst.empty(); ip.output(burst)) {
      for (link::Frame& frame : burst.frames()) {
        const base::MutableBytes bytes = frame.bytes();
        sent.push_back({{bytes.begin(), bytes.end()}, frame.offload(), frame.total_size()});
      }
      burst.clear();
    }
    return sent;
  }

  /// The only frame that comes out.
  Sent only() {
    const std::vector<Sent> sent = output();
    EXPECT_EQ(sent.size(), 1U);
    return sent.empty() ? Sent{} : sent.front();
  }

  /// A transport segment of `size` octets, each 0xa5, with the headroom that `remote` asks for.
  link::Frame segment(const Address& remote, std::size_t size) {
    link::Frame made = transmitted.allocate();
    made.clear(ip.headroom(remote));
    const base::MutableBytes bytes = made.append(size);
    std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xa5});
    return made;
  }

  void send(const Address& remote, Route& route, std::size_t size = 40) {
    ip.send(now, segment(remote, size), remote, Protocol::kTcp, route);
  }

  void at(base::Duration since_start) {
    now = base::Instant{} + since_start;
    ip.advance(now);
  }

  std::uint64_t drops(Drop drop) const { return counters.value(drop); }

  /// The invariant of counters.h.
  bool accounted() const {
    return counters.value(Event::kFramesIn) ==
           counters.value(Event::kFramesConsumed) + counters.received_dropped() + handed_up;
  }

  base::Instant now{};
  link::Caps caps;
  Counters counters;
  link::FrameArena received;
  link::FrameArena transmitted;
  Ip ip;
  std::uint64_t handed_up = 0;  ///< Packets, errors and passed frames that their taker would account for.
};

}  // namespace windhover::stack::ip
