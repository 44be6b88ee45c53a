#include <linux/if.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "backends/host/netlink.h"
#include "backends/tun/tun.h"
#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::tun {
namespace {

namespace base = stack::base;
using base::SetupError;
using host::LinkChange;
using host::LinkState;
using host::RouteSocket;

constexpr std::uint16_t kMtuMin = 576;
constexpr std::uint16_t kMtuMax = 65521;
constexpr std::uint16_t kIpv6MtuMin = 1280;  // RFC 8200 §5.

/// Packets that the kernel holds for us while the lane is busy. TUN's own default overflows at wrk -c1000; ours lets
/// ten thousand connections speak at once. What an owner chose is left alone.
constexpr std::uint32_t kQueueLengthDefault = 500;
constexpr std::uint32_t kQueueLength = 16384;

/// Together one second; the kernel's worker needs milliseconds.
constexpr int kDeliveryTries = 1000;
constexpr std::chrono::milliseconds kDeliveryPause{1};

void validate(const Config& config) {
  if (config.name.empty() || config.name.size() >= IFNAMSIZ ||
      config.name.find_first_of("/:% \t\n") != std::string::npos) {
    throw SetupError("device name '" + config.name + "'", 0,
                     "A name has 1 to 15 characters, none of them / : % or a space.");
  }
  if (config.mtu < kMtuMin || config.mtu > kMtuMax) {
    throw SetupError("MTU " + std::to_string(config.mtu), 0, "Choose an MTU from 576 to 65521.");
  }
  if (config.receive_frames == 0 || config.transmit_frames == 0) {
    throw SetupError("frame counts", 0, "A device needs at least one frame to receive and one to transmit.");
  }
  for (const HostAddress& host : config.host_addresses) {
    const std::string text = host.address.to_string() + "/" + std::to_string(host.prefix_length);
    if (host.prefix_length == 0 || host.prefix_length > (host.address.is_v4() ? 32 : 128)) {
      throw SetupError("host address " + text, 0, "A prefix has 1 to 32 bits (IPv4) or 1 to 128 bits (IPv6).");
    }
    if (!host.address.is_v4() && config.mtu < kIpv6MtuMin) {
      throw SetupError("host address " + text, 0,
                       "IPv6 needs an MTU of at least 1280: raise it or take the address out.");
    }
  }
}

/// Throws when the device is there and should not be, or the other way round.
void check_existing(const Config& config, const RouteSocket::Found& found) {
  if (found.error != 0 && found.error != ENODEV) {
    throw SetupError("rtnetlink RTM_GETLINK " + config.name, found.error,
                     "Look at the device: ip link show " + config.name + ".");
  }
  const bool exists = found.error == 0;
  if (exists && config.existing == Existing::kRefuse) {
    throw SetupError("create " + config.name, EEXIST,
                     "Delete it (ip link delete " + config.name + "), choose another name, or allow attaching to it.");
  }
  if (!exists && config.existing == Existing::kRequire) {
    const std::string mode = config.layer == Layer::kIp ? "tun" : "tap";
    throw SetupError("attach to " + config.name, ENODEV,
                     "Make the device: ip tuntap add " + config.name + " mode " + mode + ".");
  }
}

std::string remedy_for_link(const Config& config, int error) {
  const std::string command = "ip link set " + config.name + " mtu " + std::to_string(config.mtu) + " up";
  if (error == EPERM) return "Run with CAP_NET_ADMIN, or let root prepare the device: " + command + ".";
  return "Try it by hand: " + command + ".";
}

std::string remedy_for_address(const Config& config, const std::string& text, bool is_v4, int error) {
  const std::string command = "ip address add " + text + " dev " + config.name;
  switch (error) {
    case EPERM:
      return "Run with CAP_NET_ADMIN, or let root prepare the device: " + command + ".";
    case EACCES:
      if (is_v4) break;
      return "IPv6 is disabled on this device: sysctl -w net.ipv6.conf.default.disable_ipv6=0 "
             "net.ipv6.conf.all.disable_ipv6=0 (Docker: --sysctl net.ipv6.conf.all.disable_ipv6=0), or take " +
             text + " out of the host addresses.";
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
      if (is_v4) break;
      return "This kernel runs without IPv6 (boot parameter ipv6.disable=1?): take " + text +
             " out of the host addresses.";
    default:
      break;
  }
  return "Try it by hand: " + command + ".";
}

/// Waits until the host takes packets to its new address, so that what we send it first is not lost.
void await_delivery(RouteSocket& route, const HostAddress& host, std::vector<std::string>& notes) {
  for (int tries = 0; tries < kDeliveryTries; ++tries) {
    if (route.delivers(host.address)) return;
    std::this_thread::sleep_for(kDeliveryPause);
  }
  notes.push_back("The host does not yet take packets to its address " + host.address.to_string() + ".");
}

void give_addresses(RouteSocket& route, const Config& config, int index, std::vector<std::string>& notes) {
  for (const HostAddress& host : config.host_addresses) {
    if (route.has_address(index, host.address, host.prefix_length)) continue;
    const int error = route.add_address(index, host.address, host.prefix_length);
    if (error == 0) {
      await_delivery(route, host, notes);
      continue;
    }
    const std::string text = host.address.to_string() + "/" + std::to_string(host.prefix_length);
    throw SetupError("rtnetlink RTM_NEWADDR " + text + " on " + config.name, error,
                     remedy_for_address(config, text, host.address.is_v4(), error));
  }
}

void prepare_host_side(RouteSocket& route, const Config& config, std::vector<std::string>& notes) {
  const RouteSocket::Found found = route.find_link(config.name);
  if (found.error != 0)
    throw SetupError("rtnetlink RTM_GETLINK " + config.name, found.error, remedy_for_link(config, 0));
  const LinkState& link = found.link;
  if (link.mtu != config.mtu || !link.up) {
    LinkChange change;
    if (link.mtu != config.mtu) change.mtu = config.mtu;
    change.up = !link.up;
    const int error = route.change_link(link.index, change);
    if (error != 0) throw SetupError("rtnetlink RTM_NEWLINK " + config.name, error, remedy_for_link(config, error));
  }
  if (link.queue_length == kQueueLengthDefault &&
      route.change_link(link.index, {.mtu = {}, .queue_length = kQueueLength}) != 0) {
    notes.push_back("The queue of " + config.name + " stays at " + std::to_string(link.queue_length) +
                    " packets: ip link set " + config.name + " txqueuelen " + std::to_string(kQueueLength) + ".");
  }
  give_addresses(route, config, link.index, notes);
}

}  // namespace

Opened open(const Config& config, std::size_t queue_count) {
  CHECK(queue_count > 0);
  validate(config);
  RouteSocket route;
  check_existing(config, route.find_link(config.name));

  const QueueRequest request{.name = config.name,
                             .ethernet = config.layer == Layer::kEthernet,
                             .multi_queue = config.multi_queue || queue_count > 1,
                             .offload = config.offload};
  Opened opened;
  for (std::size_t count = 0; count < queue_count; ++count) {
    // Every queue is refused the same rungs: the first one's notes say it.
    std::vector<std::string> repeated;
    Queue queue = open_queue(request, count == 0 ? opened.notes : repeated);
    opened.queues.push_back(std::make_unique<Tun>(config, std::move(queue)));
  }
  prepare_host_side(route, config, opened.notes);
  return opened;
}

}  // namespace windhover::backends::tun
