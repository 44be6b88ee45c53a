#include "backends/host/interface.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "backends/host/ethtool.h"
#include "backends/host/netlink.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::host {
namespace {

using stack::base::SetupError;

constexpr std::string_view kVirtualDrivers[] = {"veth", "virtio_net", "tun"};

/// The interface's folder in sysfs; empty when sysfs shows another network namespace than ours, which may have an
/// interface of the same name.
std::filesystem::path sysfs(const LinkState& link) {
  const std::filesystem::path folder = std::filesystem::path("/sys/class/net") / link.name;
  int index = 0;
  std::string mac;
  std::ifstream(folder / "ifindex") >> index;
  std::ifstream(folder / "address") >> mac;
  const bool same = index == link.index && (!link.ethernet || mac == link.mac.to_string());
  return same ? folder : std::filesystem::path();
}

std::optional<int> numa_node(const std::filesystem::path& folder) {
  int node = -1;
  std::ifstream file(folder / "device" / "numa_node");
  if (!(file >> node) || node < 0) return {};
  return node;
}

/// Of this thread's network namespace, whichever that is: procfs, unlike sysfs, shows the reader's own.
bool forwards(std::string_view family, const std::string& interface) {
  int on = 0;
  std::ifstream(std::filesystem::path("/proc/sys/net") / family / "conf" / interface / "forwarding") >> on;
  return on != 0;
}

std::uint32_t count_queues(const std::filesystem::path& folder, std::string_view kind) {
  std::uint32_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder / "queues", error), end; !error && at != end; at.increment(error))
    if (at->path().filename().native().starts_with(kind)) ++count;
  return std::max(count, 1U);
}

void read_queues(const std::optional<Channels>& channels, const std::filesystem::path& folder, Interface& interface) {
  if (!channels) {
    interface.receive_queues = folder.empty() ? 1 : count_queues(folder, "rx-");
    interface.transmit_queues = folder.empty() ? 1 : count_queues(folder, "tx-");
    interface.queues_max = std::min(interface.receive_queues, interface.transmit_queues);
    return;
  }
  interface.receive_queues = std::max(channels->receive + channels->combined, 1U);
  interface.transmit_queues = std::max(channels->transmit + channels->combined, 1U);
  interface.combined_queues = channels->combined_max > 0;
  interface.queues_max = std::max({channels->combined_max, std::min(channels->receive_max, channels->transmit_max),
                                   std::min(interface.receive_queues, interface.transmit_queues)});
}

}  // namespace

bool Interface::is_virtual() const { return std::ranges::find(kVirtualDrivers, driver) != std::end(kVirtualDrivers); }

Interface query_interface(const std::string& name) {
  RouteSocket route;
  const auto [link_error, link] = route.find_link(name);
  if (link_error != 0) {
    throw SetupError("rtnetlink RTM_GETLINK '" + name + "'", link_error,
                     "Name an interface of this network namespace: ip link show.");
  }
  auto [error, addresses] = route.addresses(link.index);
  if (error != 0) {
    throw SetupError("rtnetlink RTM_GETADDR", error, "Look at the interface: ip address show dev " + name + ".");
  }
  Interface interface;
  interface.index = link.index;
  interface.name = link.name;
  interface.mac = link.mac;
  interface.mtu = link.mtu;
  interface.mtu_max = link.mtu_max;
  interface.up = link.up;
  interface.carrier = link.carrier;
  interface.ethernet = link.ethernet;
  interface.addresses = std::move(addresses);
  interface.xdp = query_xdp_features(link.index);

  const Ethtool ethtool;
  const Offloads offloads = ethtool.offloads(link.name).value_or(Offloads{});
  interface.driver = ethtool.driver(link.name).value_or("");
  interface.tso = offloads.tso;
  interface.transmit_checksum = offloads.transmit_checksum;
  interface.forwards_v4 = forwards("ipv4", link.name);
  interface.forwards_v6 = forwards("ipv6", link.name);

  const std::filesystem::path folder = sysfs(link);
  read_queues(ethtool.channels(link.name), folder, interface);
  if (!folder.empty()) interface.numa_node = numa_node(folder);
  return interface;
}

}  // namespace windhover::backends::host
