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
#include "stack/tcp/recording.h"
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

/// Whether somebody may want to know why: not the orderly end, nor that of the whole stack.
constexpr bool is_abnormal(CloseReason reason) {
  return reason != CloseReason::kFinished && reason != CloseReason::kStopped;
}

/// An IP address and a port.
using Endpoint = wire::Endpoint;

/// A snapshot with the meanings of Linux's TCP_INFO; where Linux counts segments in flight, these are bytes.
struct Info {
  Endpoint local;
  Endpoint remote;
  std::string_view state;               ///< RFC 9293 spelling, such as "ESTABLISHED".
  std::string_view congestion_control;  ///< "newreno" or "cubic".
  std::string_view ca_state;            ///< What recovery does: "open", "recovery" or "loss".

  // Negotiated.
  bool timestamps = false;
  bool sack = false;
  bool window_scaling = false;
  bool ecn = false;
  std::uint8_t snd_wscale = 0;
  std::uint8_t rcv_wscale = 0;
  std::uint32_t snd_mss = 0;
  std::uint32_t rcv_mss = 0;
  std::uint32_t pmtu = 0;

  // Sending.
  std::uint32_t snd_cwnd = 0;
  std::uint32_t snd_ssthresh = 0;
  std::uint32_t snd_wnd = 0;
  std::uint32_t snd_space = 0;   ///< Copied bytes that may be queued now (Linux: sk_sndbuf).
  std::uint64_t notsent = 0;     ///< Queued and never sent.
  std::uint32_t unacked = 0;     ///< In flight or lost, a FIN included.
  std::uint32_t sacked = 0;      ///< Of those, reported by SACK,
  std::uint32_t lost = 0;        ///< and believed lost.
  std::uint8_t timeouts = 0;     ///< In a row, without progress (tcpi_retransmits, tcpi_backoff).
  std::uint8_t probes = 0;       ///< Of a shut window or of keep-alive, unanswered.
  bool reordering_seen = false;  ///< RFC 8985.
  std::uint32_t dsack_dups = 0;  ///< Duplicates that the peer reported (RFC 2883).
  std::uint64_t bytes_sent = 0;  ///< Payload, retransmissions included.
  std::uint64_t bytes_acked = 0;
  std::uint64_t delivered = 0;  ///< Acknowledged or SACKed.
  std::uint64_t segments_sent = 0;
  std::uint64_t retransmitted = 0;  ///< Segments.

  // Receiving.
  std::uint32_t rcv_wnd = 0;
  std::uint32_t rcv_space = 0;       ///< What the window is cut from (tcpi_rcv_space; tune.h).
  base::Duration rcv_rtt{};          ///< The round trip as the receiver sees it; zero until it is measured.
  std::uint32_t rcv_ooopack = 0;     ///< Segments that came out of order.
  std::uint32_t rcv_waiting = 0;     ///< Blocks of memory that hold bytes out of order or unread.
  std::uint64_t bytes_received = 0;  ///< Payload delivered in order.
  std::uint64_t segments_received = 0;

  // Times. The last three: how long ago.
  base::Duration srtt{};
  base::Duration rttvar{};
  base::Duration min_rtt{};
  base::Duration rto{};
  base::Duration last_data_sent{};
  base::Duration last_data_received{};
  base::Duration last_received{};  ///< Anything.
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

  /// The last events of this connection, as far as the flight recorder has them (recorder.h). Nothing when it is quiet.
  virtual void flight_record(Recording& recording) const = 0;
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

/// Is told of connections that end badly, for a log. Called from inside the stack, before the application's
/// on_closed(): no verb may be called, and what is given dies with the call. Must outlive the stack.
class CloseObserver {
 public:
  virtual ~CloseObserver() = default;
  /// is_abnormal(reason). `info` is from just before the end.
  virtual void on_abnormal_close(const Info& info, CloseReason reason, const Recording& recording) = 0;
};

/// Makes a Handler for each connection that a listener establishes.
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  /// Returns the handler for a new connection, or nullptr to refuse it (it is reset and counted).
  virtual Handler* accept(Connection& connection) = 0;
};

}  // namespace windhover::stack::tcp
