#pragma once
// A server and its clients, each on a stack of its own, joined in memory and driven in virtual time.

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "backends/memory/pair.h"
#include "server/http/server.h"
#include "stack/base/time.h"
#include "stack/lane/stack.h"
#include "stack/tcp/app.h"

namespace windhover::server::http::test {

/// A client's side of a connection: keeps what it receives.
class Client final : public stack::tcp::Handler {
 public:
  void on_established(stack::tcp::Connection& connection) override;
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection& connection) override;
  void on_peer_finished(stack::tcp::Connection&) override { finished = true; }
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection& connection, stack::tcp::CloseReason reason) override;

  /// Sends all of it, waiting for room as long as that takes.
  void send(std::string_view text);

  stack::tcp::Connection* connection = nullptr;  ///< nullptr once closed.
  std::string received;
  bool established = false;
  bool finished = false;  ///< The server's FIN has come.
  bool closed = false;
  stack::tcp::CloseReason reason{};

 private:
  void push();

  std::string unsent_;
};

/// What a test may set before the two meet.
struct LoopbackOptions {
  Limits limits;
  ProxyProtocol proxy;
  Capacity capacity{.connections = 64, .small_buffers = 16, .large_buffers = 8};
  stack::tcp::Config server_tcp;
  stack::tcp::Config client_tcp;
  LoopbackOptions();
};

/// Thread: one. Time moves only by the calls below.
class Loopback {
 public:
  explicit Loopback(Responder& responder, const LoopbackOptions& options = {});
  ~Loopback();

  /// Opens a connection; it is established when this returns, unless the server refuses it.
  Client& connect();
  /// Moves frames until none is left to move, at the same instant.
  void settle();
  /// Lets time pass, timers included, and settles.
  void advance(stack::base::Duration time);
  /// Sends, lets 50 ms pass, and returns what the client has received since the last call.
  std::string exchange(Client& client, std::string_view request);

  std::size_t server_frame_max = 65535;  ///< Longer frames of the server are lost: answers, and not acknowledgements.

  Server& server() { return *server_; }
  stack::base::Instant now() const { return now_; }
  std::uint64_t count(BadRequest reason) const { return server_->counters().value(reason); }
  std::uint64_t count(ConnectionEnd end) const { return server_->counters().value(end); }
  std::uint64_t count(HttpEvent event) const { return server_->counters().value(event); }

 private:
  bool move(stack::lane::Stack& stack, stack::link::Device& device);

  stack::base::Instant now_;
  std::unique_ptr<backends::memory::Pair> pair_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<stack::lane::Stack> server_stack_;
  std::unique_ptr<stack::lane::Stack> client_stack_;
  std::deque<Client> clients_;
};

}  // namespace windhover::server::http::test
