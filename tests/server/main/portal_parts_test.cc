#include "server/main/portal_parts.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "server/http/responder.h"
#include "server/main/lane_runner.h"
#include "server/main/portal_runner.h"
#include "server/main/system.h"
#include "server/portal/socket.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::SetupError;
using stack::tcp::Endpoint;
using stack::wire::Address;

constexpr int kPatienceMilliseconds = 20'000;

/// Answers with the client's address.
class Who final : public http::Responder {
 public:
  void respond(const http::Request& request, http::Response& response) override {
    response.copy_body(request.client.remote().to_string());
  }
};

Settings small() {
  Settings settings;
  settings.stack.tcp.connections_max = 64;
  settings.capacity = {.connections = 64, .small_buffers = 16, .large_buffers = 4};
  settings.portal.portal.connections_max = 16;
  return settings;
}

/// A server with nothing but a portal, on threads of its own.
struct Served {
  explicit Served(const Settings& settings = small())
      : parts(settings, random_keys(), who, false),
        lane({parts.lane().stack(), parts.lane().device(), parts.lane().http(), parts.lane().listeners(),
              [] { return 0; }, nullptr, 0},
             settings.lane.loop, std::chrono::seconds(5)),
        portal(parts.client(), parts.client_device(), parts.portal(), settings.lane.loop) {
    lane.start({});
    portal.start();
  }

  Who who;
  PortalParts parts;
  LaneRunner lane;
  PortalRunner portal;
};

/// A socket that is connected there, and its own address.
std::pair<portal::Socket, Endpoint> call(const Endpoint& to) {
  sockaddr_storage storage{};
  socklen_t size = portal::to_sockaddr(to, storage);
  portal::Socket socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&storage), size), 0);
  EXPECT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&storage), &size), 0);
  return {std::move(socket), portal::from_sockaddr(storage).value_or(Endpoint{})};
}

bool readable(int fd) {
  pollfd waited{fd, POLLIN, 0};
  return ::poll(&waited, 1, kPatienceMilliseconds) == 1;
}

/// Everything until the end.
std::string read_all(int fd) {
  std::string text;
  char bytes[4096];
  while (readable(fd)) {
    const ssize_t size = ::recv(fd, bytes, sizeof bytes, 0);
    if (size <= 0) break;
    text.append(bytes, static_cast<std::size_t>(size));
  }
  return text;
}

TEST(PortalParts, serve_clients_of_the_kernels_by_name) {
  Served served;
  EXPECT_TRUE(served.parts.url().starts_with("http://localhost:")) << served.parts.url();
  for (const Endpoint& address : served.parts.portal().addresses()) {
    const auto [socket, name] = call(address);
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    ASSERT_EQ(::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    const std::string answer = read_all(socket.fd());
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + name.to_string())) << answer;
  }
}

TEST(PortalParts, take_the_next_port_where_none_was_asked_for) {
  const Served first;
  const Served second;
  const std::uint16_t port = first.parts.portal().addresses().front().port;
  EXPECT_GT(second.parts.portal().addresses().front().port, port);
  ASSERT_EQ(second.parts.notes().size(), 1U);
  EXPECT_NE(second.parts.notes()[0].find("is taken"), std::string::npos) << second.parts.notes()[0];
  Settings settings = small();
  settings.portal.url = config::Url{"http", "localhost", port};
  Who who;
  try {
    const PortalParts third(settings, random_keys(), who, false);
    FAIL() << third.url();
  } catch (const SetupError& error) {
    EXPECT_EQ(error.error(), EADDRINUSE);
  }
}

TEST(PortalParts, drained_let_connections_finish) {
  Served served;
  const auto [socket, name] = call(served.parts.portal().addresses().front());
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  ASSERT_TRUE(readable(socket.fd()));
  served.portal.drain();
  served.lane.drain();
  EXPECT_TRUE(read_all(socket.fd()).starts_with("HTTP/1.1 200 "));  // And the end that a drain gives idle connections.
  ::shutdown(socket.fd(), SHUT_WR);
  EXPECT_TRUE(readable(served.portal.done_fd()));
  EXPECT_TRUE(readable(served.lane.done_fd()));
}

TEST(PortalParts, forced_reset_what_is_open) {
  Served served;
  const auto [socket, name] = call(served.parts.portal().addresses().front());
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  ASSERT_TRUE(readable(socket.fd()));
  served.portal.force();
  EXPECT_TRUE(readable(served.portal.done_fd()));
  served.portal.join();
  read_all(socket.fd());
  char byte = 0;
  EXPECT_LE(::recv(socket.fd(), &byte, 1, MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace windhover::server::main
