#pragma once
// A pair of virtual interfaces in a network namespace of the test's own: s0 is ours, c0 the peer's.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/host/file.h"
#include "backends/host/vnet_header.h"
#include "stack/base/bytes.h"
#include "tests/backends/host/own_namespace.h"

namespace windhover::backends::xdp {

/// For local experiments (IEEE 802): the kernel has nothing to say to such frames.
inline constexpr std::uint16_t kExperimental = 0x88b5;

/// Tries for what the kernel does on its own time, of a millisecond each.
inline constexpr int kTries = 5000;

inline bool eventually(const std::function<bool()>& condition) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (condition()) return true;
    poll(nullptr, 0, 1);
  }
  return false;
}

/// What the peer sees of a frame.
struct Seen {
  std::vector<std::uint8_t> bytes;
  stack::link::Offload offload;
};

/// A packet socket of the kernel's on an interface: reads what arrives there and sends what it is given.
class Peer {
 public:
  explicit Peer(const std::string& interface = "c0", std::uint16_t ether_type = kExperimental)
      : file_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), buffer_(host::kVnetHeaderSize + 70000) {
    const int on = 1;
    const int size = 64 << 20;
    EXPECT_EQ(setsockopt(fd(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
    EXPECT_EQ(setsockopt(fd(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), 0);
    EXPECT_EQ(setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0);
    EXPECT_EQ(setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ether_type);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    EXPECT_EQ(bind(fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  int fd() const { return file_.fd(); }

  std::optional<Seen> try_receive() {
    const ssize_t got = recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (got < static_cast<ssize_t>(host::kVnetHeaderSize)) return {};
    Seen seen{{buffer_.begin() + host::kVnetHeaderSize, buffer_.begin() + got}, {}};
    const auto offload = host::read_vnet_header(buffer_.data(), seen.bytes);
    EXPECT_TRUE(offload);
    if (offload) seen.offload = *offload;
    return seen;
  }
  /// Waits for a frame; nothing when none comes.
  std::optional<Seen> receive() {
    pollfd waiting{fd(), POLLIN, 0};
    if (poll(&waiting, 1, kTries) != 1) return {};
    return try_receive();
  }
  bool send(stack::base::Bytes frame) const {
    std::vector<std::uint8_t> bytes(host::kVnetHeaderSize);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return ::send(fd(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  }

 private:
  host::File file_;
  std::vector<std::uint8_t> buffer_;
};

/// Writes an experimental frame that says `number` and fills the rest with its low byte.
inline void write_frame(stack::base::MutableBytes frame, std::uint32_t number) {
  std::ranges::fill(frame, static_cast<std::uint8_t>(number));
  std::ranges::fill(frame.first(12), std::uint8_t{2});
  stack::base::store_be(frame.data() + 12, kExperimental);
  stack::base::store_be(frame.data() + 14, number);
}
inline std::uint32_t number_of(const std::vector<std::uint8_t>& frame) {
  return frame.size() < 18 ? UINT32_MAX : stack::base::load_be<std::uint32_t>(frame.data() + 14);
}

class VethTest : public host::OwnNamespace {
 protected:
  void SetUp() override {
    OwnNamespace::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
    run("ip link add s0 numtxqueues 2 numrxqueues 2 type veth peer name c0 numtxqueues 2 numrxqueues 2");
    run("ethtool -L s0 rx 2 tx 2 && ethtool -L c0 rx 2 tx 2");
    run("ip link set s0 up && ip link set c0 up");
    index_ = static_cast<int>(if_nametoindex("s0"));
    ASSERT_TRUE(eventually([] { return is_active("s0") && is_active("c0"); }));
  }

  /// The kernel gives an interface its queueing discipline a little after it is up; until then it loses frames.
  static bool is_active(const std::string& interface) {
    return std::system(("ip link show " + interface + " | grep -q 'qdisc noqueue state UP'").c_str()) == 0;
  }

  /// From its second packet on the peer looks at its ring of 256 only when a tenth of a second has passed.
  static void hold_peer_back() {
    run("ethtool -K s0 tso off && ethtool -K c0 gro on");  // Only then frames wait in its ring.
    run("unshare -m sh -c 'mount -t sysfs none /sys && cd /sys/class/net/c0 && echo 100000000 > gro_flush_timeout && "
        "echo 1000000 > napi_defer_hard_irqs'");
  }

  static bool kernel_is_at_least(int major, int minor) {
    utsname name{};
    int have_major = 0;
    int have_minor = 0;
    uname(&name);
    return std::sscanf(name.release, "%d.%d", &have_major, &have_minor) == 2 &&
           std::pair(have_major, have_minor) >= std::pair(major, minor);
  }

  int index_ = 0;
};

}  // namespace windhover::backends::xdp
