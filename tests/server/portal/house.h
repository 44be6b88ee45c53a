#pragma once
// A portal between sockets of the kernel's and a server on a stack of its own, the two stacks joined in memory. Time
// stands still, unless a test moves it.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/memory/pair.h"
#include "server/portal/portal.h"
#include "stack/lane/stack.h"

namespace windhover::server::portal::test {

/// The server's side of one connection: keeps what it receives, and sends what it is told.
class Guest final : public stack::tcp::Handler {
 public:
  void on_established(stack::tcp::Connection& connection) override { connection_ = &connection; }
  void on_data(stack::tcp::Connection&, stack::base::Bytes bytes) override { received += stack::base::as_text(bytes); }
  void on_sendable(stack::tcp::Connection&) override { send(""); }
  void on_peer_finished(stack::tcp::Connection&) override { finished = true; }
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection&, stack::tcp::CloseReason why) override {
    connection_ = nullptr;
    closed = true;
    reason = why;
  }

  /// Sends all of it, waiting for room as long as that takes.
  void send(const std::string& text);
  /// What came behind the portal's header.
  std::string said() const { return received.substr(std::min<std::size_t>(received.size(), header_size)); }
  stack::tcp::Connection& connection() { return *connection_; }
  std::size_t unsent() const { return unsent_.size(); }

  std::size_t header_size = 28;
  std::string received;
  bool finished = false;
  bool closed = false;
  stack::tcp::CloseReason reason{};

 private:
  stack::tcp::Connection* connection_ = nullptr;
  std::string unsent_;
};

/// A client of the kernel's: a socket that does not block.
class Visitor {
 public:
  explicit Visitor(const stack::tcp::Endpoint& to);
  ~Visitor() { leave(); }
  Visitor(Visitor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Visitor& operator=(Visitor&&) = delete;
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  /// Returns how many bytes the kernel took.
  std::size_t send(const std::string& text) const;
  /// Takes what has come, into `received`, up to so many bytes.
  void receive(std::size_t most = std::string::npos);
  void finish() const;
  void leave();
  void reset();
  int fd() const { return fd_; }
  std::string name() const;

  std::string received;
  bool finished = false;
  int error = 0;

 private:
  int fd_ = -1;
};

class House final : public Connector, public stack::tcp::Acceptor {
 public:
  static constexpr std::uint16_t kPort = 80;

  explicit House(const Config& config = {.connections_max = 64}, bool v6 = false);
  ~House() override;

  stack::tcp::Connection* connect(stack::tcp::Handler& handler) override;
  stack::tcp::Handler* accept(stack::tcp::Connection&) override { return &guests.emplace_back(); }

  /// Turns everything until `done`, or a long time has passed. Returns whether it is done.
  bool until(const std::function<bool()>& done);
  /// Turns everything until nothing moves.
  void settle();
  void advance(stack::base::Duration time);
  /// Whether the portal did anything when it last ran.
  bool portal_moved() const { return portal_moved_; }

  Portal& portal() { return *portal_; }
  stack::lane::Stack& server() { return *server_; }
  stack::tcp::Endpoint address() const { return portal_->addresses().front(); }
  std::uint64_t count(Event event) const { return portal_->counters().value(event); }

  std::deque<Guest> guests;
  bool can_connect = true;

 private:
  bool turn();
  bool move(stack::lane::Stack& stack, stack::link::Device& device);

  stack::base::Instant now_{std::chrono::seconds(1000)};
  backends::memory::Pair pair_;
  std::unique_ptr<stack::lane::Stack> server_;
  std::unique_ptr<stack::lane::Stack> client_;
  std::unique_ptr<Portal> portal_;
  bool portal_moved_ = false;
};

}  // namespace windhover::server::portal::test
