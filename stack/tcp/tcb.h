#pragma once
// The transmission control block: everything one connection knows (RFC 9293 §3.3.1).

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack/ip/ip.h"
#include "stack/tcp/app.h"
#include "stack/tcp/congestion.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/flight.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/receive_store.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/rtt.h"
#include "stack/tcp/send_queue.h"
#include "stack/tcp/state.h"
#include "stack/tcp/tune.h"
#include "stack/tcp/undo.h"
#include "stack/tcp/window_use.h"
#include "stack/timer/wheel.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

struct Engine;
struct TapeEvent;

/// The deadlines a connection may have at once. They share one place in the wheel, armed for the earliest and re-armed
/// lazily: pushing a deadline back costs a store.
enum class Deadline : std::uint8_t { kRetransmit, kReorder, kDelayedAck, kKeepAlive, kApplication, kUser };
inline constexpr std::size_t kDeadlineCount = 6;

/// What kRetransmit does when it passes.
enum class RetransmitMode : std::uint8_t { kTimeout, kProbe, kPersist, kHandshake };

/// Bytes; more than the largest window (RFC 7323 §2.3) and less than half the circle.
inline constexpr std::uint32_t kDataSpanMax = 1U << 30;

/// A place in the engine's list of connections that have something to send, or have ended.
struct TcbLink {
  Tcb* previous = nullptr;
  Tcb* next = nullptr;
  bool linked = false;
};

/// One connection, from SYN-SENT or SYN-RECEIVED until it is closed or becomes a TIME-WAIT entry. RFC variables keep
/// their names. Owner: the engine's pool. Thread: its lane. The application borrows it as a Connection until
/// on_closed() returns.
class Tcb final : public Connection {
 public:
  Tcb(Engine& engine, const Endpoint& local, const Endpoint& remote, const ip::Route& route, std::uint32_t mss);

  // Connection
  std::size_t send(base::Bytes bytes) override;
  bool send(base::Slice slice) override;
  void cork(bool corked) override;
  std::size_t unacknowledged() const override;
  void shutdown() override;
  void close(base::Duration linger) override;
  void set_user_timeout(base::Duration timeout) override;
  void abort() override;
  void pause_reading() override;
  void resume_reading() override;
  void set_timer(base::Instant at) override;
  base::Instant now() const override;
  Info info() const override;
  void flight_record(Recording& recording) const override;

  /// The sequence number after the last byte queued, before a FIN. Of a queue longer than any window only the first
  /// kDataSpanMax count: farther on sequence numbers cannot be told from old ones.
  wire::Seq data_end() const {
    return snd_una_data() + static_cast<std::uint32_t>(std::min<std::uint64_t>(queue.size(), kDataSpanMax));
  }
  /// A FIN is queued, right behind data_end().
  bool fin_in_sight() const { return fin_queued && queue.size() <= kDataSpanMax; }
  /// snd_una as a position in the data: past our SYN.
  wire::Seq snd_una_data() const { return syn_acknowledged ? snd_una : snd_una + 1; }
  /// After the FIN when there is one.
  wire::Seq send_end() const { return fin_in_sight() && !fin_acknowledged ? data_end() + 1 : data_end(); }
  bool has_unsent() const { return before(snd_nxt, send_end()); }
  /// Payload bytes of a full segment: the MSS less the options that every segment carries.
  std::uint32_t segment_payload() const { return timestamps ? snd_mss - 12U : snd_mss; }
  /// What may still arrive without a new announcement.
  std::uint32_t receive_window() const { return static_cast<std::uint32_t>(rcv_adv - rcv_nxt); }

  Engine& engine;
  Handler* handler = nullptr;  ///< None in SYN-RECEIVED after a passive open; after close() one that reads nothing.
  Handler* closing = nullptr;  ///< After close() the application's, which learns of the end alone.

  Endpoint local;
  Endpoint remote;
  ip::Route route;

  // Send sequence variables.
  wire::Seq iss{};
  wire::Seq snd_una{};
  wire::Seq snd_nxt{};
  wire::Seq snd_wl1{};
  wire::Seq snd_wl2{};
  std::uint32_t snd_wnd = 0;
  std::uint32_t max_snd_wnd = 0;
  std::uint32_t snd_mss = 0;  ///< The peer's MSS option bounded by the path, before options.

  // Receive sequence variables.
  wire::Seq irs{};
  wire::Seq rcv_nxt{};
  wire::Seq rcv_adv{};   ///< Right edge of the window we have announced; it never moves back.
  wire::Seq rcv_read{};  ///< Next byte for the application: rcv_nxt unless it has paused.
  wire::Seq fin_seq{};   ///< Of the peer's FIN; meaningful with fin_received.
  wire::Seq last_ack_sent{};
  std::uint32_t rcv_mss = 536;  ///< The largest segment seen, for delayed acknowledgements.
  std::uint32_t received_since_ack = 0;
  std::uint32_t out_of_order_segments = 0;
  std::uint32_t dsacks_received = 0;
  ReceiveTuning tuning;

  // Timestamps (RFC 7323).
  std::uint32_t ts_recent = 0;
  std::uint32_t ts_offset = 0;
  base::Instant ts_recent_at{};

  RttEstimator rtt;
  Congestion congestion;
  WindowUse window_use;
  Ecn ecn;
  PathProbe path;
  Recovery recovery;
  Undo undo;
  SendQueue queue;
  Flight flight;
  ReceiveStore store;

  struct WheelTimer final : timer::Timer {
    Tcb* owner = nullptr;
  } timer;
  std::array<base::Instant, kDeadlineCount> deadlines;
  base::Instant last_sent{};
  base::Instant last_received{};
  base::Instant last_answered{};  ///< When a segment that may be one of a storm was last answered.
  base::Duration user_timeout{};  ///< Zero: none.
  wire::Seq stalled_at{};         ///< snd_una when Deadline::kUser was armed.
  base::Instant last_data_received{};
  TapeEvent* tape_at = nullptr;  ///< Where the flight recorder writes next; nullptr without a tape.

  TcbLink ready;
  TcbLink finished;
  TcbLink short_of_memory;

  State state = State::kClosed;
  CloseReason close_reason = CloseReason::kFinished;
  RetransmitMode retransmit_mode = RetransmitMode::kTimeout;
  std::uint8_t snd_wscale = 0;     ///< Shift for windows that we receive.
  std::uint8_t rcv_wscale = 0;     ///< Shift for windows that we announce.
  std::uint8_t quick_acks = 0;     ///< Acknowledgements still to be sent without delay.
  std::uint8_t probes = 0;         ///< Persist or keep-alive probes unanswered.
  std::uint8_t persist_shift = 0;  ///< Doublings of the persist interval.
  bool passive = false;            ///< A listener's.
  bool timestamps = false;
  bool sack = false;
  bool window_scaling = false;  ///< The peer's SYN carried the option, so ours must.
  bool syn_acknowledged = false;
  bool fin_queued = false;
  bool fin_acknowledged = false;
  bool fin_received = false;
  bool fin_delivered = false;
  bool corked = false;
  bool paused = false;
  bool ack_now = false;      ///< An acknowledgement must leave at the next output.
  bool ack_delayed = false;  ///< One is owed within the delayed-ACK time.
  bool deliver_pending = false;
  bool sendable_wanted = false;
  bool cwnd_limited = false;  ///< cwnd held something back in this turn of output.
  bool override_sws = false;  ///< A small window has stayed small: use it (RFC 9293 §3.8.6.2.1).

  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t segments_sent = 0;
  std::uint64_t segments_received = 0;
  std::uint64_t retransmitted = 0;
};

}  // namespace windhover::stack::tcp
