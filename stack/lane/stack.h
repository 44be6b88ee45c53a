#pragma once
// The machine: frames and `now` in, frames and a deadline out.
//
// A Stack is one lane's whole network: neighbours, addresses, connections. It never reads a clock, calls the kernel or
// draws randomness, so every backend, the simulator, the fuzzers and the benchmarks are merely different callers.
//
//   device.receive(burst); stack.input(now, burst); stack.advance(now); stack.output(now, burst);
//   device.transmit(burst)

#include <cstdint>
#include <memory>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "stack/tcp/app.h"
#include "stack/tcp/config.h"
#include "stack/tcp/isn.h"
#include "stack/udp/udp.h"

namespace windhover::stack::lane {

/// Everything a stack is made from besides its device. Addresses must be owned by this stack alone.
struct Config {
  ip::Config ip;
  tcp::Config tcp;
  udp::Config udp;
};

/// Thread: one lane. Memory is taken in the constructor; after that nothing allocates.
class Stack {
 public:
  /// `device` is used for its caps, its arena and pass(); it must outlive the stack.
  Stack(base::Instant now, const Config& config, const tcp::Keys& keys, link::Device& device);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Accepts connections to `local` (an unspecified address means every address of that stack). Throws SetupError when
  /// the port is taken. `acceptor` must outlive the listener.
  void listen(const tcp::Endpoint& local, tcp::Acceptor& acceptor);
  /// Stops accepting on that endpoint; connections stay.
  void unlisten(const tcp::Endpoint& local);

  /// Whom to tell of connections that end badly; nullptr for nobody. It must outlive the stack.
  void set_close_observer(tcp::CloseObserver* observer);

  /// Opens a connection; on_established() or on_closed() follows. nullptr when there is no route or no slot, or no port
  /// is free.
  tcp::Connection* connect(base::Instant now, const tcp::Endpoint& remote, tcp::Handler& handler);

  /// A socket for datagrams; stack/udp/udp.h says what it does. `receiver` must outlive it, or close it.
  udp::Udp::Bound bind(const udp::Endpoint& local, udp::Receiver& receiver);

  /// As in ip::Ip: what may be done with an address of ours now, taking one away and giving it back, and what follows
  /// when the carrier has returned. Precondition: the address is one of the configured ones.
  ip::AddressState address_state(const wire::Address& address) const;
  void withdraw(base::Instant now, const wire::Address& address);
  void restore(base::Instant now, const wire::Address& address);
  void link_up(base::Instant now);

  /// Takes every frame of the burst.
  void input(base::Instant now, link::Burst& burst);
  /// Frames that input() put together from fragments for other lanes (ip::Config::lane_count): to be taken out, by
  /// Exchange::sort(), before the next input(). Never any with one lane.
  link::Burst& elsewhere();
  /// Fires the timers that are due.
  void advance(base::Instant now);
  /// Appends frames that are ready to go, up to the burst's room.
  void output(base::Instant now, link::Burst& burst);
  /// When to call advance() at the latest; `now` or earlier when output() has more to give.
  base::Instant next_deadline() const;

  /// Resets every connection (kStopped) and drops all that waits. For the end of a lane.
  void stop(base::Instant now);

  const base::Counters& counters() const;
  std::uint64_t closed(tcp::CloseReason reason) const;
  /// Those whose handshake a peer has only begun do not count.
  std::size_t connection_count() const;
  std::size_t half_open_count() const;
  std::size_t time_wait_count() const;
  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::stack::lane
