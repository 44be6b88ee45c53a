#pragma once
// The second of the two contracts: what a connection tells its application and what the application may ask of it.
//
// HTTP, TLS, the portal, the load generator and the tests are all just applications. Both faces are abstract so that a
// filter (TLS) can stand between them: it is a Handler towards TCP and a Connection towards HTTP.
//
// Threads: everything about one connection happens on its lane, run to completion.
// Re-entrancy: every verb may be called from inside any event. Events caused by a verb come later, never from inside
// it.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/base/buffer.h"
#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/wire/address.h"

namespace windhover::stack::tcp {

/// Why a connection ended, as on_closed() and the counters tell it. One line per reason: identifier, name in counters.
#define WINDHOVER_CLOSE_REASONS(X)                                                                   \
  X(kFinished, "finished")                      /* Both sides sent FIN and all was acknowledged. */  \
  X(kAborted, "aborted")                        /* Our application called abort(). */                \
  X(kPeerReset, "peer_reset")                   /* A valid RST arrived. */                           \
  X(kRefused, "refused")                        /* RST in answer to our SYN. */                      \
  X(kTimedOut, "timed_out")                     /* Retransmissions went unanswered for the bound. */ \
  X(kHandshakeTimedOut, "handshake_timed_out")  /* SYN or SYN-ACK was never answered. */             \
  X(kPersistTimedOut, "persist_timed_out")      /* Probes of a shut window went unanswered. */       \
  X(kKeepAliveTimedOut, "keep_alive_timed_out") /* Keep-alive probes went unanswered. */             \
  X(kUserTimedOut, "user_timed_out")            /* No progress for set_user_timeout(). */            \
  X(kUnread, "unread")                          /* Data came that our application had no use for. */ \
  X(kCloseTimedOut, "close_timed_out")          /* The peer did not finish in time after close(). */ \
  X(kUnreachable, "unreachable")                /* A hard ICMP error while opening (RFC 5461). */    \
  X(kStopped, "stopped")                        /* The stack was shut down. */

enum class CloseReason : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_CLOSE_REASONS(X)
#undef X
};

inline constexpr std::size_t kCloseReasonCount = 0
#define X(identifier, name) +1
    WINDHOVER_CLOSE_REASONS(X)
#undef X
    ;

/// The reason's name in counters and logs, such as "peer_reset".
std::string_view name(CloseReason reason);

/// An IP address and a port.
using Endpoint = wire::Endpoint;

/// A snapshot with the meanings of Linux's TCP_INFO. Bytes and segments.
struct Info {
  Endpoint local;
  Endpoint remote;
  std::string_view state;  ///< RFC 9293 spelling, such as "ESTABLISHED".
  std::uint32_t snd_mss = 0;
  std::uint32_t rcv_mss = 0;
  std::uint32_t snd_cwnd = 0;  ///< Bytes.
  std::uint32_t snd_ssthresh = 0;
  std::uint32_t snd_wnd = 0;
  std::uint32_t rcv_wnd = 0;
  base::Duration srtt{};
  base::Duration rttvar{};
  base::Duration rto{};
  std::uint64_t bytes_sent = 0;  ///< Payload, retransmissions included.
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;  ///< Payload delivered in order.
  std::uint64_t segments_sent = 0;
  std::uint64_t segments_received = 0;
  std::uint64_t retransmitted = 0;  ///< Segments.
};

/// What an application may ask of a connection. Borrowed by the application; valid until on_closed() returns.
class Connection {
 public:
  virtual ~Connection() = default;

  /// Copies bytes into the send queue; returns how many were taken, fewer than offered when the queue or the lane's
  /// pool is full (on_sendable() follows when there is room), 0 after shutdown() or abort().
  virtual std::size_t send(base::Bytes bytes) = 0;

  /// Queues a part of a shared buffer by reference; nothing is copied and size does not matter. False when the queue
  /// has no entry free (on_sendable() follows), or after shutdown() or abort().
  virtual bool send(base::Slice slice) = 0;

  /// While corked, a segment that is not full waits; uncorking pushes. For a head and a body in one segment.
  virtual void cork(bool corked) = 0;

  /// Bytes queued and not yet acknowledged.
  virtual std::size_t unacknowledged() const = 0;

  /// Ends our direction: FIN follows the queued bytes. Receiving goes on (half-close).
  virtual void shutdown() = 0;

  /// `linger` of close(): for as long as the peer acknowledges something now and then.
  static constexpr base::Duration kUnlimited = base::Duration::max();

  /// Ends both directions: FIN follows the queued bytes, and no event but on_closed() comes any more. Bytes that have
  /// come and were not read (pause_reading()), or that come later, are lost, so they are answered with RST (RFC 1122
  /// §4.2.2.13, RFC 2525 §2.17) and the reason is kUnread. What is queued may take `linger` until the peer has
  /// acknowledged all of it; then it is reset (kCloseTimedOut). The peer's own FIN is waited for no longer than
  /// Config::fin_wait_2, and then nothing is sent. A second call changes nothing.
  virtual void close(base::Duration linger = kUnlimited) = 0;

  /// How long nothing may move while data is unacknowledged, unsent before a shut window, or a keep-alive probe
  /// unanswered (RFC 5482; as Linux's TCP_USER_TIMEOUT). Then the connection ends (kUserTimedOut). Zero: the bounds of
  /// retransmission alone. Precondition: not negative.
  virtual void set_user_timeout(base::Duration timeout) = 0;

  /// Sends RST and forgets everything; on_closed(kAborted) follows, outside the caller.
  virtual void abort() = 0;

  /// Stops on_data(); what arrives is kept up to the receive window, and the window closes (flow control).
  virtual void pause_reading() = 0;
  /// on_data() comes again, first with what was kept.
  virtual void resume_reading() = 0;

  /// Arms the connection's one application timer: on_timer() at or shortly after `at` (wheel granularity, 1 ms).
  /// Replaces an earlier deadline; base::kNever disarms.
  virtual void set_timer(base::Instant at) = 0;

  /// The lane's time at the current event.
  virtual base::Instant now() const = 0;

  virtual Info info() const = 0;
};

/// An application's side of one connection. Owned by the application; the stack borrows it until on_closed() returns.
class Handler {
 public:
  virtual ~Handler() = default;

  /// The handshake is done. For a passive open it comes right after Acceptor::accept().
  virtual void on_established(Connection& connection) = 0;
  /// Bytes in order. The span lies in the received frame and dies with the call: use it or copy it.
  virtual void on_data(Connection& connection, base::Bytes bytes) = 0;
  /// There is room again after a short send().
  virtual void on_sendable(Connection& connection) = 0;
  /// The peer's FIN: no more on_data(). Sending goes on until shutdown().
  virtual void on_peer_finished(Connection& connection) = 0;
  /// The deadline of set_timer() has passed.
  virtual void on_timer(Connection& connection) = 0;
  /// Everything queued so far has been acknowledged by the peer. Only sent if something was queued.
  virtual void on_drained(Connection& connection) { (void)connection; }
  /// The last event. `connection` dies when this returns; the handler may destroy itself.
  virtual void on_closed(Connection& connection, CloseReason reason) = 0;
};

/// Makes a Handler for each connection that a listener establishes.
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  /// Returns the handler for a new connection, or nullptr to refuse it (it is reset and counted).
  virtual Handler* accept(Connection& connection) = 0;
};

}  // namespace windhover::stack::tcp
