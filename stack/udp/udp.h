#pragma once
// Datagram sockets for applications inside the process (RFC 768, RFC 8200 8.1).
//
//   auto [socket, refusal] = stack.udp_bind({address, 7}, receiver);
//   socket->send(now, remote, payload);
//
// Each lane has sockets of its own: a datagram reaches the lane that its flow belongs to, so an application binds on
// every lane. A datagram that no socket wants is answered with port unreachable. Not offered: groups and broadcast,
// datagrams larger than the path takes (they are refused, not fragmented), IPv6 without checksums (RFC 6936).
//
// Threads: one lane. Nothing allocates after construction. Verbs may be called from inside every event, on the same
// socket too, which may then be gone.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "stack/wire/address.h"

namespace windhover::stack::udp {

using wire::Endpoint;
class Socket;

/// What an operator can say about UDP.
struct Config {
  std::uint32_t sockets_max = 16;  ///< Of one lane, 0..kSocketsMax; memory is taken at start.
};

/// They are found by binary search, and a new one moves those behind it.
inline constexpr std::uint32_t kSocketsMax = 4096;
/// Frames in the internet layer's queue beyond which send() refuses: replies of others (ICMP, ARP, TCP's resets) find
/// room behind them.
inline constexpr std::size_t kQueuedMax = 192;

/// A datagram that has arrived. Everything in it dies with the call.
struct Datagram {
  base::Bytes payload;  ///< In the received frame.
  Endpoint source;
  Endpoint destination;  ///< Which of our addresses it came to.
  base::Instant arrived;
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN.
};

/// An ICMP error about a datagram that was sent from a socket. Anybody who knows the two endpoints can forge one, since
/// datagrams carry nothing that only their receiver has seen; so none of it changes how the stack sends, kTooBig
/// neither.
struct Error {
  ip::TransportError::Kind kind{};
  Endpoint remote;        ///< Where that datagram went.
  std::uint32_t mtu = 0;  ///< Of kTooBig: the largest IP packet, as far as it was said.
};

/// An application's side of a socket. Borrowed by the socket until it is closed.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void on_datagram(Socket& socket, const Datagram& datagram) = 0;
  virtual void on_error(Socket& socket, const Error& error) {
    (void)socket;
    (void)error;
  }
};

/// What became of a datagram that was to be sent.
enum class Sent : std::uint8_t {
  kQueued,     ///< On its way to the device, or waiting for its neighbour's link address, where it may still be lost.
  kNoRoute,    ///< Nothing leads there, or not from the socket's address, or that may not be used now.
  kTooBig,     ///< Larger than payload_max(): nothing was sent.
  kNoFrame,    ///< The device has no buffer free: backpressure.
  kQueueFull,  ///< Too much waits for the device: backpressure.
};

/// Why bind() made no socket.
enum class Refusal : std::uint8_t {
  kNone,
  kTaken,     ///< Another socket has the port, on that address or on all.
  kNotOurs,   ///< The address is not one of this stack's.
  kNoSocket,  ///< All sockets are in use.
  kNoPort,    ///< All ports that could be chosen are taken.
};

class Udp;

/// A bound socket. Owned by its Udp; the application borrows it until close().
class Socket {
 public:
  /// The address is unspecified when it is bound to all; the port is never 0.
  const Endpoint& local() const { return local_; }
  const std::optional<Endpoint>& remote() const { return remote_; }

  /// From now on only datagrams from `remote` arrive here, and others are answered with port unreachable.
  void connect(const Endpoint& remote) { remote_ = remote; }
  void disconnect() { remote_.reset(); }

  /// Copies `payload` into a frame and sends it to `remote`. From the socket's address; when that is unspecified from
  /// `source`, and without one from the address that the route has.
  Sent send(base::Instant now, const Endpoint& remote, base::Bytes payload,
            const std::optional<wire::Address>& source = {});
  /// Answers a datagram to where it came from, from the address that it came to. With ip::Config::reply_to_sender this
  /// is the only way to send, and only from inside on_datagram().
  Sent reply(base::Instant now, const Datagram& datagram, base::Bytes payload);

  /// The largest payload that send() takes for `remote`.
  std::size_t payload_max(const wire::Address& remote) const;

  /// Ends it: nothing arrives any more, and the port is free.
  void close();

 private:
  friend class Udp;

  Udp* owner_ = nullptr;
  Endpoint local_;
  std::optional<Endpoint> remote_;
  Receiver* receiver_ = nullptr;
};

/// All sockets of a lane.
class Udp {
 public:
  struct Bound {
    Socket* socket = nullptr;
    Refusal refusal = Refusal::kNone;
  };

  /// `port_key` is random and secret in production: it chooses ports for those who ask for none (RFC 6056). Throws
  /// SetupError for more than kSocketsMax.
  Udp(const Config& config, const base::SipKey& port_key, const link::Caps& caps, link::FrameArena& arena, ip::Ip& ip,
      base::Counters& counters);
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;

  /// A socket on `local`. An unspecified address stands for every address of this stack, both families; port 0 for one
  /// that is free, from 49152 on.
  Bound bind(const Endpoint& local, Receiver& receiver);

  /// Takes a UDP packet that arrived and counts its end: kFramesConsumed, or kUdpMalformed, kUdpBadChecksum,
  /// kUdpNoSocket.
  void input(base::Instant now, ip::Packet packet);
  /// Takes an ICMP error about a datagram. False when no socket can have sent it.
  bool error(const ip::TransportError& error);

  std::size_t socket_count() const { return order_.size(); }
  std::size_t memory_size() const;

 private:
  friend class Socket;

  /// Where the sockets of `port` begin in order_, or would.
  std::size_t position(std::uint16_t port) const;
  Socket* find(const Endpoint& local) const;
  std::optional<std::uint16_t> choose_port(const wire::Address& address);
  Refusal refusal_of(const Endpoint& local) const;
  Sent send(base::Instant now, const Endpoint& from, const Endpoint& to, base::Bytes payload, ip::Route& route);
  void close(Socket& socket);

  base::SipKey port_key_;
  std::uint64_t ports_chosen_ = 0;
  const link::Caps& caps_;
  link::FrameArena& arena_;
  ip::Ip& ip_;
  base::Counters& counters_;
  const std::uint32_t sockets_max_;
  std::unique_ptr<Socket[]> sockets_;
  std::vector<std::uint32_t> order_;  ///< Indices of those in use, by port.
  std::vector<std::uint32_t> free_;
  wire::MacAddress heard_from_{};  ///< Of the datagram that is being delivered.
};

}  // namespace windhover::stack::udp
