#pragma once
// Who a request comes from.

#include "stack/tcp/app.h"

namespace windhover::server::http {

/// A connection's client; borrows what it is made from. Both answers cost a look at the whole connection
/// (Connection::info()): not for every request without need.
class Client {
 public:
  /// Precondition of the accessors: made by the other constructor.
  Client() = default;
  /// `named`: whom a proxy in front has named; nullptr without one.
  Client(const stack::tcp::Connection& connection, const stack::tcp::Endpoint* named)
      : connection_(&connection), named_(named) {}

  /// Whom the proxy in front has named; else the connection's peer.
  stack::tcp::Endpoint remote() const { return named_ != nullptr ? *named_ : transport_remote(); }
  /// The connection's peer: the proxy, if there is one.
  stack::tcp::Endpoint transport_remote() const { return connection_->info().remote; }

 private:
  const stack::tcp::Connection* connection_ = nullptr;
  const stack::tcp::Endpoint* named_ = nullptr;
};

}  // namespace windhover::server::http
