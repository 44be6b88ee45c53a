#include "backends/host/netdev.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cerrno>

#include "backends/host/netlink_message.h"
#include "backends/host/netlink_socket.h"

namespace windhover::backends::host {
namespace {

namespace base = stack::base;

// linux/netdev.h, which is newer than the headers that we build against.
constexpr std::uint8_t kDeviceGet = 1;  // NETDEV_CMD_DEV_GET
enum DeviceAttribute : std::uint16_t { kIndex = 1, kXdpFeatures = 3, kSegmentsMax = 4, kSocketFeatures = 6 };
constexpr std::uint64_t kBasicAndRedirect = 1 | 2;
constexpr std::uint64_t kZeroCopy = 8;
constexpr std::uint64_t kReceiveSegments = 32;
constexpr std::uint64_t kTransmitChecksum = 2;  // NETDEV_XSK_FLAGS_TX_CHECKSUM

/// The number that generic netlink gave the family at boot.
std::optional<std::uint16_t> family_number(NetlinkSocket& socket) {
  NetlinkRequest<genlmsghdr> request(GENL_ID_CTRL, NLM_F_ACK);
  request.body().cmd = CTRL_CMD_GETFAMILY;
  request.body().version = 1;
  request.attribute(CTRL_ATTR_FAMILY_NAME, std::string("netdev"));
  std::optional<std::uint16_t> number;
  socket.exchange(request.header(), [&](const nlmsghdr& message) {
    for_each_attribute<genlmsghdr>(message, [&](std::uint16_t type, base::Bytes value) {
      if (type == CTRL_ATTR_FAMILY_ID) number = netlink_number<std::uint16_t>(value);
    });
  });
  return number;
}

}  // namespace

std::optional<XdpFeatures> parse_xdp_features(const nlmsghdr& message) {
  XdpFeatures features;
  bool said = false;
  for_each_attribute<genlmsghdr>(message, [&](std::uint16_t type, base::Bytes value) {
    const auto bits = netlink_number<std::uint64_t>(value);
    if (type == kXdpFeatures) {
      said = true;
      features.native = (bits & kBasicAndRedirect) == kBasicAndRedirect;
      features.zero_copy = (bits & kZeroCopy) != 0;
      features.multi_buffer = (bits & kReceiveSegments) != 0;
    }
    if (type == kSegmentsMax) features.zero_copy_segments_max = netlink_number<std::uint32_t>(value);
    if (type == kSocketFeatures) features.transmit_checksum = (bits & kTransmitChecksum) != 0;
  });
  return said ? std::optional(features) : std::nullopt;
}

std::optional<XdpFeatures> query_xdp_features(int interface_index) {
  NetlinkSocket socket(NETLINK_GENERIC, "NETLINK_GENERIC");
  const auto family = family_number(socket);
  if (!family) return {};
  NetlinkRequest<genlmsghdr> request(*family, NLM_F_ACK);
  request.body().cmd = kDeviceGet;
  request.body().version = 1;
  request.attribute(kIndex, static_cast<std::uint32_t>(interface_index));
  std::optional<XdpFeatures> features;
  const int error =
      socket.exchange(request.header(), [&](const nlmsghdr& message) { features = parse_xdp_features(message); });
  return error == 0 ? features : std::nullopt;
}

}  // namespace windhover::backends::host
