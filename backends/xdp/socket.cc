#include "backends/xdp/socket.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstring>
#include <thread>

#include "backends/xdp/uapi.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

/// How long a queue that was just closed may stay taken: 30 to 50 ms were measured, and RCU may take longer under load.
constexpr std::chrono::milliseconds kBindPause{5};
constexpr int kBindTries = 160;

/// What the kernel charges to the send buffer for a frame beside its bytes.
constexpr std::uint64_t kFrameOverhead = 512;

/// The values that Documentation/networking/af_xdp.rst recommends.
constexpr int kBusyPollMicroseconds = 20;
constexpr int kBusyPollBudget = 64;

std::string where(const SocketRequest& request) {
  return "queue " + std::to_string(request.queue) + " of " + request.interface_name;
}

template <typename T>
bool set_option(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

host::File open_socket() {
  host::File file(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (file.fd() >= 0) return file;
  const int error = errno;
  const char* remedy = "This kernel has no AF_XDP (CONFIG_XDP_SOCKETS), or a sandbox forbids it: use the tun backend.";
  if (error == EPERM || error == EACCES) remedy = "Run as root or with CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM).";
  throw SetupError("socket(AF_XDP)", error, remedy);
}

SetupError umem_error(int error, const Umem& umem) {
  const std::string size = std::to_string((umem.memory().size() + (1U << 20) - 1) >> 20) + " MiB";
  std::string remedy = "Lower backend.receiveFrames or backend.transmitFrames.";
  if (error == ENOBUFS) {
    remedy =
        "The limit of locked memory is too small for it: grant CAP_IPC_LOCK, raise the limit (ulimit -l; systemd: "
        "LimitMEMLOCK=), or lower backend.receiveFrames or backend.transmitFrames.";
  } else if (error == EINVAL) {
    remedy = "The kernel refuses chunks of " + std::to_string(umem.shape().chunk_size) +
             " bytes: set backend.chunkSize to 2048 or 4096.";
  }
  return {"setsockopt XDP_UMEM_REG of " + size, error, remedy};
}

SetupError bind_error(int error, const SocketRequest& request) {
  std::string remedy = "Try another backend.mode.";
  switch (error) {
    case EBUSY:
      remedy =
          "The queue is taken by another AF_XDP socket (ss --xdp -p names its process): stop that, or lower "
          "backend.queues.";
      break;
    case EOPNOTSUPP:
      remedy = "The driver does not do this there: choose another backend.mode, or auto.";
      break;
    case EINVAL:
      remedy = "Has the interface that many queues? See ethtool -l " + request.interface_name +
               ", and lower backend.queues.";
      break;
    case ENODEV:
      remedy = "The interface is gone: see ip link.";
      break;
    case ENETDOWN:
      remedy = "Set it up: ip link set " + request.interface_name + " up.";
      break;
    case EPERM:
      remedy = "Run as root or with CAP_NET_RAW.";
      break;
    default:
      break;
  }
  return {std::string("bind AF_XDP (") + (request.zero_copy ? "zero-copy" : "copy") + ") to " + where(request), error,
          remedy};
}

/// Binds, again and again while the queue is taken. Returns the errno, 0 when it worked.
int try_bind(int fd, const sockaddr_xdp& address) {
  for (int tries = 0;; ++tries) {
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    if (errno != EBUSY || tries == kBindTries) return errno;
    std::this_thread::sleep_for(kBindPause);
  }
}

}  // namespace

Socket::Socket(const SocketRequest& request, const Umem& umem, const Socket* first, std::vector<std::string>& notes)
    : file_(open_socket()), queue_(request.queue) {
  if (first == nullptr) {
    register_umem(request, umem, notes);
  } else {
    has_metadata_ = first->has_metadata_;
  }
  make_rings(request.ring_size);
  raise_limits(request, umem, notes);
  if (request.busy_poll) prefer_busy_poll(notes);
  bind_queue(request, first, notes);

  xdp_options options{};
  socklen_t size = sizeof options;
  zero_copy_ = getsockopt(fd(), SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
               (options.flags & static_cast<unsigned>(XDP_OPTIONS_ZEROCOPY)) != 0;
}

void Socket::register_umem(const SocketRequest& request, const Umem& umem, std::vector<std::string>& notes) {
  uapi::UmemRegistration registration;
  registration.address = reinterpret_cast<std::uintptr_t>(umem.memory().data());
  registration.size = umem.memory().size();
  registration.chunk_size = umem.shape().chunk_size;
  if (request.metadata) {
    registration.flags = uapi::kUmemMetadata;
    registration.metadata_size = kMetadataSize;
    if (set_option(fd(), SOL_XDP, XDP_UMEM_REG, registration)) {
      has_metadata_ = true;
      return;
    }
    if (errno != EINVAL) throw umem_error(errno, umem);
    registration.flags = registration.metadata_size = 0;
  }
  if (!set_option(fd(), SOL_XDP, XDP_UMEM_REG, registration)) throw umem_error(errno, umem);
  if (request.metadata) {
    notes.push_back(
        "This kernel takes no TX metadata for AF_XDP (XDP_UMEM_TX_METADATA_LEN): checksums are computed "
        "in software.");
  }
}

void Socket::make_rings(std::uint32_t ring_size) {
  constexpr std::array kOptions{XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING};
  for (const int option : kOptions) {
    if (set_option(fd(), SOL_XDP, option, ring_size)) continue;
    throw SetupError("setsockopt AF_XDP ring of " + std::to_string(ring_size) + " descriptors", errno,
                     "Choose a smaller backend.ringSize, a power of two.");
  }
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof offsets;
  if (getsockopt(fd(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0 || size != sizeof offsets) {
    throw SetupError("getsockopt XDP_MMAP_OFFSETS", errno, "AF_XDP needs Linux 5.4 or later: use the tun backend.");
  }
  fill_ = ProducerRing<std::uint64_t>(map_ring(kFill, offsets.fr, ring_size));
  completion_ = ConsumerRing<std::uint64_t>(map_ring(kCompletion, offsets.cr, ring_size));
  received_ = ConsumerRing<Descriptor>(map_ring(kReceived, offsets.rx, ring_size));
  to_transmit_ = ProducerRing<Descriptor>(map_ring(kToTransmit, offsets.tx, ring_size));
}

RingMemory Socket::map_ring(Ring ring, const ::xdp_ring_offset& offset, std::uint32_t ring_size) {
  constexpr std::array<std::uint64_t, kRingCount> kOffsets{XDP_UMEM_PGOFF_FILL_RING, XDP_UMEM_PGOFF_COMPLETION_RING,
                                                           XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING};
  const bool of_addresses = ring == kFill || ring == kCompletion;
  const std::size_t item_size = of_addresses ? sizeof(std::uint64_t) : sizeof(Descriptor);
  const std::size_t size = offset.desc + item_size * ring_size;
  Mapping& mapping = mappings_[ring];
  mapping = Mapping(
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd(), static_cast<off_t>(kOffsets[ring])),
      size);
  if (!mapping) throw SetupError("mmap of an AF_XDP ring", errno, "Choose a smaller backend.ringSize.");
  const auto at = [&mapping](std::uint64_t bytes) { return static_cast<std::byte*>(mapping.at()) + bytes; };
  return {reinterpret_cast<std::uint32_t*>(at(offset.producer)), reinterpret_cast<std::uint32_t*>(at(offset.consumer)),
          reinterpret_cast<std::uint32_t*>(at(offset.flags)), at(offset.desc), ring_size};
}

void Socket::raise_limits(const SocketRequest& request, const Umem& umem, std::vector<std::string>& notes) {
  const std::uint64_t frames_size = request.ring_size * (umem.shape().chunk_size + kFrameOverhead);
  const int wanted = static_cast<int>(std::min<std::uint64_t>(frames_size, INT_MAX / 2));
  if (!set_option(fd(), SOL_SOCKET, SO_SNDBUFFORCE, wanted)) set_option(fd(), SOL_SOCKET, SO_SNDBUF, wanted);
  int granted = 0;
  socklen_t size = sizeof granted;
  getsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &granted, &size);
  if (granted < wanted) {
    notes.push_back("The send buffer holds less than the TX ring of " + where(request) +
                    ": grant CAP_NET_ADMIN, or sysctl net.core.wmem_max=" + std::to_string(wanted) + ".");
  }
  // Where the kernel does not know it, a full ring costs more calls, and nothing else.
  if (set_option(fd(), SOL_XDP, uapi::kTransmitBudget, request.ring_size)) transmit_budget_ = request.ring_size;
}

void Socket::prefer_busy_poll(std::vector<std::string>& notes) {
  busy_poll_ = set_option(fd(), SOL_SOCKET, SO_PREFER_BUSY_POLL, 1) &&
               set_option(fd(), SOL_SOCKET, SO_BUSY_POLL, kBusyPollMicroseconds) &&
               set_option(fd(), SOL_SOCKET, SO_BUSY_POLL_BUDGET, kBusyPollBudget);
  if (busy_poll_) return;
  notes.push_back(std::string("No busy polling: setsockopt SO_PREFER_BUSY_POLL: ") + std::strerror(errno) +
                  "; it needs CAP_NET_ADMIN and Linux 5.11.");
}

void Socket::bind_queue(const SocketRequest& request, const Socket* first, std::vector<std::string>& notes) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = static_cast<std::uint32_t>(request.interface_index);
  address.sxdp_queue_id = request.queue;
  if (first != nullptr) {
    // The kernel takes the other flags from the first socket, and refuses them here.
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<std::uint32_t>(first->fd());
    multi_buffer_ = first->multi_buffer_;
    if (const int error = try_bind(fd(), address); error != 0) throw bind_error(error, request);
    return;
  }
  const int mode = request.zero_copy ? XDP_ZEROCOPY : XDP_COPY;
  address.sxdp_flags = static_cast<std::uint16_t>(mode | XDP_USE_NEED_WAKEUP);
  if (request.multi_buffer) address.sxdp_flags |= uapi::kBindMultiBuffer;
  int error = try_bind(fd(), address);
  multi_buffer_ = request.multi_buffer && error == 0;
  if (error == EINVAL && request.multi_buffer) {
    address.sxdp_flags &= static_cast<std::uint16_t>(~uapi::kBindMultiBuffer);
    error = try_bind(fd(), address);
    if (error == 0) notes.push_back("This kernel has no multi-buffer AF_XDP (XDP_USE_SG): a packet must fit a chunk.");
  }
  if (error != 0) throw bind_error(error, request);
}

Kicked Socket::kick() {
  if (to_transmit_.outstanding() == 0) return {};
  return zero_copy_ ? kick_driver() : kick_kernel();
}

Kicked Socket::kick_kernel() {
  Kicked kicked{Kicked::State::kWaiting};
  // Each call but the last takes at least one descriptor from the ring.
  for (std::uint32_t calls = 0; calls <= to_transmit_.size(); ++calls) {
    const std::uint32_t before = to_transmit_.outstanding();
    if (sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) {
      if (to_transmit_.outstanding() == 0) kicked.state = Kicked::State::kDone;
      return kicked;
    }
    switch (errno) {
      case EBUSY:
        ++kicked.dropped;
        break;
      case EAGAIN:
        if (before - to_transmit_.outstanding() < transmit_budget_) return kicked;
        break;
      case ENOBUFS:
      case ENOMEM:
        return kicked;
      case ENETDOWN:
        kicked.state = Kicked::State::kDown;
        return kicked;
      default:
        kicked.state = Kicked::State::kLost;
        kicked.error = errno;
        return kicked;
    }
  }
  return kicked;
}

Kicked Socket::kick_driver() {
  if (!busy_poll_ && !to_transmit_.needs_wakeup()) return {};
  if (sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) return {};
  switch (errno) {
    case EAGAIN:
    case EBUSY:
    case ENOBUFS:
    case ENOMEM:
      return {Kicked::State::kWaiting};
    case ENETDOWN:
      return {Kicked::State::kDown};
    default:
      return {Kicked::State::kLost, 0, errno};
  }
}

void Socket::wake_receive() {
  if (busy_poll_ || fill_.needs_wakeup()) recvfrom(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

int Socket::take_error() {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

SocketStatistics Socket::statistics() const {
  xdp_statistics kernel{};
  socklen_t size = sizeof kernel;
  if (getsockopt(fd(), SOL_XDP, XDP_STATISTICS, &kernel, &size) != 0) return {};
  return {kernel.rx_dropped,   kernel.rx_invalid_descs,         kernel.tx_invalid_descs,
          kernel.rx_ring_full, kernel.rx_fill_ring_empty_descs, kernel.tx_ring_empty_descs};
}

}  // namespace windhover::backends::xdp
