#pragma once
// A kernel socket with an owner, and addresses as the kernel writes them.

#include <sys/socket.h>

#include <optional>
#include <utility>

#include "stack/tcp/app.h"

namespace windhover::server::portal {

/// Owns a descriptor, and closes it.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  /// -1 when empty.
  int fd() const { return fd_; }
  void close();
  /// Closes a TCP connection with RST instead of FIN.
  void reset();

 private:
  int fd_ = -1;
};

/// For bind(); returns the length.
socklen_t to_sockaddr(const stack::tcp::Endpoint& endpoint, sockaddr_storage& storage);
/// Nothing when it is of another family than IPv4 and IPv6.
std::optional<stack::tcp::Endpoint> from_sockaddr(const sockaddr_storage& storage);

}  // namespace windhover::server::portal
