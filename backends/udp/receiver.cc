#include "backends/udp/receiver.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "stack/wire/ethernet.h"
#include "stack/wire/vxlan.h"

namespace windhover::backends::udp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
namespace wire = stack::wire;
using link::Frame;

/// Larger than any datagram, as little as that is: a multiple of 64 KiB would put all buffers into the same sets of the
/// caches.
constexpr std::uint32_t kDatagramMax = 65536;
constexpr std::uint32_t kLinkHeaderMax = wire::EthernetView::kTaggedSize;
/// Where an inner packet begins: aligned, with room in front for what the stack puts there.
constexpr std::uint32_t kPacketAt = 128;
constexpr std::uint32_t kDatagramAt = kPacketAt - wire::EthernetView::kUntaggedSize - wire::VxlanView::kHeaderSize;
constexpr std::uint32_t kCacheLine = 64;

link::ArenaShape shape_of(const Config& config, std::uint16_t mtu) {
  const std::uint32_t largest =
      config.super_frames ? kDatagramMax : wire::VxlanView::kHeaderSize + kLinkHeaderMax + mtu;
  const std::uint32_t size = (kDatagramAt + largest + kCacheLine - 1) / kCacheLine * kCacheLine;
  return {config.receive_frames, size, kDatagramAt, false};
}

base::Instant now() { return base::Instant(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace

Receiver::Receiver(const Config& config, std::uint16_t mtu, Peers& peers, Stations& stations, Reasons& reasons,
                   link::DeviceStats& stats)
    : vni_(config.vni),
      learn_from_(config.learn_from),
      learnt_port_(config.learnt_port),
      checksum_(config.receive_checksum),
      peers_(peers),
      stations_(stations),
      reasons_(reasons),
      stats_(stats),
      arena_(shape_of(config, mtu)) {
  CHECK(config.receive_frames >= 2 * kBatch);
}

std::size_t Receiver::receive(int fd, link::Burst& burst, int& failure) {
  const std::size_t before = burst.size();
  if (!has_more()) read(fd, burst.room(), failure);
  while (has_more() && !burst.full()) {
    const std::size_t taken = at_;
    take(at_, burst);
    if (at_ == taken) break;  // No buffer: the rest waits for some to come back.
  }
  stats_.received_frames += burst.size() - before;
  return burst.size() - before;
}

bool Receiver::prepare(std::size_t index) {
  Slot& slot = slots_[index];
  slot.frame = arena_.allocate();
  if (!slot.frame) return false;
  const base::MutableBytes room = slot.frame.append(slot.frame.tailroom());
  slot.part = {room.data(), room.size()};
  return true;
}

void Receiver::read(int fd, std::size_t room, int& failure) {
  at_ = count_ = offset_ = 0;
  for (std::size_t index = 0; index < room; ++index) {
    if (!slots_[index].frame && !prepare(index)) {
      room = index;
      break;
    }
    Slot& slot = slots_[index];
    messages_[index].msg_hdr = {.msg_name = &slot.source,
                                .msg_namelen = sizeof slot.source,
                                .msg_iov = &slot.part,
                                .msg_iovlen = 1,
                                .msg_control = slot.control.data(),
                                .msg_controllen = slot.control.size(),
                                .msg_flags = 0};
  }
  if (room == 0) return;
  const int got = recvmmsg(fd, messages_.data(), static_cast<unsigned>(room), MSG_DONTWAIT, nullptr);
  if (got > 0) {
    count_ = static_cast<std::size_t>(got);
    if (!learn_from_.empty()) now_ = now();
  } else if (got < 0 && (errno == EBADF || errno == ENOTSOCK)) {
    failure = errno;
  }
  // Any other error is an ICMP message about something sent: it is taken off the socket by being told.
}

std::size_t Receiver::joined_size(std::size_t index) const {
  msghdr header = messages_[index].msg_hdr;
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    if (each->cmsg_level != SOL_UDP || each->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(each), sizeof size);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
  }
  return 0;
}

/// Leaves `at_` where it is when there is no buffer to go on with.
void Receiver::take(std::size_t index, link::Burst& burst) {
  Slot& slot = slots_[index];
  const std::size_t size = messages_[index].msg_len;
  const bool truncated = (messages_[index].msg_hdr.msg_flags & MSG_TRUNC) != 0;
  const std::size_t joined = joined_size(index);
  if (joined != 0 && joined < size && !truncated) return take_apart(index, joined, burst);
  ++at_;
  if (truncated) {
    drop(Reason::kTruncated);
    return;
  }
  if (!is_for_us(index, slot.frame.bytes().first(size))) return;
  slot.frame.truncate(size);
  slot.frame.trim_front(wire::VxlanView::kHeaderSize);
  hand_up(std::move(slot.frame), burst);
}

void Receiver::take_apart(std::size_t index, std::size_t size, link::Burst& burst) {
  const base::Bytes all = slots_[index].frame.bytes().first(messages_[index].msg_len);
  while (offset_ < all.size()) {
    if (burst.full()) return;
    const base::Bytes datagram = all.subspan(offset_, std::min(size, all.size() - offset_));
    Frame frame = arena_.allocate();
    if (!frame) return;
    offset_ += datagram.size();
    if (!is_for_us(index, datagram)) continue;
    const base::Bytes inner = datagram.subspan(wire::VxlanView::kHeaderSize);
    frame.clear(kDatagramAt + wire::VxlanView::kHeaderSize);
    std::memcpy(frame.append(inner.size()).data(), inner.data(), inner.size());
    hand_up(std::move(frame), burst);
  }
  offset_ = 0;
  ++at_;
}

bool Receiver::drop(Reason reason) {
  reasons_.count(reason);
  ++stats_.received_dropped;
  return false;
}

bool Receiver::is_for_us(std::size_t index, base::Bytes datagram) {
  const wire::Endpoint source = read_address(slots_[index].source);
  auto peer = peers_.find(source);
  const auto within = [&](const Network& network) {
    return source.address.in_prefix(network.address, network.prefix_length);
  };
  if (!peer && std::ranges::none_of(learn_from_, within)) return drop(Reason::kUnknownPeer);
  const auto view = wire::VxlanView::parse(datagram);
  if (!view || view->frame().size() < wire::EthernetView::kUntaggedSize) return drop(Reason::kMalformed);
  if (view->vni() != vni_) return drop(Reason::kWrongVni);
  if (!peer) {
    const bool partial = checksum_ == ReceiveChecksum::kAcceptPartial ||
                         (checksum_ == ReceiveChecksum::kAuto && source.address.is_loopback());
    const auto learnt = peers_.learn({source.address, learnt_port_}, partial, now_);
    if (!learnt.index) return drop(Reason::kPeersFull);
    if (learnt.replaced) stations_.forget(*learnt.index);
    peer = learnt.index;
  } else if (peers_[*peer].learnt) {
    peers_.hear(*peer, now_);
  }
  // With one peer, everything goes there anyway.
  if (peers_.size() > 1) stations_.learn(wire::MacAddress::load(view->frame().subspan(6)), *peer);
  from_ = *peer;
  return true;
}

void Receiver::hand_up(Frame frame, link::Burst& burst) {
  frame.offload().checksum = peers_[from_].accept_partial ? link::Checksum::kEither : link::Checksum::kNone;
  stats_.received_bytes += frame.size();
  burst.push(std::move(frame));
}

}  // namespace windhover::backends::udp
