#pragma once
// The transmission control block (RFC 9293 §3.3.1), in two parts: what a connection is, for as long as it lasts, and
// what it needs while something happens to it (activity.h). A server may have a million connections, of which thousands
// are active; only the first part counts a million times.

#include <array>
#include <cstdint>

#include "stack/ip/ip.h"
#include "stack/tcp/app.h"
#include "stack/tcp/ecn.h"
#include "stack/tcp/list.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/rtt.h"
#include "stack/tcp/state.h"
#include "stack/timer/wheel.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

struct Activity;
struct Engine;
struct TapeEvent;

/// The deadlines a connection may have at once. They share one place in the wheel, armed for the earliest and re-armed
/// lazily: pushing a deadline back costs a store. Those before kKeepAlive are the Activity's.
enum class Deadline : std::uint8_t { kRetransmit, kReorder, kDelayedAck, kUser, kKeepAlive, kApplication };
inline constexpr std::size_t kActiveDeadlines = 4;
inline constexpr std::size_t kIdleDeadlines = 2;

/// One connection, from SYN-SENT or SYN-RECEIVED until it is closed or becomes a TIME-WAIT entry. RFC variables keep
/// their names. Owner: the engine's pool. Thread: its lane. The application borrows it as a Connection until
/// on_closed() returns. Its place in the wheel is the Tcb itself.
///
/// Invariant: without an Activity nothing is queued, in flight, stored or being repaired, and the connection is
/// synchronized or closed.
class Tcb final : public Connection, public timer::Timer {
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

  /// snd_una as a position in the data: past our SYN.
  wire::Seq snd_una_data() const { return syn_acknowledged ? snd_una : snd_una + 1; }
  /// Payload bytes of a full segment: the MSS less the options that every segment carries.
  std::uint32_t segment_payload() const { return timestamps ? snd_mss - 12U : snd_mss; }
  /// What may still arrive without a new announcement.
  std::uint32_t receive_window() const { return static_cast<std::uint32_t>(rcv_adv - rcv_nxt); }

  Engine& engine;
  Activity* activity = nullptr;  ///< Null while the connection sleeps.
  Handler* handler = nullptr;    ///< None in SYN-RECEIVED after a passive open; after close() one that reads nothing.
  Handler* closing = nullptr;    ///< After close() the application's, which learns of the end alone.
  TapeEvent* tape_at = nullptr;  ///< Where the flight recorder writes next; nullptr without a tape.
  ListLink<Tcb> link;            ///< In Engine::short_of_memory or, when it has ended, Engine::finished.

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
  std::uint32_t rcv_space = 0;  ///< Bytes that may be unread or out of order: what the window is cut from (tune.h).
  std::uint16_t rcv_mss = 536;  ///< The largest segment seen, for delayed acknowledgements.
  std::uint8_t snd_wscale = 0;  ///< Shift for windows that we receive.
  std::uint8_t rcv_wscale = 0;  ///< Shift for windows that we announce.

  // Timestamps (RFC 7323).
  std::uint32_t ts_recent = 0;
  std::uint32_t ts_offset = 0;
  base::Instant ts_recent_at{};

  std::array<base::Instant, kIdleDeadlines> deadlines;
  base::Instant last_sent{};
  base::Instant last_received{};
  base::Instant last_data_received{};
  base::Duration user_timeout{};  ///< Zero: none.

  PathSize path;
  RttEstimator rtt;
  RttTicks rcv_rtt{};          ///< The round trip as the receiver sees it. Zero: not known yet.
  std::uint32_t cwnd = 0;      ///< What sleep keeps of Activity::congestion. Zero: it has never slept.
  std::uint32_t ssthresh = 0;  ///< The same.
  Ecn ecn;

  ip::Route route;
  Endpoint local;
  Endpoint remote;

  State state = State::kClosed;
  CloseReason close_reason = CloseReason::kFinished;
  std::uint8_t quick_acks = 0;  ///< Acknowledgements still to be sent without delay.
  std::uint8_t probes = 0;      ///< Persist or keep-alive probes unanswered.
  bool timestamps = false;
  bool sack = false;
  bool paused = false;
  bool corked = false;
  bool ack_now = false;      ///< An acknowledgement must leave at the next output.
  bool ack_delayed = false;  ///< One is owed within the delayed-ACK time.
  bool sendable_wanted = false;
  bool fin_queued = false;
  bool fin_acknowledged = false;
  bool fin_received = false;
  bool fin_delivered : 1 = false;
  bool syn_acknowledged : 1 = false;
  bool passive : 1 = false;         ///< A listener's.
  bool window_scaling : 1 = false;  ///< The peer's SYN carried the option, so ours must.
  bool has_lost : 1 = false;        ///< What sleep keeps of Congestion::has_lost().

  // What Info tells.
  std::uint32_t segments_sent = 0;
  std::uint32_t segments_received = 0;
  std::uint32_t retransmitted = 0;
  std::uint32_t out_of_order_segments = 0;
  std::uint32_t dsacks_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
};
static_assert(sizeof(Tcb) <= 408, "a million idle connections must fit into 512 MiB");

}  // namespace windhover::stack::tcp
