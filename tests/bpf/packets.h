#pragma once
// Packets for the steering program, built from the inside out: ethernet(0x0800, ipv4(from, to, 6, tcp(1, 2))).
//
// Lengths are right unless they are asked to be wrong. Checksums are zero: the program does not look at them.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/wire/address.h"

namespace windhover::bpf {

using Octets = std::vector<std::uint8_t>;
using stack::wire::Address;

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kServiceVlan = 0x88a8;

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIpIp = 4;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIpv6InIp = 41;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kNoNext = 59;
constexpr std::uint8_t kOptions = 60;

inline Address address(std::string_view text) {
  const std::optional<Address> parsed = Address::parse(text);
  if (!parsed) throw std::invalid_argument(std::string(text));
  return *parsed;
}

inline Octets join(Octets front, const Octets& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

inline void put16(Octets& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

/// The packet with one octet changed.
inline Octets with(Octets packet, std::size_t at, std::uint8_t value) {
  packet.at(at) = value;
  return packet;
}

/// Without its last octets.
inline Octets cut(Octets packet, std::size_t count) {
  packet.resize(packet.size() - count);
  return packet;
}

inline Octets padded(Octets packet, std::size_t size) {
  packet.resize(std::max(packet.size(), size));
  return packet;
}

// ------------------------------------------------------------------------------------------------------------- link

const Octets kOurMac{0x02, 0, 0, 0, 0, 0x01};
const Octets kPeerMac{0x02, 0, 0, 0, 0, 0x99};

inline Octets ethernet(std::uint16_t type, const Octets& payload, const Octets& source = kPeerMac) {
  Octets frame = join(kOurMac, source);
  put16(frame, type);
  return join(std::move(frame), payload);
}

/// What follows the EtherType `kVlan` or `kServiceVlan`.
inline Octets tag(std::uint16_t control, std::uint16_t type, const Octets& payload) {
  Octets tagged;
  put16(tagged, control);
  put16(tagged, type);
  return join(std::move(tagged), payload);
}

inline Octets arp(std::uint16_t operation, const Address& sender, const Address& target) {
  Octets packet{0, 1, 8, 0, 6, 4};
  put16(packet, operation);
  packet = join(join(std::move(packet), kPeerMac), Octets(sender.octets().begin(), sender.octets().end()));
  return join(join(std::move(packet), Octets(6)), Octets(target.octets().begin(), target.octets().end()));
}

// ---------------------------------------------------------------------------------------------------------- network

struct Ipv4Parts {
  Octets options{};            ///< A multiple of four octets.
  std::uint16_t fragment = 0;  ///< Flags and offset, as on the wire.
};

constexpr std::uint16_t kMoreFragments = 0x2000;

inline Octets ipv4(const Address& from, const Address& to, std::uint8_t protocol, const Octets& payload,
                   const Ipv4Parts& parts = {}) {
  const std::size_t header_size = 20 + parts.options.size();
  Octets packet{static_cast<std::uint8_t>(0x40 | header_size / 4), 0};
  put16(packet, header_size + payload.size());
  put16(packet, 7);
  put16(packet, parts.fragment);
  packet = join(std::move(packet), {64, protocol, 0, 0});
  packet = join(std::move(packet), Octets(from.octets().begin(), from.octets().end()));
  packet = join(std::move(packet), Octets(to.octets().begin(), to.octets().end()));
  return join(join(std::move(packet), parts.options), payload);
}

inline Octets ipv6(const Address& from, const Address& to, std::uint8_t next, const Octets& payload) {
  Octets packet{0x60, 0, 0, 0};
  put16(packet, payload.size());
  packet = join(std::move(packet), {next, 64});
  packet = join(std::move(packet), Octets(from.mapped().begin(), from.mapped().end()));
  packet = join(std::move(packet), Octets(to.mapped().begin(), to.mapped().end()));
  return join(std::move(packet), payload);
}

/// An extension header of 8 octets, or of 8 * `units`, that names `next`; its body is zeros.
inline Octets extension(std::uint8_t next, const Octets& payload, std::uint8_t units = 1) {
  Octets header(std::size_t{8} * units);
  header[0] = next;
  header[1] = static_cast<std::uint8_t>(units - 1);
  return join(std::move(header), payload);
}

inline Octets routing(std::uint8_t next, std::uint8_t segments_left, const Octets& payload) {
  return with(extension(next, payload), 3, segments_left);
}

/// `offset` in octets, a multiple of eight.
inline Octets fragment(std::uint8_t next, std::uint16_t offset, bool more, const Octets& payload) {
  Octets header{next, 0};
  put16(header, std::size_t{offset} | std::size_t{more});
  return join(join(std::move(header), {0, 0, 0, 9}), payload);
}

/// An authentication header of 24 octets (RFC 4302 2).
inline Octets authentication(std::uint8_t next, const Octets& payload) {
  Octets header(24);
  header[0] = next;
  header[1] = 24 / 4 - 2;
  return join(std::move(header), payload);
}

// -------------------------------------------------------------------------------------------------------- transport

inline Octets tcp(std::uint16_t source, std::uint16_t destination, const Octets& options = {},
                  const Octets& payload = {}) {
  Octets segment;
  put16(segment, source);
  put16(segment, destination);
  segment = join(std::move(segment), {0, 0, 0, 1, 0, 0, 0, 2});
  segment = join(std::move(segment), {static_cast<std::uint8_t>((20 + options.size()) / 4 << 4), 0x10, 255, 255});
  return join(join(join(std::move(segment), {0, 0, 0, 0}), options), payload);
}

inline Octets udp(std::uint16_t source, std::uint16_t destination, const Octets& payload = {}) {
  Octets datagram;
  put16(datagram, source);
  put16(datagram, destination);
  put16(datagram, 8 + payload.size());
  return join(join(std::move(datagram), {0, 0}), payload);
}

/// ICMP or ICMPv6: type, code, checksum, four octets, and what follows.
inline Octets icmp(std::uint8_t type, const Octets& body = {}) { return join({type, 0, 0, 0, 0, 0, 0, 0}, body); }

inline Octets solicitation(const Address& target) {
  return icmp(135, Octets(target.mapped().begin(), target.mapped().end()));
}

inline Octets advertisement(const Address& target) {
  return icmp(136, Octets(target.mapped().begin(), target.mapped().end()));
}

}  // namespace windhover::bpf
