#include "backends/xdp/xdp.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using Obstacle = Transmitter::Obstacle;

/// How long a blocked lane sleeps when nothing will wake it: the kernel frees its buffers within microseconds, and an
/// interface that is down stays so for much longer.
constexpr base::Duration kBusyRest = std::chrono::microseconds(200);
constexpr base::Duration kDownRest = std::chrono::milliseconds(20);

TransmitWays ways_of(LaneParts& parts) {
  const bool ring = !parts.sockets.empty() && parts.ring_transmits;
  return {.socket = ring ? &parts.sockets[0] : nullptr,
          .packet_socket = parts.packet_socket.get(),
          .metadata = ring && parts.sockets[0].has_metadata()};
}

std::uint32_t headroom_of(const LaneParts& parts) {
  return !parts.sockets.empty() && parts.sockets[0].has_metadata() ? kMetadataSize : 0;
}

bool is_gone(const PacketSocket& packet_socket) {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  return getsockname(packet_socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.sll_ifindex < 0;
}

}  // namespace

Xdp::Xdp(LaneParts parts)
    : umem_(std::move(parts.umem)),
      receive_chunks_(*umem_, 0, parts.receive_frames, 0, false),
      transmit_chunks_(*umem_, parts.receive_frames, parts.transmit_frames, headroom_of(parts), true),
      parts_(std::move(parts)),
      receiver_(parts_.sockets, receive_chunks_, parts_.gathered_size,
                parts_.caps.receive_partial_checksum ? link::Checksum::kEither : link::Checksum::kNone, stats_),
      transmitter_(ways_of(parts_), transmit_chunks_, headroom_of(parts_), stats_) {
  parts_.caps.headroom = static_cast<std::uint16_t>(headroom_of(parts_));
  parts_.caps.busy_poll = std::ranges::any_of(parts_.sockets, &Socket::busy_poll);
  for (const Socket& socket : parts_.sockets) waiting_.push_back({socket.fd(), POLLIN, 0});
  waiting_.push_back({-1, POLLIN, 0});
  receiver_.fill();
}

Xdp::~Xdp() {
  // The first socket has registered the memory that the others use.
  while (!parts_.sockets.empty()) parts_.sockets.pop_back();
}

std::size_t Xdp::receive(link::Burst& burst) {
  if (failure() != 0) return 0;
  transmitter_.reclaim();
  return receiver_.receive(burst);
}

void Xdp::pass(link::Frame frame) {
  frame.reset();
  ++stats_.passed_frames;
}

void Xdp::wait(base::Duration longest, int wake_fd) {
  const bool works = failure() == 0;
  for (std::size_t at = 0; at < parts_.sockets.size(); ++at) waiting_[at].fd = works ? parts_.sockets[at].fd() : -1;
  waiting_.back().fd = wake_fd;
  if (works && !parts_.sockets.empty()) waiting_[0].events = POLLIN;
  switch (works ? transmitter_.obstacle() : Obstacle::kNone) {
    case Obstacle::kNone:
      break;
    case Obstacle::kRingFull:
      waiting_[0].events = POLLIN | POLLOUT;
      break;
    case Obstacle::kBusy:
      // In copy mode poll() itself sends what lies in the ring, and does not say what it lost: this socket is left out.
      if (!parts_.sockets.empty()) waiting_[0].fd = -1;
      longest = std::min(longest, kBusyRest);
      break;
    case Obstacle::kDown:
      longest = std::min(longest, kDownRest);
      break;
  }
  const auto nanoseconds = std::max(longest, base::Duration::zero()).count();
  const timespec timeout{nanoseconds / std::nano::den, nanoseconds % std::nano::den};
  if (ppoll(waiting_.data(), waiting_.size(), &timeout, nullptr) == 0 && works) look_for_failure();
}

/// An interface that is deleted says so to nobody who only receives: poll() goes on as if nothing would ever come.
void Xdp::look_for_failure() {
  for (Socket& socket : parts_.sockets) {
    const int error = socket.take_error();
    if (error != 0) return transmitter_.fail(error);
  }
  if (parts_.sockets.empty() && is_gone(*parts_.packet_socket)) transmitter_.fail(ENXIO);
}

SocketStatistics Xdp::socket_statistics() const {
  SocketStatistics total;
  for (const Socket& socket : parts_.sockets) {
    const SocketStatistics one = socket.statistics();
    total.rx_dropped += one.rx_dropped;
    total.rx_invalid += one.rx_invalid;
    total.tx_invalid += one.tx_invalid;
    total.rx_ring_full += one.rx_ring_full;
    total.rx_fill_empty += one.rx_fill_empty;
    total.tx_ring_empty += one.tx_ring_empty;
  }
  return total;
}

std::size_t Xdp::memory_size() const {
  return umem_->memory_size() + receive_chunks_.bookkeeping_size() + transmit_chunks_.bookkeeping_size() +
         receiver_.memory_size();
}

}  // namespace windhover::backends::xdp
