#pragma once
// Where the server listens.

#include <string>
#include <vector>

#include "server/config/text.h"
#include "stack/ip/config.h"
#include "stack/tcp/app.h"

namespace windhover::server::main {

/// An endpoint by the name that the operator gave it: "http://*:8080". The host is an address, or "*" for all.
struct Endpoint {
  std::string name;
  config::Url url;
};

/// What it listens on as the stack understands it: an unspecified address stands for every one, so that accepting stays
/// one look-up.
stack::tcp::Endpoint listener_of(const Endpoint& endpoint);

/// The same with each address by itself: one for each of `addresses` when the host is "*".
std::vector<stack::tcp::Endpoint> addresses_of(const Endpoint& endpoint,
                                               const std::vector<stack::ip::InterfaceAddress>& addresses);

/// Why the stack cannot listen there; empty when it can.
std::string refusal(const Endpoint& endpoint, const std::vector<stack::ip::InterfaceAddress>& addresses);

/// True when a client could mean either: the same port, and the same address or "*" for one of them.
bool overlap(const Endpoint& one, const Endpoint& other);

}  // namespace windhover::server::main
