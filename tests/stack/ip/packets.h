#pragma once
// Packets made by hand, octet by octet, and a checksum that shares nothing with the one under test.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip::packets {

using Octets = std::vector<std::uint8_t>;

inline wire::Address address(std::string_view text) { return wire::Address::parse(text).value(); }

inline void put(Octets& to, base::Bytes bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline void put(Octets& to, std::initializer_list<std::uint8_t> bytes) { to.insert(to.end(), bytes); }
inline void put16(Octets& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Octets& to, std::size_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}
inline void set16(Octets& in, std::size_t at, std::size_t value) {
  in[at] = static_cast<std::uint8_t>(value >> 8);
  in[at + 1] = static_cast<std::uint8_t>(value);
}
inline std::uint16_t get16(base::Bytes in, std::size_t at) {
  return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]);
}
inline Octets part(base::Bytes of, std::size_t from) {
  return {of.begin() + static_cast<std::ptrdiff_t>(from), of.end()};
}

/// RFC 1071, the slow way. Over data that includes its checksum the answer is 0.
inline std::uint16_t naive_checksum(base::Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) sum += at % 2 == 0 ? bytes[at] * 256U : bytes[at];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline Octets pseudo_header(const wire::Address& source, const wire::Address& destination, std::uint8_t protocol,
                            std::size_t length) {
  Octets pseudo;
  put(pseudo, source.octets());
  put(pseudo, destination.octets());
  put32(pseudo, length);
  put32(pseudo, protocol);
  return pseudo;
}

inline std::uint16_t transport_checksum(const wire::Address& source, const wire::Address& destination,
                                        std::uint8_t protocol, base::Bytes segment) {
  Octets all = pseudo_header(source, destination, protocol, segment.size());
  put(all, segment);
  return naive_checksum(all);
}

struct Ipv4Fields {
  wire::Address source;
  wire::Address destination;
  std::uint8_t protocol = 6;
  std::uint8_t traffic_class = 0;
  std::uint8_t ttl = 64;
  std::uint16_t fragment = 0x4000;  ///< Flags and offset as they lie in the header.
  Octets options{};                 ///< A multiple of four.
};

inline Octets ipv4(const Ipv4Fields& fields, base::Bytes payload) {
  const std::size_t header = 20 + fields.options.size();
  Octets packet{static_cast<std::uint8_t>(0x40 | header / 4), fields.traffic_class};
  put16(packet, header + payload.size());
  put16(packet, 0x1234);
  put16(packet, fields.fragment);
  put(packet, {fields.ttl, fields.protocol, 0, 0});
  put(packet, fields.source.octets());
  put(packet, fields.destination.octets());
  put(packet, fields.options);
  set16(packet, 10, naive_checksum(packet));
  put(packet, payload);
  return packet;
}

inline Octets ipv6(const wire::Address& source, const wire::Address& destination, std::uint8_t next_header,
                   base::Bytes payload, std::uint8_t hop_limit = 64) {
  Octets packet{0x60, 0, 0, 0};
  put16(packet, payload.size());
  put(packet, {next_header, hop_limit});
  put(packet, source.octets());
  put(packet, destination.octets());
  put(packet, payload);
  return packet;
}

/// `rest` is the second word of the header.
inline Octets icmpv4(std::uint8_t type, std::uint8_t code, std::uint32_t rest, base::Bytes body) {
  Octets message{type, code, 0, 0};
  put32(message, rest);
  put(message, body);
  set16(message, 2, naive_checksum(message));
  return message;
}

inline Octets icmpv6(const wire::Address& source, const wire::Address& destination, std::uint8_t type,
                     std::uint8_t code, std::uint32_t rest, base::Bytes body) {
  Octets message{type, code, 0, 0};
  put32(message, rest);
  put(message, body);
  set16(message, 2, transport_checksum(source, destination, 58, message));
  return message;
}

inline Octets udp(const wire::Address& source, const wire::Address& destination, std::uint16_t source_port,
                  std::uint16_t destination_port, base::Bytes payload) {
  Octets datagram;
  put16(datagram, source_port);
  put16(datagram, destination_port);
  put16(datagram, 8 + payload.size());
  put16(datagram, 0);
  put(datagram, payload);
  set16(datagram, 6, transport_checksum(source, destination, 17, datagram));
  return datagram;
}

/// A bare TCP header with that sequence number; its checksum is nobody's concern below TCP.
inline Octets tcp(std::uint16_t source_port, std::uint16_t destination_port, std::uint32_t sequence) {
  Octets segment;
  put16(segment, source_port);
  put16(segment, destination_port);
  put32(segment, sequence);
  put32(segment, 0);
  put(segment, {0x50, 0x10, 0, 0, 0, 0, 0, 0});
  return segment;
}

inline Octets ethernet(const wire::MacAddress& destination, const wire::MacAddress& source, std::uint16_t type,
                       base::Bytes payload) {
  Octets frame;
  put(frame, destination.octets);
  put(frame, source.octets);
  put16(frame, type);
  put(frame, payload);
  return frame;
}

inline Octets arp(std::uint16_t operation, const wire::MacAddress& sender, const wire::Address& sender_address,
                  const wire::MacAddress& target, const wire::Address& target_address) {
  Octets packet{0, 1, 8, 0, 6, 4};
  put16(packet, operation);
  put(packet, sender.octets);
  put(packet, sender_address.octets());
  put(packet, target.octets);
  put(packet, target_address.octets());
  return packet;
}

/// A neighbour solicitation or advertisement with a link-address option of type `option` (1 source, 2 target), or none
/// for 0.
inline Octets ndp(const wire::Address& source, const wire::Address& destination, std::uint8_t type, std::uint32_t flags,
                  const wire::Address& target, std::uint8_t option, const wire::MacAddress& mac) {
  Octets body;
  put(body, target.octets());
  if (option != 0) {
    put(body, {option, 1});
    put(body, mac.octets);
  }
  return icmpv6(source, destination, type, 0, flags, body);
}

}  // namespace windhover::stack::ip::packets
