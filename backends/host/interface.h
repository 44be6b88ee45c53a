#pragma once
// What the kernel knows about a network interface, asked once at start: rtnetlink, ethtool, the netdev family, sysfs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::backends::host {

/// An address of the host on an interface.
struct AssignedAddress {
  stack::wire::Address address;
  std::uint8_t prefix_length = 0;
  bool tentative = false;  ///< IPv6: duplicate address detection has not ended, or has found one.
};

/// What the driver says of XDP (netdev family, Linux 6.3 and later).
struct XdpFeatures {
  bool native = false;        ///< NETDEV_XDP_ACT_BASIC and REDIRECT.
  bool zero_copy = false;     ///< NETDEV_XDP_ACT_XSK_ZEROCOPY.
  bool multi_buffer = false;  ///< NETDEV_XDP_ACT_RX_SG.
  std::uint32_t zero_copy_segments_max = 1;
  bool transmit_checksum = false;  ///< xsk-features: TX checksum by metadata in zero-copy mode.
};

/// A snapshot. Sizes in bytes.
struct Interface {
  int index = 0;
  std::string name;
  stack::wire::MacAddress mac{};
  std::uint32_t mtu = 0;
  std::uint32_t mtu_max = 0;  ///< 0: the driver sets no bound.
  bool up = false;
  bool ethernet = false;             ///< ARPHRD_ETHER.
  std::string driver;                ///< "veth"; empty when it has none to name.
  std::uint32_t receive_queues = 1;  ///< In use now (ethtool -l: combined and rx).
  std::uint32_t transmit_queues = 1;
  std::uint32_t queues_max = 1;    ///< What `ethtool -L` could raise both to.
  bool tso = false;                ///< tx-tcp-segmentation is on.
  bool transmit_checksum = false;  ///< tx-checksum-ip-generic, or ipv4 and ipv6, is on.
  std::optional<int> numa_node;
  std::optional<XdpFeatures> xdp;  ///< Nothing when the kernel does not say.
  std::vector<AssignedAddress> addresses;

  /// veth, virtio_net, tun: what is sent never was on a wire, so checksums may be left to be completed.
  bool is_virtual() const;
};

/// Throws SetupError when there is none of that name, or the kernel does not answer.
Interface query_interface(const std::string& name);

}  // namespace windhover::backends::host
