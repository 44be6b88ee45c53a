#include "server/portal/socket.h"

#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

namespace windhover::server::portal {

using stack::tcp::Endpoint;
using Address = decltype(Endpoint::address);

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  if (fd_ < 0) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
  storage = {};
  if (endpoint.address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    in.sin_addr.s_addr = htonl(endpoint.address.v4_value());
    std::memcpy(&storage, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  std::memcpy(&in.sin6_addr, endpoint.address.octets().data(), sizeof in.sin6_addr);
  std::memcpy(&storage, &in, sizeof in);
  return sizeof in;
}

std::optional<Endpoint> from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    return Endpoint{Address::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 in{};
  std::memcpy(&in, &storage, sizeof in);
  return Endpoint{Address::v6({in.sin6_addr.s6_addr, Address::kSize}), ntohs(in.sin6_port)};
}

}  // namespace windhover::server::portal
