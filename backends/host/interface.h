#pragma once
// What the kernel knows about a network interface, asked once at start: rtnetlink, ethtool, the netdev family, sysfs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/host/assigned_address.h"
#include "backends/host/netdev.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::backends::host {

/// A snapshot. Sizes in bytes.
struct Interface {
  int index = 0;
  std::string name;
  stack::wire::MacAddress mac{};
  std::uint32_t mtu = 0;
  std::uint32_t mtu_max = 0;  ///< 0: the driver sets no bound.
  bool up = false;
  bool carrier = false;
  bool ethernet = false;             ///< ARPHRD_ETHER.
  std::string driver;                ///< "veth"; empty when it has none to name.
  std::uint32_t receive_queues = 1;  ///< In use now (ethtool -l: combined and rx).
  std::uint32_t transmit_queues = 1;
  std::uint32_t queues_max = 1;    ///< What `ethtool -L` could raise both to.
  bool combined_queues = false;    ///< Each receives and transmits: `ethtool -L IF combined N`, else `rx N tx N`.
  bool tso = false;                ///< tx-tcp-segmentation is on.
  bool transmit_checksum = false;  ///< tx-checksum-ip-generic, or ipv4 and ipv6, is on.
  bool forwards_v4 = false;        ///< net.ipv4.conf.IF.forwarding: the kernel looks up routes for others' packets.
  bool forwards_v6 = false;        ///< net.ipv6.conf.IF.forwarding.
  std::optional<int> numa_node;
  std::optional<XdpFeatures> xdp;  ///< Nothing when the kernel does not say.
  std::vector<AssignedAddress> addresses;

  /// veth, virtio_net, tun: what is sent never was on a wire, so checksums may be left to be completed.
  bool is_virtual() const;
};

/// In the network namespace of the calling thread. Throws SetupError when there is none of that name, or the kernel
/// does not answer.
Interface query_interface(const std::string& name);

}  // namespace windhover::backends::host
