#pragma once
// The sockets that the portal listens with.

#include <vector>

#include "server/portal/socket.h"
#include "stack/tcp/app.h"

namespace windhover::server::portal {

/// One address.
struct Listener {
  Socket socket;
  stack::tcp::Endpoint address;  ///< With the port that it got.
};

/// Listens on all of them or on none; port 0 takes one that is free on all. Where there is no IPv6 (EAFNOSUPPORT,
/// EADDRNOTAVAIL), its addresses are left out, unless nothing is left. Throws SetupError.
std::vector<Listener> listen_on(const std::vector<stack::tcp::Endpoint>& addresses);

}  // namespace windhover::server::portal
