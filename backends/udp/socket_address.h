#pragma once
// Endpoints as the kernel writes them.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "stack/wire/address.h"

namespace windhover::backends::udp {

/// Room for an address of either family.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// Writes `endpoint` for a socket of `family` and returns its length. An IPv6 socket is given IPv4 addresses in their
/// mapped form. Precondition: an IPv4 socket is given nothing else.
inline socklen_t write_address(const stack::wire::Endpoint& endpoint, sa_family_t family, SocketAddress& to) {
  if (family == AF_INET) {
    to.v4 = {};
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(endpoint.port);
    std::memcpy(&to.v4.sin_addr, endpoint.address.octets().data(), sizeof to.v4.sin_addr);
    return sizeof to.v4;
  }
  to.v6 = {};
  to.v6.sin6_family = AF_INET6;
  to.v6.sin6_port = htons(endpoint.port);
  std::memcpy(&to.v6.sin6_addr, endpoint.address.mapped().data(), sizeof to.v6.sin6_addr);
  return sizeof to.v6;
}

inline stack::wire::Endpoint read_address(const SocketAddress& from) {
  using stack::wire::Address;
  if (from.any.sa_family == AF_INET) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&from.v4.sin_addr);
    return {Address::v4({octets, sizeof from.v4.sin_addr}), ntohs(from.v4.sin_port)};
  }
  const auto* octets = reinterpret_cast<const std::uint8_t*>(&from.v6.sin6_addr);
  return {Address::v6({octets, sizeof from.v6.sin6_addr}), ntohs(from.v6.sin6_port)};
}

}  // namespace windhover::backends::udp
