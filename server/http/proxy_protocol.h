#pragma once
// The header that a proxy puts in front of a connection's bytes to say whose they are: the PROXY protocol of HAProxy
// (doc/proxy-protocol.txt), versions 1 (a line of text) and 2 (binary).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/tcp/app.h"

namespace windhover::server::http {

/// An address of either family with the number of its bits that count.
struct Network {
  decltype(stack::tcp::Endpoint::address) address;
  std::uint8_t prefix_length = 0;  ///< 0..32 for IPv4, 0..128 for IPv6.

  bool operator==(const Network&) const = default;
};

/// Who is believed. A connection from one of these must begin with a header; from anywhere else the same bytes are a
/// bad request. There is no guessing: section 2 forbids it, and it would let anybody choose an address.
struct ProxyProtocol {
  std::vector<Network> from;

  bool speaks(const stack::tcp::Endpoint& peer) const;
  bool operator==(const ProxyProtocol&) const = default;
};

/// What the bytes in front of a connection are.
struct ProxyHeader {
  enum class Status : std::uint8_t { kNeedMore, kComplete, kBad };

  Status status = Status::kNeedMore;
  std::size_t size = 0;  ///< Of kComplete: bytes to skip.
  /// Of kComplete: the client that the proxy speaks for. Nothing when it speaks for itself (LOCAL, a health check) or
  /// for a client that has no TCP address (UNKNOWN, AF_UNIX): then the connection's own peer is meant.
  std::optional<stack::tcp::Endpoint> client;
};

/// Longest line of version 1, CRLF included (section 2.1).
inline constexpr std::size_t kProxyLineMax = 107;
/// Longest header of version 2 that is taken. The format allows 65551 bytes; senders keep to 536, one segment of any
/// path, unless they add a client's certificate.
inline constexpr std::size_t kProxyHeaderMax = 2048;

/// Reads the front of `input`: kNeedMore as long as the bytes may still become a header, kBad when they cannot. TLVs
/// behind the addresses are skipped.
ProxyHeader parse_proxy_header(stack::base::Bytes input);

}  // namespace windhover::server::http
