#include "backends/tun/queue.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/host/vnet_header.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::tun {
namespace {

using stack::base::SetupError;

constexpr const char* kPath = "/dev/net/tun";

std::string remedy_for_open(int error) {
  switch (error) {
    case ENOENT:
      return "Make the device node: mkdir -p /dev/net && mknod /dev/net/tun c 10 200 (in a container, start it with "
             "--device /dev/net/tun).";
    case ENODEV:
    case ENXIO:
      return "The kernel's tun module is missing: modprobe tun.";
    case EACCES:
    case EPERM:
      return "Run as root, or give this user the device node: chmod 0666 /dev/net/tun.";
    default:
      return "Check that /dev/net/tun is the character device 10:200.";
  }
}

std::string remedy_for_set_interface(const QueueRequest& request, int error) {
  const std::string mode = request.ethernet ? "tap" : "tun";
  const std::string add = "ip tuntap add " + request.name + " mode " + mode;
  switch (error) {
    case EPERM:
      return "Run as root or with CAP_NET_ADMIN (setcap cap_net_admin+ep PROGRAM), or let root make the device for "
             "this "
             "user: " +
             add + " user USER.";
    case EBUSY:
      return "Another process uses " + request.name +
             ": stop it, or choose another device name. Several queues need a " + "device made with multi_queue.";
    case EINVAL:
      return request.name + " exists and is not a " + mode + " device " + (request.multi_queue ? "with" : "without") +
             " multi_queue (see: ip -d link show " + request.name + "). Delete it or choose another device name.";
    case E2BIG:
      return "The kernel allows no further queue on " + request.name + ": ask for fewer.";
    default:
      return "Try it by hand: " + add + ".";
  }
}

/// Asks for the highest rung of receive offload and steps down while the kernel refuses.
void offer_offload(int fd, Offered& offered, std::vector<std::string>& notes) {
  int header_size = host::kVnetHeaderSize;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header_size) != 0) {
    throw SetupError("ioctl TUNSETVNETHDRSZ", errno, "Turn the device's offload off in the configuration.");
  }
  if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) == 0) {
    offered.receive_checksum = offered.receive_gso = true;
    return;
  }
  notes.push_back("The kernel sends no super-frames: ioctl TUNSETOFFLOAD: " + std::string(std::strerror(errno)) + ".");
  if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(TUN_F_CSUM)) == 0) {
    offered.receive_checksum = true;
    return;
  }
  notes.push_back("The kernel sends no partial checksums: ioctl TUNSETOFFLOAD: " + std::string(std::strerror(errno)) +
                  ".");
}

}  // namespace

Queue open_queue(const QueueRequest& request, std::vector<std::string>& notes) {
  Queue queue;
  queue.file = host::File(::open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  const int fd = queue.file.fd();
  if (fd < 0) throw SetupError(std::string("open ") + kPath, errno, remedy_for_open(errno));

  unsigned features = 0;
  if (ioctl(fd, TUNGETFEATURES, &features) != 0)
    throw SetupError("ioctl TUNGETFEATURES", errno, remedy_for_open(errno));
  if (request.multi_queue && (features & IFF_MULTI_QUEUE) == 0) {
    throw SetupError("ioctl TUNGETFEATURES", 0, "This kernel's TUN has no multi-queue: configure one queue.");
  }
  queue.offered.vnet_header = request.offload && (features & IFF_VNET_HDR) != 0;
  if (request.offload && !queue.offered.vnet_header)
    notes.push_back("This kernel's TUN has no IFF_VNET_HDR: no offload.");

  ifreq interface {};
  std::memcpy(interface.ifr_name, request.name.data(), request.name.size());
  int flags = (request.ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI;
  if (request.multi_queue) flags |= IFF_MULTI_QUEUE;
  if (queue.offered.vnet_header) flags |= IFF_VNET_HDR;
  interface.ifr_flags = static_cast<short>(flags);
  if (ioctl(fd, TUNSETIFF, &interface) != 0) {
    throw SetupError("ioctl TUNSETIFF " + request.name, errno, remedy_for_set_interface(request, errno));
  }
  if (queue.offered.vnet_header) offer_offload(fd, queue.offered, notes);
  return queue;
}

}  // namespace windhover::backends::tun
