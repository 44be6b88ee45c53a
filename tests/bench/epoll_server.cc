// The least that an HTTP server over the kernel's sockets can do: one thread, one read and one write a request.
//
//   epoll_server ADDRESS PORT ROOT
//
// Several may share a port (SO_REUSEPORT), one a core. It serves keep-alive GET requests for the files of ROOT from
// memory until it is ended by a signal.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tests/bench/answers.h"

namespace {

using windhover::bench::Answers;
using windhover::bench::kRequestSizeMax;

constexpr int kBacklog = 4096;
constexpr std::size_t kEventsMax = 256;

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

struct Connection {
  std::string input;      // What has come of requests that are not answered yet.
  std::string_view left;  // What the kernel has not taken of the answer under way.
};

class Server {
 public:
  Server(const char* address, std::uint16_t port, const Answers& answers) : answers_(answers) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(port);
    checked(inet_pton(AF_INET, address, &local.sin_addr) == 1 ? 0 : -1, "inet_pton");
    const int on = 1;
    for (const int option : {SO_REUSEADDR, SO_REUSEPORT})
      checked(setsockopt(listener_, SOL_SOCKET, option, &on, sizeof on), "setsockopt");
    checked(bind(listener_, reinterpret_cast<const sockaddr*>(&local), sizeof local), "bind");
    checked(listen(listener_, kBacklog), "listen");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  [[noreturn]] void serve() {
    std::array<epoll_event, kEventsMax> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_all();
        } else if (!move_on(fd, events[static_cast<std::size_t>(i)].events)) {
          close(fd);
        }
      }
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    checked(epoll_ctl(epoll_, operation, fd, &event), "epoll_ctl");
  }

  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (connections_.size() <= static_cast<std::size_t>(fd)) connections_.resize(static_cast<std::size_t>(fd) + 1);
      connections_[static_cast<std::size_t>(fd)] = {};
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  /// False when the connection is at its end.
  bool move_on(int fd, std::uint32_t events) {
    Connection& connection = connections_[static_cast<std::size_t>(fd)];
    if ((events & EPOLLOUT) == 0) return read_some(fd, connection) && answer(fd, connection);
    if (!write_some(fd, connection)) return false;
    if (!connection.left.empty()) return true;
    watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    return answer(fd, connection);
  }

  bool read_some(int fd, Connection& connection) {
    std::array<char, kRequestSizeMax> buffer;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) return count < 0 && errno == EAGAIN;
    connection.input.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  bool write_some(int fd, Connection& connection) {
    const ssize_t count = send(fd, connection.left.data(), connection.left.size(), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN;
    connection.left.remove_prefix(static_cast<std::size_t>(count));
    return true;
  }

  /// Answers whole requests, one after the other, until the kernel takes no more.
  bool answer(int fd, Connection& connection) {
    while (true) {
      const std::size_t end = connection.input.find("\r\n\r\n");
      if (end == std::string::npos) return connection.input.size() < kRequestSizeMax;
      connection.left = answers_.find(connection.input);
      connection.input.erase(0, end + 4);
      if (!write_some(fd, connection)) return false;
      if (connection.left.empty()) continue;
      watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
      return true;
    }
  }

  const Answers& answers_;
  const int epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  const int listener_ = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  std::vector<Connection> connections_;  // By descriptor.
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: epoll_server ADDRESS PORT ROOT\n");
    return 2;
  }
  try {
    const Answers answers(argv[3]);
    Server server(argv[1], static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)), answers);
    fmt::print("ready\n");
    std::fflush(stdout);
    server.serve();
  } catch (const std::exception& error) {
    fmt::print(stderr, "epoll_server: {}\n", error.what());
    return 1;
  }
}
