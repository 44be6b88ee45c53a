#include "server/main/xdp_addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/main/settings_formats.h"
#include "stack/base/setup_error.h"
#include "stack/ip/interface.h"
#include "stack/wire/ndp.h"

namespace windhover::server::main {
namespace {

using backends::host::AssignedAddress;
using backends::host::Interface;
using backends::xdp::Role;
using stack::base::SetupError;
using stack::ip::InterfaceAddress;
using stack::wire::Address;

bool has(const std::vector<InterfaceAddress>& addresses, const Address& address) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const InterfaceAddress& known) { return known.address == address; });
}

constexpr std::uint32_t kIpv6MtuMin = 1280;  // RFC 8200 section 5.

/// The interface's addresses, as far as there is room for them.
void share(const Settings& settings, const Interface& interface, XdpAddresses& plan) {
  const std::size_t room =
      stack::ip::kAddressesMax - std::min(stack::ip::kAddressesMax, settings.service_addresses.size());
  for (const AssignedAddress& assigned : interface.addresses) {
    if (has(plan.ip.addresses, assigned.address)) continue;
    const std::string text = assigned.address.to_string();
    if (plan.ip.addresses.size() == room) {
      plan.notes.push_back(fmt::format("{} of {} is left to the host: the stack has at most {} addresses.", text,
                                       interface.name, stack::ip::kAddressesMax));
      continue;
    }
    if (assigned.tentative && !assigned.address.is_link_local()) {
      plan.notes.push_back(
          fmt::format("{} of {} is not ready for use: ip address show dev {} tells whether another "
                      "station has it.",
                      text, interface.name, interface.name));
    }
    plan.ip.addresses.push_back({assigned.address, assigned.prefix_length});
    plan.steering.addresses.push_back({assigned.address, Role::kShared});
  }
  if (!plan.ip.addresses.empty()) return;
  throw SetupError(fmt::format("{} has no address to share", interface.name), 0,
                   fmt::format("Give it one (ip address add ADDRESS/LENGTH dev {}), or list addresses of the server's "
                               "own in backend.addresses.",
                               interface.name));
}

void own(const Settings& settings, const Interface& interface, XdpAddresses& plan) {
  for (const InterfaceAddress& ours : settings.stack.ip.addresses) {
    const bool taken = std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                   [&](const AssignedAddress& theirs) { return theirs.address == ours.address; });
    if (taken) {
      throw SetupError(fmt::format("{} is the host's address on {}", ours.address.to_string(), interface.name), 0,
                       fmt::format("Leave backend.addresses out to share it, or take it from the host: ip address "
                                   "delete {} dev {}.",
                                   print_prefixed(ours), interface.name));
    }
    if (!ours.address.is_v4() && interface.mtu < kIpv6MtuMin) {
      throw SetupError(fmt::format("{} on {} with MTU {}", ours.address.to_string(), interface.name, interface.mtu), 0,
                       fmt::format("IPv6 needs {}: ip link set {} mtu {}.", kIpv6MtuMin, interface.name, kIpv6MtuMin));
    }
    plan.steering.addresses.push_back({ours.address, Role::kOwned});
    if (!ours.address.is_v4()) {
      plan.groups.push_back(stack::wire::multicast_mac(stack::wire::solicited_node(ours.address)));
    }
  }
  if (!plan.groups.empty()) plan.groups.push_back(stack::wire::multicast_mac(stack::wire::all_nodes()));
}

/// What comes through a tunnel is answered to the client's next hop, which the kernel tells only an interface that
/// forwards.
void note_forwarding(const Settings& settings, const Interface& interface, XdpAddresses& plan) {
  const auto note = [&](bool v4, bool forwards) {
    const auto& services = settings.service_addresses;
    if (forwards || std::ranges::none_of(services, [v4](const Address& each) { return each.is_v4() == v4; })) return;
    plan.notes.push_back(fmt::format(
        "Answers from service addresses go to the link address that the balancer's packets come from, because the "
        "kernel looks up no next hop on {0}: sysctl -w net.{1}.conf.{0}.forwarding=1 sends them straight to clients.",
        interface.name, v4 ? "ipv4" : "ipv6"));
  };
  note(true, interface.forwards_v4);
  note(false, interface.forwards_v6);
}

void add_services(const Settings& settings, const Interface& interface, XdpAddresses& plan) {
  for (const Address& service : settings.service_addresses) {
    if (has(plan.ip.addresses, service)) {
      throw SetupError(fmt::format("{} is an address of {} already", service.to_string(), settings.xdp.interface), 0,
                       "Take it out of backend.serviceAddresses: it is reached without a tunnel.");
    }
    plan.ip.addresses.push_back({service, static_cast<std::uint8_t>(service.is_v4() ? 32 : 128), true});
    plan.steering.addresses.push_back({service, Role::kTunnelled});
  }
  plan.steering.tunnels = !settings.service_addresses.empty();
  note_forwarding(settings, interface, plan);
}

void add_endpoints(const Settings& settings, XdpAddresses& plan) {
  for (const Endpoint& endpoint : settings.endpoints) {
    if (const std::string why = refusal(endpoint, plan.ip.addresses); !why.empty()) {
      throw SetupError(fmt::format("endpoints.{}.url: {}", endpoint.name, why), 0, "");
    }
    for (const stack::wire::Endpoint& taken : addresses_of(endpoint, plan.ip.addresses)) {
      plan.steering.endpoints.push_back(taken);
    }
  }
}

}  // namespace

XdpAddresses plan_xdp_addresses(const Settings& settings, const Interface& interface) {
  XdpAddresses plan;
  plan.ip = settings.stack.ip;
  plan.ip.mac = interface.mac;
  if (settings.shares_addresses()) {
    plan.ip.reply_to_sender = true;
    share(settings, interface, plan);
  } else {
    own(settings, interface, plan);
  }
  add_services(settings, interface, plan);
  add_endpoints(settings, plan);
  return plan;
}

}  // namespace windhover::server::main
