#pragma once
// Which addresses the server has on an AF_XDP interface, and what the program steers to it for them.

#include <string>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/program.h"
#include "server/main/settings.h"

namespace windhover::server::main {

struct XdpAddresses {
  stack::ip::Config ip;                         ///< The stack's.
  backends::xdp::Steering steering;             ///< The program's.
  std::vector<stack::wire::MacAddress> groups;  ///< Link-layer groups that the addresses of our own need.
  std::vector<std::string> notes;               ///< What an operator should know, each a sentence.
};

/// Shared: the interface's addresses. Owned: those of the settings, with the interface's link address. Either way the
/// service addresses besides. Throws SetupError when there is none, when an endpoint names another, or when an address
/// of our own is the host's too.
XdpAddresses plan_xdp_addresses(const Settings& settings, const backends::host::Interface& interface);

}  // namespace windhover::server::main
