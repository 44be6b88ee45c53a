#include "tests/server/portal/house.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "server/portal/socket.h"
#include "stack/base/check.h"

namespace windhover::server::portal::test {
namespace {

using stack::tcp::Endpoint;
using stack::wire::Address;

constexpr std::chrono::seconds kPatience{20};
constexpr int kRoundsMax = 100'000;

stack::lane::Config stack_config(std::uint32_t address) {
  stack::lane::Config config;
  config.ip.addresses = {{Address::v4(address), 24}};
  config.tcp.connections_max = 1024;
  config.tcp.send_buffer = 64 * 1024;
  config.tcp.receive_window = 128 * 1024;
  return config;
}

constexpr std::uint32_t kServer = 0x0a420002;
constexpr std::uint32_t kClient = 0x0a420001;

Endpoint loopback(bool v6) { return {*Address::parse(v6 ? "::1" : "127.0.0.1"), 0}; }

}  // namespace

void Guest::send(const std::string& text) {
  unsent_ += text;
  if (connection_ != nullptr && !unsent_.empty()) unsent_.erase(0, connection_->send(stack::base::as_bytes(unsent_)));
}

Visitor::Visitor(const Endpoint& to) {
  sockaddr_storage storage{};
  const socklen_t size = to_sockaddr(to, storage);
  fd_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd_ >= 0);
  CHECK(::connect(fd_, reinterpret_cast<const sockaddr*>(&storage), size) == 0);
  CHECK(::fcntl(fd_, F_SETFL, O_NONBLOCK) == 0);
}

std::size_t Visitor::send(const std::string& text) const {
  const ssize_t size = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  return size < 0 ? 0 : static_cast<std::size_t>(size);
}

void Visitor::receive(std::size_t most) {
  std::array<char, 65536> bytes;
  while (most > 0 && !finished && error == 0) {
    const ssize_t size = ::recv(fd_, bytes.data(), std::min(bytes.size(), most), 0);
    if (size == 0) finished = true;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size < 0) error = errno;
    if (size <= 0) return;
    received.append(bytes.data(), static_cast<std::size_t>(size));
    most -= static_cast<std::size_t>(size);
  }
}

void Visitor::finish() const { ::shutdown(fd_, SHUT_WR); }

void Visitor::leave() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Visitor::reset() { Socket(std::exchange(fd_, -1)).reset(); }

std::string Visitor::name() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
  return from_sockaddr(storage)->to_string();
}

House::House(const Config& config, bool v6) : pair_({}) {
  server_ = std::make_unique<stack::lane::Stack>(now_, stack_config(kServer), stack::tcp::Keys{}, pair_.first());
  client_ = std::make_unique<stack::lane::Stack>(now_, stack_config(kClient), stack::tcp::Keys{}, pair_.second());
  server_->listen({Address{}, kPort}, *this);
  portal_ = std::make_unique<Portal>(config, std::vector<Endpoint>{loopback(v6)}, *this);
}

House::~House() {
  client_->stop(now_);
  server_->stop(now_);
}

stack::tcp::Connection* House::connect(stack::tcp::Handler& handler) {
  return can_connect ? client_->connect(now_, {Address::v4(kServer), kPort}, handler) : nullptr;
}

bool House::move(stack::lane::Stack& stack, stack::link::Device& device) {
  stack::link::Burst in;
  stack::link::Burst out;
  bool moved = device.receive(in) > 0;
  stack.input(now_, in);
  stack.advance(now_);
  stack.output(now_, out);
  moved = moved || !out.empty();
  while (!out.empty()) out.drop_front(device.transmit(out.frames().first(1)));
  device.flush();
  return moved;
}

bool House::turn() {
  bool moved = move(*server_, pair_.first());
  moved |= move(*client_, pair_.second());
  portal_moved_ = portal_->run(now_);
  return portal_moved_ || moved;
}

void House::settle() {
  for (int round = 0; round < kRoundsMax; ++round) {
    if (!turn()) return;
  }
  ADD_FAILURE() << "it never settles";
}

void House::advance(stack::base::Duration time) {
  now_ += time;
  settle();
}

bool House::until(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    if (turn()) continue;
    // Only the kernel can move anything now, or a timer of the stacks'.
    pollfd waited{portal_->fd(), POLLIN, 0};
    ::poll(&waited, 1, 1);
    now_ += std::chrono::milliseconds(1);
  }
  return true;
}

}  // namespace windhover::server::portal::test
