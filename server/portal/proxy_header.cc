#include "server/portal/proxy_header.h"

#include <algorithm>

namespace windhover::server::portal {
namespace {

using stack::base::Bytes;

// The signature, then version 2 with the command PROXY (doc/proxy-protocol.txt 2.2).
constexpr std::array<std::uint8_t, 13> kStart = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n', 0x21};
constexpr std::uint8_t kTcp4[] = {0x11};
constexpr std::uint8_t kTcp6[] = {0x21};

}  // namespace

ProxyHeader::ProxyHeader(const stack::tcp::Endpoint& client, const stack::tcp::Endpoint& server) {
  const bool v4 = client.address.is_v4() && server.address.is_v4();
  append(kStart);
  append(Bytes(v4 ? kTcp4 : kTcp6));
  append(static_cast<std::uint16_t>(v4 ? 12 : 36));
  for (const auto& end : {client, server}) append(Bytes(end.address.mapped()).subspan(v4 ? 12 : 0));
  append(client.port);
  append(server.port);
}

void ProxyHeader::append(Bytes bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += bytes.size();
}

void ProxyHeader::append(std::uint16_t value) {
  stack::base::store_be(bytes_.data() + size_, value);
  size_ += sizeof value;
}

}  // namespace windhover::server::portal
