#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "backends/udp/socket_address.h"
#include "backends/udp/udp.h"
#include "stack/base/check.h"
#include "stack/base/setup_error.h"

#if WINDHOVER_WITH_NETLINK
#include "backends/host/interface.h"
#include "backends/udp/steering_program.h"
#endif

namespace windhover::backends::udp {
namespace {

namespace base = stack::base;
using base::SetupError;
using stack::wire::Endpoint;

constexpr std::uint16_t kMtuMin = 576;  // RFC 791's least, as of the other devices.
/// What fits into 1500 bytes behind Ethernet, VXLAN, UDP and IP headers, as Linux's device reckons.
constexpr std::uint16_t kMtuOverIpv4 = 1450;
constexpr std::uint16_t kMtuOverIpv6 = 1430;
/// What fits into the largest datagram.
constexpr std::uint16_t kMtuMax = 65450;

/// Bytes that may wait for a busy link below: four bursts of full frames.
constexpr int kSendBuffer = 1 << 20;

std::string remedy_for_bind(const Endpoint& listen, int error) {
  switch (error) {
    case EADDRINUSE:
      return "Another process has the port, or the kernel's own vxlan device (see: ss -ulpn, ip -d link show type "
             "vxlan): stop it, or choose another port in backend.listen.";
    case EADDRNOTAVAIL:
      return listen.address.to_string() + " is not an address of this machine: put one of its own into backend.listen.";
    case EACCES:
      return "Ports below 1024 need CAP_NET_BIND_SERVICE: choose another one in backend.listen.";
    case EAFNOSUPPORT:
      return "This kernel runs without IPv6: put an IPv4 address into backend.listen.";
    default:
      return "Choose another address or port in backend.listen.";
  }
}

/// Without, some of what the operator wants is worse; nothing stops working.
bool set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value) == 0; }

std::string refused(std::string_view what, std::string_view consequence) {
  return std::string(what) + ": " + std::strerror(errno) + ": " + std::string(consequence);
}

/// Larger than net.core.rmem_max where we may; returns what the kernel then keeps.
std::uint32_t set_receive_buffer(int fd, std::uint32_t wanted) {
  const auto value = static_cast<int>(std::min<std::uint32_t>(wanted, INT32_MAX / 2));
  if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, value)) set(fd, SOL_SOCKET, SO_RCVBUF, value);
  int given = 0;
  socklen_t size = sizeof given;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &given, &size);
  return static_cast<std::uint32_t>(given);
}

/// Never fragments, and never asks ICMP for how large a datagram may be.
void set_path_mtu(int fd, bool v4) {
  if (!v4) set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

host::File open_socket(const Endpoint& listen) {
  const bool v4 = listen.address.is_v4();
  host::File file(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (file.fd() < 0) throw SetupError("UDP socket", errno, remedy_for_bind(listen, errno));
  if (!v4) set(file.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_path_mtu(file.fd(), v4);
  return file;
}

void bind_socket(int fd, const Endpoint& listen) {
  SocketAddress address;
  const socklen_t size = write_address(listen, listen.address.is_v4() ? AF_INET : AF_INET6, address);
  if (bind(fd, &address.any, size) != 0)
    throw SetupError("bind UDP " + listen.to_string(), errno, remedy_for_bind(listen, errno));
}

Endpoint name_of(int fd) {
  SocketAddress address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, &address.any, &size) != 0) throw SetupError("getsockname", errno, "Try again.");
  return read_address(address);
}

void share_port(int fd) {
  if (!set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) throw SetupError("setsockopt SO_REUSEPORT", errno, "Set lane.count to 1.");
}

#if WINDHOVER_WITH_NETLINK
void attach_steering(int fd, std::size_t lane_count) {
  std::vector<sock_filter> program = steering_program(static_cast<std::uint32_t>(lane_count));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  // Without it a lane could be asked by peers that only another has learnt of.
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) != 0)
    throw SetupError("setsockopt SO_ATTACH_REUSEPORT_CBPF", errno, "Set lane.count to 1.");
}

bool is_virtual(const char* interface) { return host::query_interface(interface).is_virtual(); }
#else
// Both are Linux's own.
void attach_steering(int, std::size_t) {
  throw SetupError("steering between the sockets of several lanes", ENOTSUP,
                   "This program was built without Linux's own parts: set lane.count to 1.");
}

bool is_virtual(const char*) { return false; }
#endif

bool has_v6(const Config& config) {
  return std::ranges::any_of(config.peers, [](const Endpoint& peer) { return !peer.address.is_v4(); }) ||
         std::ranges::any_of(config.learn_from, [](const Network& network) { return !network.address.is_v4(); });
}

void validate(const Config& config, std::uint16_t mtu) {
  const Endpoint& listen = config.listen;
  for (const Endpoint& peer : config.peers) {
    const bool reachable =
        listen.address.is_v4() ? peer.address.is_v4() : !peer.address.is_v4() || listen.address.is_unspecified();
    if (!reachable) {
      throw SetupError("peer " + peer.to_string() + " from " + listen.to_string(), EAFNOSUPPORT,
                       "Listen on an address of its family, or on [::], which serves both.");
    }
    if (peer.address.is_unspecified() || peer.address.is_multicast() || peer.port == 0) {
      throw SetupError(
          "peer " + peer.to_string(), EINVAL,
          "A peer is one machine's address and a port from 1 to 65535. Frames to a group are sent to every "
          "peer in turn.");
    }
  }
  if (config.peers.size() > kPeersMax || config.learnt_max > kPeersMax || config.learnt_port == 0)
    throw SetupError("peers", EINVAL, "At most 1024 are configured and at most 1024 learnt, with a port each.");
  if (config.vni > stack::wire::kVniMax)
    throw SetupError("VNI " + std::to_string(config.vni), EINVAL, "Choose one from 0 to 16777215.");
  if (mtu < kMtuMin || mtu > kMtuMax)
    throw SetupError("MTU " + std::to_string(mtu), EINVAL, "Choose an MTU from 576 to 65450.");
  if (config.receive_frames < 2 * stack::link::kBurstMax || config.transmit_frames < stack::link::kBurstMax)
    throw SetupError("frame counts", EINVAL, "A device needs at least 128 frames to receive and 64 to transmit.");
}

/// Whether datagrams to and from `peer` cross no card: what it sends may then have checksums that nobody completed.
/// Anything that cannot be found out means no.
bool is_near(const Endpoint& peer) {
  if (peer.address.is_loopback()) return true;
  const sa_family_t family = peer.address.is_v4() ? AF_INET : AF_INET6;
  const host::File scout(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress to;
  const socklen_t size = write_address(peer, family, to);
  if (scout.fd() < 0 || connect(scout.fd(), &to.any, size) != 0) return false;
  const Endpoint ours = name_of(scout.fd());
  if (ours.address == peer.address) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != family) continue;
    SocketAddress address{};
    std::memcpy(&address, each->ifa_addr, family == AF_INET ? sizeof address.v4 : sizeof address.v6);
    if (read_address(address).address == ours.address) return is_virtual(each->ifa_name);
  }
  return false;
}

std::vector<KnownPeer> know(const Config& config) {
  std::vector<KnownPeer> known;
  for (const Endpoint& peer : config.peers) {
    const bool accept = config.receive_checksum == ReceiveChecksum::kAcceptPartial ||
                        (config.receive_checksum == ReceiveChecksum::kAuto && is_near(peer));
    known.push_back({peer, accept});
  }
  return known;
}

base::SipKey fresh_key() {
  base::SipKey key;
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    throw SetupError("getrandom", errno, "Try again.");
  return key;
}

}  // namespace

std::uint16_t mtu_of(const Config& config) { return config.mtu.value_or(has_v6(config) ? kMtuOverIpv6 : kMtuOverIpv4); }

Listener::Listener(const Config& config, std::size_t lane_count) : local_(config.listen) {
  CHECK(lane_count > 0);
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    host::File file = open_socket(config.listen);
    if (lane > 0) share_port(file.fd());
    bind_socket(file.fd(), local_);
    if (lane == 0) {
      local_ = name_of(file.fd());
      // Only now: bound without it, this socket has shown that the port is nobody else's.
      if (lane_count > 1) share_port(file.fd());
    }
    receive_buffer_ = set_receive_buffer(file.fd(), config.receive_buffer);
    set(file.fd(), SOL_SOCKET, SO_SNDBUF, kSendBuffer);
    if (config.segmentation && config.super_frames && !set(file.fd(), SOL_UDP, UDP_GRO, 1) && lane == 0)
      notes_.push_back(refused("setsockopt UDP_GRO", "datagrams arrive one by one."));
    sockets_.push_back(std::move(file));
  }
  if (lane_count > 1) attach_steering(sockets_[0].fd(), lane_count);
  if (receive_buffer_ < config.receive_buffer) {
    notes_.push_back("The kernel keeps " + std::to_string(receive_buffer_ / 1024) +
                     " KiB of datagrams for each lane, less than receiveBuffer asks for: sysctl -w net.core.rmem_max=" +
                     std::to_string(config.receive_buffer) + ".");
  }
}

Opened Listener::open(const Config& config) && {
  CHECK(!sockets_.empty());
  const std::uint16_t mtu = mtu_of(config);
  validate(config, mtu);
  const std::vector<KnownPeer> peers = know(config);
  const base::SipKey key = fresh_key();
  Opened opened{.lanes = {}, .local = local_, .mtu = mtu, .receive_buffer = receive_buffer_, .notes = notes_};
  for (host::File& socket : sockets_)
    opened.lanes.push_back(std::make_unique<Udp>(config, mtu, std::move(socket), peers, key));
  sockets_.clear();
  return opened;
}

Opened open(const Config& config, std::size_t lane_count) {
  validate(config, mtu_of(config));
  return Listener(config, lane_count).open(config);
}

}  // namespace windhover::backends::udp
