#pragma once
// The header by which the portal tells the server whose bytes follow: the PROXY protocol of HAProxy, version 2.

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/tcp/app.h"

namespace windhover::server::portal {

/// A header for TCP over IPv4 (28 bytes) or IPv6 (52 bytes).
class ProxyHeader {
 public:
  /// `client` and `server`: the two ends of the kernel's connection. If either has an IPv6 address, the other's is
  /// written as one too.
  ProxyHeader(const stack::tcp::Endpoint& client, const stack::tcp::Endpoint& server);

  stack::base::Bytes bytes() const { return {bytes_.data(), size_}; }

 private:
  void append(stack::base::Bytes bytes);
  void append(std::uint16_t value);

  std::array<std::uint8_t, 52> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace windhover::server::portal
