#pragma once
// What a driver says of XDP, over the kernel's generic netlink family "netdev".

#include <cstdint>
#include <optional>

struct nlmsghdr;

namespace windhover::backends::host {

/// Linux 6.3 and later.
struct XdpFeatures {
  bool native = false;        ///< NETDEV_XDP_ACT_BASIC and REDIRECT.
  bool zero_copy = false;     ///< NETDEV_XDP_ACT_XSK_ZEROCOPY.
  bool multi_buffer = false;  ///< NETDEV_XDP_ACT_RX_SG.
  std::uint32_t zero_copy_segments_max = 1;
  bool transmit_checksum = false;  ///< xsk-features: TX checksum by metadata in zero-copy mode.

  bool operator==(const XdpFeatures&) const = default;
};

/// Nothing when the kernel has no such family or will not say. In the network namespace of the calling thread. Throws
/// SetupError when there are no netlink sockets.
std::optional<XdpFeatures> query_xdp_features(int interface_index);

/// Reads the answer to NETDEV_CMD_DEV_GET. Nothing when it does not say which features there are. Precondition:
/// nlmsg_len bytes are readable.
std::optional<XdpFeatures> parse_xdp_features(const nlmsghdr& message);

}  // namespace windhover::backends::host
