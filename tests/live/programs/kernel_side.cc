#include "tests/live/programs/kernel_side.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include "backends/host/file.h"

namespace windhover::live {
namespace {

using backends::host::File;
using stack::base::Bytes;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadSize = std::size_t{1} << 20;

template <typename Result>
Result checked(Result result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const std::string& address, std::uint16_t port) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&result.storage, &v4, result.size = sizeof v4);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    std::memcpy(&result.storage, &v6, result.size = sizeof v6);
  } else {
    throw std::system_error(EINVAL, std::generic_category(), address);
  }
  return result;
}

File make_socket(const SocketAddress& address) {
  return File(checked(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

/// False when the peer has had enough.
bool send_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool send_pattern(int fd, const Pattern& pattern, std::uint64_t size) {
  for (std::uint64_t at = 0; at < size;) {
    const stack::base::Slice part = pattern.part(at, size - at);
    if (!send_all(fd, part.bytes())) return false;
    at += part.size;
  }
  return true;
}

/// Reads into `room` until it is full or the peer has finished, and pauses whenever it has read another `sip` bytes;
/// returns how much.
std::size_t receive_all(int fd, stack::base::MutableBytes room, std::size_t sip = 0) {
  std::size_t size = 0;
  while (size < room.size()) {
    const std::size_t wanted = std::min(room.size() - size, sip == 0 ? kReadSize : sip - size % sip);
    const ssize_t got = recv(fd, room.data() + size, wanted, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
    if (sip != 0 && size % sip == 0) std::this_thread::sleep_for(std::chrono::milliseconds(kSipPauseMs));
  }
  return size;
}

/// Up to the line feed, which is taken and left out; empty when there is none in time.
std::string receive_line(int fd, std::size_t size_max) {
  std::string line;
  char next = 0;
  while (line.size() < size_max && recv(fd, &next, 1, 0) == 1) {
    if (next == '\n') return line;
    line.push_back(next);
  }
  return {};
}

void serve_one(int fd, const Pattern& pattern, Store& store) {
  const auto request = parse_request(receive_line(fd, kRequestSizeMax));
  if (!request) return;
  if (request->verb == Verb::kGet) {
    if (!send_pattern(fd, pattern, request->size)) return;
  } else {
    const auto room = store.bytes().first(request->size);
    if (receive_all(fd, room, request->verb == Verb::kSip ? kSipSize : 0) < room.size()) return;
    if (!send_all(fd, stack::base::as_bytes(kTaken)) || !send_all(fd, stack::base::as_bytes(sha256(room) + "\n")))
      return;
  }
  shutdown(fd, SHUT_WR);
  std::uint8_t rest = 0;
  receive_all(fd, {&rest, 1});
}

std::uint32_t retransmitted(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), "getsockopt TCP_INFO");
  return info.tcpi_total_retrans;
}

void set_congestion_control(int fd, const std::string& name) {
  checked(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())),
          "setsockopt TCP_CONGESTION");
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

void serve_over_kernel(const std::string& address, std::uint16_t port, const std::string& listening,
                       const Pattern& pattern, Store& store) {
  const SocketAddress local = socket_address(address, port);
  const File listener = make_socket(local);
  const int on = 1;
  const int off = 0;
  checked(setsockopt(listener.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "setsockopt SO_REUSEADDR");
  if (local.storage.ss_family == AF_INET6)
    checked(setsockopt(listener.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), "setsockopt IPV6_V6ONLY");
  checked(bind(listener.fd(), local.get(), local.size), "bind");
  set_congestion_control(listener.fd(), "cubic");  // What our stack has too, whatever the system's default.
  checked(listen(listener.fd(), SOMAXCONN), "listen");
  fmt::print("{}\n", listening);
  std::fflush(stdout);
  while (true) {
    const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) serve_one(File(fd).fd(), pattern, store);
  }
}

Outcome transfer(const ClientOptions& options, const Pattern& pattern, Store& store) {
  const SocketAddress remote = socket_address(options.address, options.port);
  const File socket = make_socket(remote);
  if (!options.congestion_control.empty()) set_congestion_control(socket.fd(), options.congestion_control);
  checked(connect(socket.fd(), remote.get(), remote.size), "connect");
  const bool get = options.request.verb == Verb::kGet;
  const std::string_view verb = get ? "get" : options.request.verb == Verb::kPut ? "put" : "sip";
  Outcome outcome;
  const Clock::time_point begin = Clock::now();
  send_all(socket.fd(), stack::base::as_bytes(fmt::format("{} {}\n", verb, options.request.size)));
  if (get) {
    const auto room = store.bytes().first(options.request.size);
    outcome.size = receive_all(socket.fd(), room, options.slowly ? kSipSize : 0);
    outcome.seconds = seconds_since(begin);
    outcome.digest = sha256(room.first(outcome.size));
  } else {
    send_pattern(socket.fd(), pattern, options.request.size);
    const bool taken = receive_line(socket.fd(), kRequestSizeMax) + "\n" == kTaken;
    outcome.seconds = seconds_since(begin);
    outcome.size = taken ? options.request.size : 0;
    outcome.digest = receive_line(socket.fd(), 100);
  }
  outcome.retransmitted = retransmitted(socket.fd());
  return outcome;
}

}  // namespace windhover::live
