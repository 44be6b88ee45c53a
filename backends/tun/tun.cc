#include "backends/tun/tun.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "backends/host/vnet_header.h"

namespace windhover::backends::tun {
namespace {

namespace base = stack::base;
namespace link = stack::link;

constexpr std::uint32_t kSuperFrameMax = 65535;     // IPv4's total length; the kernel's own bound is no lower.
constexpr std::uint32_t kReceivePacketMax = 65575;  // IPv6's payload length counts no header.
constexpr std::uint32_t kLinkHeaderMax = 18;
constexpr std::uint32_t kPacketAt =
    128;  // Where a packet begins in a fresh buffer: the stack's headers fit in front of it.
constexpr std::uint32_t kCacheLine = 64;

link::Caps make_caps(const Config& config, const Offered& offered) {
  link::Caps caps;
  caps.medium = config.layer == Layer::kIp ? link::Medium::kIp : link::Medium::kEthernet;
  caps.mtu = config.mtu;
  caps.headroom = offered.vnet_header ? host::kVnetHeaderSize : 0;
  caps.receive_partial_checksum = offered.receive_checksum;
  caps.transmit_checksum = caps.transmit_gso = offered.vnet_header;
  caps.gso_size_max = offered.vnet_header ? kSuperFrameMax : 0;
  caps.gather = true;
  return caps;
}

std::uint32_t buffer_size(std::uint32_t packet_size) {
  return (kPacketAt + kLinkHeaderMax + packet_size + kCacheLine - 1) / kCacheLine * kCacheLine;
}

link::ArenaShape receive_shape(const Config& config, const Offered& offered) {
  const std::uint32_t packet_size = offered.vnet_header ? kReceivePacketMax : config.mtu;
  // A packet is read together with its virtio-net header, so that it lands aligned and one read() does.
  return {config.receive_frames, buffer_size(packet_size), kPacketAt - host::kVnetHeaderSize, false};
}

link::ArenaShape transmit_shape(const Config& config) {
  return {config.transmit_frames, buffer_size(config.mtu), kPacketAt, true};
}

}  // namespace

Tun::Tun(const Config& config, Queue queue)
    : name_(config.name),
      file_(std::move(queue.file)),
      vnet_size_(queue.offered.vnet_header ? host::kVnetHeaderSize : 0),
      caps_(make_caps(config, queue.offered)),
      receive_arena_(receive_shape(config, queue.offered)),
      transmit_arena_(transmit_shape(config)) {}

std::size_t Tun::receive(link::Burst& burst) {
  // A read that finds nothing costs as much as the rest of a frame's way, so a queue that was just emptied is not asked
  // again until the caller has worked on what it gave. The doubling finds the depth of a queue that fills faster.
  const std::size_t limit = std::min(burst.room(), likely_waiting_);
  std::size_t count = 0;
  for (std::size_t reads = 0; reads < limit; ++reads) {
    link::Frame frame = receive_arena_.allocate();
    if (!frame) break;
    const Read read = read_frame(frame);
    if (read == Read::kNothing) {
      likely_waiting_ = std::max<std::size_t>(count, 1);
      stats_.received_frames += count;
      return count;
    }
    if (read == Read::kMalformed) {
      ++stats_.received_dropped;
      continue;
    }
    stats_.received_bytes += frame.size();
    burst.push(std::move(frame));
    ++count;
  }
  likely_waiting_ = std::min(likely_waiting_ * 2, link::kBurstMax);
  stats_.received_frames += count;
  return count;
}

Tun::Read Tun::read_frame(link::Frame& frame) {
  const base::MutableBytes room = frame.append(frame.tailroom());
  const ssize_t got = read(file_.fd(), room.data(), room.size());
  if (got < 0) {
    if (errno == EBADFD) failure_ = errno;
    return errno == EAGAIN || errno == EINTR || errno == EBADFD ? Read::kNothing : Read::kMalformed;
  }
  const auto size = static_cast<std::size_t>(got);
  // A packet that fills the buffer was cut to fit it.
  if (size <= vnet_size_ || size == room.size()) return Read::kMalformed;
  frame.truncate(size);
  if (vnet_size_ == 0) return Read::kFrame;
  frame.trim_front(vnet_size_);
  const auto offload = host::read_vnet_header(room.data(), frame.bytes());
  if (!offload) return Read::kMalformed;
  frame.offload() = *offload;
  return Read::kFrame;
}

std::size_t Tun::transmit(std::span<link::Frame> frames) {
  std::size_t taken = 0;
  for (link::Frame& frame : frames) {
    const std::size_t size = frame.total_size();
    const Written written = write_frame(frame);
    if (written == Written::kNotNow) break;
    frame.reset();
    ++taken;
    if (written == Written::kYes) {
      ++stats_.transmitted_frames;
      stats_.transmitted_bytes += size;
    } else {
      ++stats_.transmit_dropped;
    }
  }
  blocked_ = taken < frames.size();
  if (blocked_) ++stats_.transmit_blocked;
  return taken;
}

Tun::Written Tun::write_frame(link::Frame& frame) {
  if (vnet_size_ != 0) host::write_vnet_header(frame.offload(), frame.prepend(host::kVnetHeaderSize).data());
  const base::MutableBytes linear = frame.bytes();
  const auto pieces = frame.pieces();
  ssize_t sent;
  if (pieces.empty()) {
    sent = write(file_.fd(), linear.data(), linear.size());
  } else {
    std::array<iovec, 1 + link::kPiecesMax> parts;
    parts[0] = {linear.data(), linear.size()};
    std::size_t count = 1;
    for (const base::Slice& piece : pieces) {
      // writev() takes its parts as mutable and does not change them.
      const base::Bytes bytes = piece.bytes();
      parts[count++] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    }
    sent = writev(file_.fd(), parts.data(), static_cast<int>(count));
  }
  if (sent >= 0) return Written::kYes;
  if (errno != EAGAIN && errno != EINTR) return Written::kRefused;
  frame.trim_front(vnet_size_);
  return Written::kNotNow;
}

void Tun::pass(link::Frame frame) {
  frame.reset();
  ++stats_.passed_frames;
}

void Tun::wait(base::Duration longest, int wake_fd) {
  const auto events = static_cast<short>(blocked_ ? POLLIN | POLLOUT : POLLIN);
  // A device that is gone would make poll() return at once for ever; a negative descriptor is skipped.
  std::array<pollfd, 2> waiting{{{failure_ == 0 ? file_.fd() : -1, events, 0}, {wake_fd, POLLIN, 0}}};
  const auto nanoseconds = std::max(longest, base::Duration::zero()).count();
  const timespec timeout{nanoseconds / std::nano::den, nanoseconds % std::nano::den};
  ppoll(waiting.data(), waiting.size(), &timeout, nullptr);
}

}  // namespace windhover::backends::tun
