#pragma once
// Fragments made by hand: a payload cut where the test says.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {

/// Octets that differ from place to place.
inline Octets numbered(std::size_t size, std::uint32_t seed = 1) {
  Octets octets(size);
  for (std::size_t at = 0; at < size; ++at) {
    octets[at] = static_cast<std::uint8_t>((at * 131 + at / 256 * 17 + seed * 29) % 251);
  }
  return octets;
}

inline Octets slice(base::Bytes of, std::size_t from, std::size_t size) {
  return {of.begin() + static_cast<std::ptrdiff_t>(from), of.begin() + static_cast<std::ptrdiff_t>(from + size)};
}

/// What the fragments of one packet have in common.
struct Original {
  bool v6 = false;
  std::uint8_t protocol = 17;
  std::uint32_t identification = 0x1234;
  std::optional<Address> source{};
  std::uint8_t traffic_class = 0;
  Octets options{};  ///< Of IPv4.

  Address from() const { return source.value_or(v6 ? kPeer6 : kPeer4); }
  Address to() const { return v6 ? kOurs6 : kOurs4; }

  /// The fragment with those octets at that offset.
  Octets fragment(std::size_t offset, bool more, base::Bytes payload) const {
    if (!v6) {
      Octets packet = packets::ipv4({.source = from(),
                                     .destination = to(),
                                     .protocol = protocol,
                                     .traffic_class = traffic_class,
                                     .fragment = static_cast<std::uint16_t>((more ? 0x2000 : 0) | offset / 8),
                                     .options = options},
                                    {});
      packets::set16(packet, 2, packet.size() + payload.size());
      packets::set16(packet, 4, identification);
      packets::set16(packet, 10, 0);
      packets::set16(packet, 10, packets::naive_checksum(packet));
      packets::put(packet, payload);
      return packet;
    }
    Octets body{protocol, 0};
    packets::put16(body, offset | (more ? 1 : 0));
    packets::put32(body, identification);
    packets::put(body, payload);
    Octets packet = packets::ipv6(from(), to(), 44, body);
    packet[0] = static_cast<std::uint8_t>(0x60 | traffic_class >> 4);
    packet[1] = static_cast<std::uint8_t>(traffic_class << 4);
    return packet;
  }

  /// The fragments of `payload`, each of `step` octets but the last.
  std::vector<Octets> cut(base::Bytes payload, std::size_t step) const {
    std::vector<Octets> fragments;
    for (std::size_t at = 0; at < payload.size(); at += step) {
      const std::size_t size = std::min(step, payload.size() - at);
      fragments.push_back(fragment(at, at + size < payload.size(), slice(payload, at, size)));
    }
    return fragments;
  }
};

/// A UDP datagram of `size` octets in all, with its checksum.
inline Octets datagram(bool v6, std::size_t size) {
  return packets::udp(v6 ? kPeer6 : kPeer4, v6 ? kOurs6 : kOurs4, 5353, 9, numbered(size - 8));
}

}  // namespace windhover::stack::ip
