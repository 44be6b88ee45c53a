#pragma once
// How the portal reaches the server: the one thing that it asks of whoever composes it.

#include "stack/tcp/app.h"

namespace windhover::server::portal {

/// Opens connections from a client stack to the server. Thread: the portal's.
class Connector {
 public:
  virtual ~Connector() = default;
  /// on_established() or on_closed() of `handler` follows, from outside this call. nullptr when no connection can be
  /// had now: no slot, no port.
  virtual stack::tcp::Connection* connect(stack::tcp::Handler& handler) = 0;
};

}  // namespace windhover::server::portal
