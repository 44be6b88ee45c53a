#include "backends/xdp/packet_socket.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "backends/host/vnet_header.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

namespace link = stack::link;
using stack::base::SetupError;

/// A hundred and more super-frames. Frames count until the device has sent them.
constexpr int kSendBufferSize = 8 << 20;

void* mutable_address(const std::uint8_t* at) { return const_cast<std::uint8_t*>(at); }

int set_qdisc_bypass(int fd, int on) { return setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on); }

/// Returns the errno, 0 when it went.
int send_message(int fd, const msghdr& message) { return sendmsg(fd, &message, MSG_DONTWAIT) >= 0 ? 0 : errno; }

}  // namespace

PacketSocket::PacketSocket(int interface_index, const std::string& interface_name)
    : file_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), interface_index_(interface_index) {
  if (fd() < 0) {
    throw SetupError("socket(AF_PACKET, SOCK_RAW)", errno,
                     "Run as root or with CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM).");
  }
  const int on = 1;
  if (setsockopt(fd(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) {
    throw SetupError("setsockopt PACKET_VNET_HDR", errno, "Set backend.bulk to off.");
  }
  // What these two refuse costs speed alone.
  set_qdisc_bypass(fd(), 1);
  if (setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBufferSize, sizeof kSendBufferSize) != 0)
    setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &kSendBufferSize, sizeof kSendBufferSize);

  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = interface_index;
  if (bind(fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw SetupError("bind AF_PACKET to " + interface_name, errno, "Is the interface there? See ip link.");
  }
}

PacketSocket::Sent PacketSocket::send(const link::Frame& frame) {
  std::array<std::uint8_t, host::kVnetHeaderSize> header;
  host::write_vnet_header(frame.offload(), header.data());

  std::array<iovec, 2 + link::kPiecesMax> parts;
  const stack::base::MutableBytes linear = frame.bytes();
  parts[0] = {header.data(), header.size()};
  parts[1] = {linear.data(), linear.size()};
  std::size_t count = 2;
  for (const stack::base::Slice& piece : frame.pieces()) {
    const stack::base::Bytes bytes = piece.bytes();
    parts[count++] = {mutable_address(bytes.data()), bytes.size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  int error = send_message(fd(), message);
  if (error == ENOBUFS && frame.offload().gso != link::Gso::kNone) {
    // Past the queueing discipline nobody segments for a device without TSO, and the frame is dropped. The device may
    // have lost it since the start (veth does when the peer attaches an XDP program), or have it for IPv4 alone.
    set_qdisc_bypass(fd(), 0);
    error = send_message(fd(), message);
    set_qdisc_bypass(fd(), 1);
  }
  switch (error) {
    case 0:
      return Sent::kYes;
    case EAGAIN:
    case ENOMEM:
      return Sent::kNotNow;
    case ENXIO:
    case ENODEV:
    case EBADF:
      return Sent::kLost;
    default:
      // ENOBUFS: the device's queue was full. ENETDOWN, EMSGSIZE, and EINVAL for offload that the kernel does not know.
      return Sent::kDropped;
  }
}

int PacketSocket::join(const stack::wire::MacAddress& group) {
  packet_mreq request{};
  request.mr_ifindex = interface_index_;
  request.mr_type = PACKET_MR_MULTICAST;
  request.mr_alen = stack::wire::MacAddress::kSize;
  std::ranges::copy(group.octets, request.mr_address);
  return setsockopt(fd(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) == 0 ? 0 : errno;
}

}  // namespace windhover::backends::xdp
