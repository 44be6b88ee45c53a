#include "backends/udp/udp.h"

#include <linux/sock_diag.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "stack/wire/ethernet.h"

namespace windhover::backends::udp {
namespace {

namespace base = stack::base;
namespace link = stack::link;

/// Where a packet begins in a fresh buffer: the stack's headers and ours fit in front of it.
constexpr std::uint32_t kPacketAt = 128;
constexpr std::uint32_t kCacheLine = 64;

link::Caps caps_of(std::uint16_t mtu, const std::vector<KnownPeer>& peers) {
  link::Caps caps;
  caps.mtu = mtu;
  caps.headroom = stack::wire::VxlanHeader::kSize;
  caps.receive_partial_checksum = std::ranges::any_of(peers, &KnownPeer::accept_partial);
  return caps;
}

link::ArenaShape transmit_shape(const Config& config, std::uint16_t mtu) {
  const std::uint32_t size = (kPacketAt + mtu + kCacheLine - 1) / kCacheLine * kCacheLine;
  return {config.transmit_frames, size, kPacketAt, false};
}

sa_family_t family_of(const Config& config) {
  return config.listen.address.is_v4() ? sa_family_t{AF_INET} : sa_family_t{AF_INET6};
}

}  // namespace

Udp::Udp(const Config& config, std::uint16_t mtu, host::File socket, const std::vector<KnownPeer>& peers,
         const base::SipKey& key)
    : name_("vxlan" + std::to_string(config.vni)),
      socket_(std::move(socket)),
      caps_(caps_of(mtu, peers)),
      transmit_arena_(transmit_shape(config, mtu)),
      peers_(peers.size(), config.learn_from.empty() ? 0 : config.learnt_max, key),
      stations_(key),
      receiver_(config, mtu, peers_, stations_, reasons_, stats_),
      transmitter_(config, family_of(config), peers_, stations_, reasons_, stats_) {
  for (const KnownPeer& peer : peers) peers_.add(peer.endpoint, peer.accept_partial);
  if (!config.learn_from.empty() && config.receive_checksum != ReceiveChecksum::kVerify)
    caps_.receive_partial_checksum = true;
}

std::size_t Udp::receive(link::Burst& burst) { return receiver_.receive(socket_.fd(), burst, failure_); }

std::size_t Udp::transmit(std::span<link::Frame> frames) {
  return transmitter_.transmit(socket_.fd(), frames, failure_);
}

void Udp::pass(link::Frame frame) {
  frame.reset();
  ++stats_.passed_frames;
}

void Udp::wait(base::Duration longest, int wake_fd) {
  if (receiver_.has_more()) return;
  const auto events = static_cast<short>(transmitter_.blocked() ? POLLIN | POLLOUT : POLLIN);
  std::array<pollfd, 2> waiting{{{failure_ == 0 ? socket_.fd() : -1, events, 0}, {wake_fd, POLLIN, 0}}};
  const auto nanoseconds = std::max(longest, base::Duration::zero()).count();
  const timespec timeout{nanoseconds / std::nano::den, nanoseconds % std::nano::den};
  ppoll(waiting.data(), waiting.size(), &timeout, nullptr);
}

std::uint64_t Udp::overruns() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket_.fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

}  // namespace windhover::backends::udp
