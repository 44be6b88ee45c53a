#pragma once
// TCP of one lane (RFC 9293): segments in, segments out, and the applications in between.

#include <cstdint>
#include <memory>

#include "stack/base/counters.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "stack/tcp/app.h"
#include "stack/tcp/config.h"
#include "stack/tcp/isn.h"

namespace windhover::stack::tcp {

struct Engine;

/// Thread: one lane. Memory is taken in the constructor; connections live in it until they close.
class Tcp {
 public:
  /// All references must outlive this.
  Tcp(base::Instant now, const Config& config, const Keys& keys, const link::Caps& caps, link::FrameArena& arena,
      ip::Ip& ip, base::Counters& counters);
  ~Tcp();
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  /// See lane::Stack.
  void listen(const Endpoint& local, Acceptor& acceptor);
  void unlisten(const Endpoint& local);
  void set_close_observer(CloseObserver* observer);
  Connection* connect(base::Instant now, const Endpoint& remote, Handler& handler);

  /// Takes one packet of protocol TCP; it ends as kFramesConsumed or under a drop's name.
  void input(base::Instant now, const ip::Packet& packet);
  /// An ICMP error that quotes one of our segments; believed only when the quoted sequence number is in flight (RFC
  /// 5927). Returns whether it was.
  bool error(base::Instant now, const ip::TransportError& error);

  /// Fires the timers that are due.
  void advance(base::Instant now);
  /// Builds segments into the internet layer's queue until it holds a burst or there is nothing more to send.
  void output(base::Instant now);
  /// `now` or earlier when output() has more to give.
  base::Instant next_deadline() const;

  /// Resets every connection.
  void stop(base::Instant now);

  std::uint64_t closed(CloseReason reason) const;
  std::size_t connection_count() const;
  std::size_t half_open_count() const;
  std::size_t time_wait_count() const;
  std::size_t memory_size() const;

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace windhover::stack::tcp
