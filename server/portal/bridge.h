#pragma once
// One connection of the kernel's joined to one of the client stack's.
//
// What comes from the socket is sent into the stack; what the stack gives is collected for one burst and then written
// to the socket. Each direction ends by itself: an end of the socket's data becomes FIN, the server's FIN becomes
// shutdown(SHUT_WR), and a reset becomes a reset, unless the server had said all: then the client gets all of it.
// Whoever does not take what it is sent stops the other: while the socket is full the stack's side is paused, so that
// its window closes, and while the stack is full the socket is not read, so that the kernel's does.

#include <cstdint>

#include "server/portal/buffers.h"
#include "server/portal/counters.h"
#include "server/portal/proxy_header.h"
#include "server/portal/socket.h"
#include "stack/base/bytes.h"
#include "stack/tcp/app.h"

namespace windhover::server::portal {

class Bridge;

/// What the bridges share, and whom they tell.
class BridgeOwner {
 public:
  /// Bytes of a socket that are read at once, and that may wait for the stack.
  static constexpr std::size_t kReadSize = std::size_t{16} * 1024;
  /// Bytes that may wait for a socket before the stack's side is paused. What one frame brings may come on top.
  static constexpr std::size_t kPendingMax = std::size_t{64} * 1024;

  BridgeOwner(const BridgeOwner&) = delete;
  BridgeOwner& operator=(const BridgeOwner&) = delete;

  std::size_t buffers_size() const { return unsent_.memory_size() + unwritten_.memory_size(); }

  Counters counters;

 protected:
  /// As many buffers of each kind as there are connections, so that none ever has to wait for one.
  explicit BridgeOwner(std::uint32_t connections_max)
      : unsent_(kReadSize, connections_max), unwritten_(2 * kPendingMax, connections_max) {}
  ~BridgeOwner() = default;

 private:
  friend class Bridge;

  /// Has something to write: flush() is due at the end of the burst. Not again until then.
  virtual void wrote(Bridge& bridge) = 0;
  /// Has more to read than one turn's worth: go_on() is due at the next. Not again until then.
  virtual void has_more(Bridge& bridge) = 0;
  /// May be destroyed, but not from inside this call.
  virtual void ended(Bridge& bridge) = 0;

  Buffers unsent_;
  Buffers unwritten_;
};

/// Thread: the portal's.
class Bridge final : public stack::tcp::Handler {
 public:
  /// `socket` is connected and does not block; `header` says whose it is. The owner must outlive this.
  Bridge(BridgeOwner& owner, Socket socket, const ProxyHeader& header);
  ~Bridge() override;
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  /// The connection to the server has been asked for; nullptr: there is none, and the client is reset.
  void begin(stack::tcp::Connection* connection);
  /// An edge of epoll's about the socket, its EPOLL... bits.
  void on_event(std::uint32_t events);
  /// Writes what has been collected.
  void flush();
  /// Reads on.
  void go_on();

  void on_established(stack::tcp::Connection& connection) override;
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection& connection) override;
  void on_peer_finished(stack::tcp::Connection& connection) override;
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection& connection, stack::tcp::CloseReason reason) override;

 private:
  void pump();
  bool read();
  bool send_unsent();
  void write();
  void finish_what_is_finished();
  void client_failed();
  void end();

  BridgeOwner& owner_;
  Socket socket_;
  stack::tcp::Connection* connection_ = nullptr;  // Until on_closed().
  Buffer* unsent_ = nullptr;                      // Read from the socket, not taken by the stack.
  Buffer* unwritten_ = nullptr;                   // Given by the stack, not taken by the socket.
  ProxyHeader header_;
  bool established_ = false;
  bool readable_ = true;           // No read() has said otherwise since the last edge.
  bool writable_ = true;           // Likewise.
  bool client_finishing_ = false;  // The kernel has said that an end is among what can be read.
  bool client_finished_ = false;   // And it has been read.
  bool server_finished_ = false;
  bool shut_down_ = false;   // shutdown() of the stack's side was called,
  bool write_shut_ = false;  // of the socket's.
  bool paused_ = false;      // The stack's side.
  bool flush_due_ = false;   // The owner knows,
  bool more_due_ = false;    // likewise.
  bool ended_ = false;
};

}  // namespace windhover::server::portal
