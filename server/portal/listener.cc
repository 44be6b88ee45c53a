#include "server/portal/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <string>

#include "stack/base/setup_error.h"

namespace windhover::server::portal {
namespace {

using stack::base::SetupError;
using stack::tcp::Endpoint;

/// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;
/// A port that is free on one address may be taken on another.
constexpr int kPortTries = 16;

[[noreturn]] void fail(const std::string& call, int error) {
  const char* remedy = "Another address or port may do: portal.url.";
  if (error == EADDRINUSE) remedy = "Another program listens there: end it, or choose another port: portal.url.";
  if (error == EACCES) remedy = "Choose a port from 1024 up, or run as root or with CAP_NET_BIND_SERVICE: portal.url.";
  if (error == EMFILE || error == ENFILE) remedy = "Raise the limit of open files: ulimit -n.";
  throw SetupError(call, error, remedy);
}

void enable(int fd, int level, int option) {
  const int on = 1;
  if (setsockopt(fd, level, option, &on, sizeof on) != 0) fail("setsockopt of the portal", errno);
}

Listener listen_on(const Endpoint& wanted) {
  const std::string name = wanted.to_string();
  const bool v4 = wanted.address.is_v4();
  Listener listener{Socket(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), wanted};
  const int fd = listener.socket.fd();
  if (fd < 0) fail("socket for " + name, errno);
  enable(fd, SOL_SOCKET, SO_REUSEADDR);
  // Accepted sockets inherit it. An answer is written whole, and must not wait for an acknowledgement.
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (!v4) enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  sockaddr_storage storage{};
  const socklen_t size = to_sockaddr(wanted, storage);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) != 0) fail("bind " + name, errno);
  if (listen(fd, kBacklog) != 0) fail("listen on " + name, errno);
  socklen_t got = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &got) != 0) fail("getsockname of " + name, errno);
  listener.address = from_sockaddr(storage).value_or(wanted);
  return listener;
}

bool is_absent(const SetupError& error) { return error.error() == EAFNOSUPPORT || error.error() == EADDRNOTAVAIL; }

std::vector<Listener> listen_with(const std::vector<Endpoint>& addresses) {
  std::vector<Listener> listeners;
  for (auto wanted = addresses.begin(); wanted != addresses.end(); ++wanted) {
    Endpoint address = *wanted;
    if (address.port == 0 && !listeners.empty()) address.port = listeners.front().address.port;
    try {
      listeners.push_back(listen_on(address));
    } catch (const SetupError& error) {
      const bool last = listeners.empty() && wanted + 1 == addresses.end();
      if (address.address.is_v4() || last || !is_absent(error)) throw;
    }
  }
  return listeners;
}

}  // namespace

std::vector<Listener> listen_on(const std::vector<Endpoint>& addresses) {
  for (int tries = 1;; ++tries) {
    try {
      return listen_with(addresses);
    } catch (const SetupError& error) {
      const bool any_port = !addresses.empty() && addresses.front().port == 0;
      if (!any_port || error.error() != EADDRINUSE || tries == kPortTries) throw;
    }
  }
}

}  // namespace windhover::server::portal
