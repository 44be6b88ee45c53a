#include "backends/udp/transmitter.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "stack/wire/ethernet.h"
#include "stack/wire/vxlan.h"

namespace windhover::backends::udp {
namespace {

namespace link = stack::link;
namespace wire = stack::wire;
using link::Frame;

/// What the kernel takes in one message: UDP_MAX_SEGMENTS of kernels before 6.9, and what IPv4's total length leaves.
constexpr std::size_t kSegmentsMax = 64;
constexpr std::size_t kMessageMax = 65507;

}  // namespace

Transmitter::Transmitter(const Config& config, sa_family_t family, const Peers& peers, const Stations& stations,
                         Reasons& reasons, link::DeviceStats& stats)
    : header_{config.vni},
      family_(family),
      peers_(peers),
      stations_(stations),
      reasons_(reasons),
      stats_(stats),
      segments_(config.segmentation) {}

std::size_t Transmitter::transmit(int fd, std::span<Frame> frames, int& failure) {
  blocked_ = false;
  std::size_t taken = 0;
  while (taken < frames.size()) {
    const auto left = frames.subspan(taken);
    if (!peer_of(left[0])) {
      if (!replicate(fd, left[0], failure)) break;
      ++taken;
      continue;
    }
    const std::size_t composed = compose(left);
    taken += send(fd, left.first(composed), failure);
    if (blocked_) break;
  }
  if (blocked_) ++stats_.transmit_blocked;
  return taken;
}

/// Nothing: every peer's.
std::optional<PeerIndex> Transmitter::peer_of(const Frame& frame) const {
  if (peers_.size() == 1) return PeerIndex{0};
  return stations_.find(wire::MacAddress::load(frame.bytes()));
}

std::size_t Transmitter::compose(std::span<Frame> frames) {
  message_count_ = 0;
  std::size_t index = 0;
  for (; index < frames.size() && index < kBatch; ++index) {
    Frame& frame = frames[index];
    const auto peer = peer_of(frame);
    if (!peer) break;
    header_.write(frame.prepend(wire::VxlanHeader::kSize));
    parts_[index] = {frame.bytes().data(), frame.size()};
    if (!join(*peer, frame.size())) begin(*peer, index, frame.size());
  }
  for (std::size_t at = 0; at < message_count_; ++at) {
    Message& message = messages_[at];
    msghdr& header = headers_[at].msg_hdr;
    header.msg_iovlen = message.frame_count;
    if (message.frame_count == 1) continue;
    header.msg_control = message.control.data();
    header.msg_controllen = message.control.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto size = static_cast<std::uint16_t>(message.frame_size);
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }
  return index;
}

bool Transmitter::join(PeerIndex peer, std::size_t size) {
  if (!segments_ || message_count_ == 0 || peer != last_peer_) return false;
  Message& message = messages_[message_count_ - 1];
  if (message.complete || size > message.frame_size || message.frame_count == kSegmentsMax ||
      message.size + size > kMessageMax) {
    return false;
  }
  message.complete = size < message.frame_size;
  message.size += size;
  ++message.frame_count;
  return true;
}

void Transmitter::begin(PeerIndex peer, std::size_t index, std::size_t size) {
  Message& message = messages_[message_count_];
  msghdr& header = headers_[message_count_].msg_hdr;
  header = {};
  header.msg_name = &message.to;
  header.msg_namelen = write_address(peers_[peer].endpoint, family_, message.to);
  header.msg_iov = &parts_[index];
  message.frame_count = 1;
  message.frame_size = message.size = size;
  message.complete = false;
  last_peer_ = peer;
  ++message_count_;
}

std::size_t Transmitter::send(int fd, std::span<Frame> frames, int& failure) {
  std::size_t done = 0;
  std::size_t at = 0;
  const auto account_next = [&](bool sent) {
    const std::size_t count = messages_[at].frame_count;
    account(messages_[at++], frames.subspan(done, count), sent);
    done += count;
  };
  while (at < message_count_) {
    const int sent = sendmmsg(fd, &headers_[at], static_cast<unsigned>(message_count_ - at), MSG_DONTWAIT);
    if (sent < 0 && !refused(messages_[at], errno, failure)) break;
    if (sent < 0) account_next(false);
    for (int count = 0; count < sent; ++count) account_next(true);
  }
  for (Frame& frame : frames.subspan(done)) frame.trim_front(wire::VxlanHeader::kSize);
  return done;
}

void Transmitter::account(const Message& message, std::span<Frame> frames, bool sent) {
  for (Frame& frame : frames) frame.reset();
  if (!sent) {
    stats_.transmit_dropped += frames.size();
    return;
  }
  stats_.transmitted_frames += frames.size();
  stats_.transmitted_bytes += message.size - frames.size() * wire::VxlanHeader::kSize;
}

bool Transmitter::refused(const Message& message, int error, int& failure) {
  switch (error) {
    case EAGAIN:
      blocked_ = true;
      return false;
    case EINTR:
      return false;
    case EBADF:
    case ENOTSOCK:
      failure = error;
      return true;
    case EMSGSIZE:
    case EINVAL:
    case EIO:
      // One by one they may be taken, and if not, the kernel's answer says which is at fault.
      if (message.frame_count > 1) {
        segments_ = false;
        return false;
      }
      reasons_.count(error == EMSGSIZE ? Reason::kTooLarge : Reason::kRefused);
      return true;
    default:
      // Of this message, or an ICMP error about an earlier one: either way a frame is lost as it would be on a wire.
      reasons_.count(Reason::kRefused, message.frame_count);
      return true;
  }
}

bool Transmitter::replicate(int fd, Frame& frame, int& failure) {
  if (peers_.size() == 0) {
    reasons_.count(Reason::kNoPeer);
    ++stats_.transmit_dropped;
    frame.reset();
    return true;
  }
  const std::size_t size = frame.size();
  header_.write(frame.prepend(wire::VxlanHeader::kSize));
  parts_[0] = {frame.bytes().data(), frame.size()};
  std::size_t copies = 0;
  for (std::size_t first = 0; first < peers_.size(); first += kBatch) {
    message_count_ = 0;
    for (std::size_t peer = first; peer < std::min(first + kBatch, peers_.size()); ++peer) {
      begin(static_cast<PeerIndex>(peer), 0, frame.size());
      headers_[message_count_ - 1].msg_hdr.msg_iovlen = 1;
    }
    for (std::size_t at = 0; at < message_count_;) {
      const int sent = sendmmsg(fd, &headers_[at], static_cast<unsigned>(message_count_ - at), MSG_DONTWAIT);
      if (sent > 0) {
        at += static_cast<std::size_t>(sent);
        copies += static_cast<std::size_t>(sent);
      } else if (refused(messages_[at], errno, failure)) {
        ++at;
      } else if (!blocked_) {
        continue;
      } else if (copies == 0) {
        frame.trim_front(wire::VxlanHeader::kSize);
        return false;
      } else {
        at = message_count_;  // Who has had it has had it; the others lose a frame.
        blocked_ = false;
      }
    }
  }
  frame.reset();
  if (copies == 0) {
    ++stats_.transmit_dropped;
  } else {
    ++stats_.transmitted_frames;
    stats_.transmitted_bytes += size;
  }
  return true;
}

}  // namespace windhover::backends::udp
