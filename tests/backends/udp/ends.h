#pragma once
// What the device's tests share: plain sockets in the place of peers, on loopback and on ports that the system chose,
// and frames to send.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/host/file.h"
#include "backends/udp/socket_address.h"
#include "backends/udp/udp.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/vxlan.h"

namespace windhover::backends::udp {

inline constexpr int kPatienceMs = 5000;
inline constexpr std::uint32_t kVni = 42;
inline constexpr stack::wire::MacAddress kUs{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr stack::wire::MacAddress kThem{{0x02, 0, 0, 0, 0, 0x01}};

inline stack::wire::Address address(std::string_view text) { return *stack::wire::Address::parse(text); }

/// A socket that plays a peer.
class End {
 public:
  explicit End(const std::string& at = "127.0.0.1", std::uint16_t port = 0) {
    const stack::wire::Endpoint wanted{address(at), port};
    family_ = wanted.address.is_v4() ? AF_INET : AF_INET6;
    socket_ = host::File(socket(family_, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    SocketAddress to;
    socklen_t size = write_address(wanted, family_, to);
    EXPECT_EQ(bind(socket_.fd(), &to.any, size), 0);
    size = sizeof to;
    EXPECT_EQ(getsockname(socket_.fd(), &to.any, &size), 0);
    endpoint_ = read_address(to);
  }

  const stack::wire::Endpoint& endpoint() const { return endpoint_; }
  /// As root: this much waits for it.
  void keep(int size) const { ASSERT_EQ(setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0); }

  void send(const stack::wire::Endpoint& to, std::string_view datagram) const {
    SocketAddress name;
    const socklen_t size = write_address(to, family_, name);
    ASSERT_EQ(sendto(socket_.fd(), datagram.data(), datagram.size(), 0, &name.any, size),
              static_cast<ssize_t>(datagram.size()));
  }
  /// The next datagram; nothing when none comes, which is waited for only with patience.
  std::optional<std::string> receive(int patience_ms = kPatienceMs) const {
    pollfd waiting{socket_.fd(), POLLIN, 0};
    if (poll(&waiting, 1, patience_ms) != 1) return std::nullopt;
    std::string datagram(70000, '\0');
    const ssize_t got = recv(socket_.fd(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (got < 0) return std::nullopt;
    datagram.resize(static_cast<std::size_t>(got));
    return datagram;
  }

 private:
  sa_family_t family_ = AF_INET;
  host::File socket_;
  stack::wire::Endpoint endpoint_;
};

inline std::string frame(std::string_view payload, const stack::wire::MacAddress& to = kUs,
                         const stack::wire::MacAddress& from = kThem) {
  std::string text(stack::wire::EthernetView::kUntaggedSize, '\0');
  const stack::wire::EthernetHeader header{to, from, {}, stack::wire::EtherType::kIpv4};
  header.write({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text.append(payload);
}

/// A datagram's payload.
inline std::string in_vxlan(std::string_view inner, std::uint32_t vni = kVni) {
  std::string text(stack::wire::VxlanHeader::kSize, '\0');
  stack::wire::VxlanHeader{vni}.write({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text.append(inner);
}

inline Config config_for(const std::vector<const End*>& peers) {
  Config config{.listen = {address("127.0.0.1"), 0}, .vni = kVni};
  for (const End* peer : peers) config.peers.push_back(peer->endpoint());
  return config;
}

/// One device, and where it listens.
struct Subject {
  explicit Subject(const Config& config) : opened(open(config)), device(*opened.lanes[0]) {}

  std::vector<stack::link::Frame> frames(const std::vector<std::string>& texts) {
    std::vector<stack::link::Frame> made;
    for (const std::string& text : texts) {
      made.push_back(device.arena().allocate());
      std::ranges::copy(stack::base::as_bytes(text), made.back().append(text.size()).begin());
    }
    return made;
  }
  /// Takes all that is offered, or the test fails.
  void transmit(const std::vector<std::string>& texts) {
    auto made = frames(texts);
    ASSERT_EQ(device.transmit(made), made.size());
  }
  /// Frames until there are `count` of them, or none come any more.
  std::vector<std::string> receive(std::size_t count) {
    std::vector<std::string> texts;
    for (int silent = 0; texts.size() < count && silent < 2;) {
      stack::link::Burst burst;
      silent = device.receive(burst) == 0 ? silent + 1 : 0;
      for (stack::link::Frame& each : burst.frames()) texts.emplace_back(stack::base::as_text(each.bytes()));
      if (silent == 1) device.wait(std::chrono::milliseconds(kPatienceMs), -1);
    }
    return texts;
  }
  /// Waits until the device has read everything that was sent to it before, of which nothing is for the stack.
  void expect_dropped(Reason reason, std::uint64_t count) {
    EXPECT_EQ(receive_until_dropped(count), std::vector<std::string>{});
    EXPECT_EQ(device.reasons().value(reason), count) << name(reason);
  }
  std::vector<std::string> receive_until_dropped(std::uint64_t count) {
    std::vector<std::string> texts;
    for (int tries = 0; tries < 100 && device.stats().received_dropped < count; ++tries) {
      device.wait(std::chrono::milliseconds(kPatienceMs), -1);
      stack::link::Burst burst;
      device.receive(burst);
      for (stack::link::Frame& each : burst.frames()) texts.emplace_back(stack::base::as_text(each.bytes()));
    }
    return texts;
  }

  Opened opened;
  Udp& device;
};

}  // namespace windhover::backends::udp
