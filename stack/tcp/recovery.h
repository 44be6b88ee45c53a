#pragma once
// Loss detection and recovery of one connection: RACK-TLP (RFC 8985) where the peer sends SACK, duplicate
// acknowledgements and NewReno (RFC 5681, RFC 6582) where it does not, proportional rate reduction (RFC 9937) while
// repairing, the timeout (RFC 6298) behind them all. Frames are marked lost here; output sends them again. What turns
// out to have been needless is undone (undo.h).
//
// Limited transmit (RFC 3042) is the pipe's doing: what was SACKed or reported by duplicates has left it, and new data
// takes its place. RFC 6675's counting gives way to RACK's clock; its pipe and its answer to timeouts (§5.1) stay.
//
// Where this departs from the RFCs:
// - SACK marks outlive a timeout unless the oldest segment is among them, which no receiver that keeps its word can
//   report: then all are forgotten (RFC 2018 §8 would always forget; RFC 6675 §5.1 and
//   Linux keep).
// - A retransmission that is lost in turn is repaired, but does not reduce the window again before the episode ends
//   (RFC 5681 §4.3 asks for that), as Linux.
// - RACK's timer is set for all waiting segments by the newest delivered one, not by the newest waiting: later by what
//   lies between the two transmissions, and without a walk.
// - A recovery that falls silent sends its oldest segment again, up to three times, before the timeout: RFC 8985 has no
//   probe then, and where every tenth frame is lost nearly every recovery would end in a timeout.
// - The D-SACK of a tail loss probe does not widen RACK's window: it tells nothing of reordering. As Linux.

#include <cstdint>
#include <optional>
#include <string_view>

#include "stack/base/time.h"
#include "stack/tcp/flight.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// Per-connection state. RFC names where they exist. Sizes in bytes of sequence space.
struct Recovery {
  enum class Phase : std::uint8_t {
    kOpen,      ///< Nothing is known to be lost.
    kRecovery,  ///< Repairing after detection (fast recovery).
    kLoss,      ///< Repairing after a timeout.
  };
  Phase phase = Phase::kOpen;
  std::uint8_t duplicate_acks = 0;  ///< Without SACK only.
  std::uint8_t timeouts = 0;        ///< Consecutive, without progress.
  bool guarded = false;             ///< Duplicates up to recovery_point are our repairs' own (RFC 6582 §3.2 step 2).
  bool rack_valid = false;          ///< rack_* and fack hold something.
  bool reordering_seen = false;     ///< RFC 8985 RACK.reordering_seen.
  bool dsack_seen = false;          ///< RACK.dsack_round holds something.
  std::uint8_t reo_wnd_mult = 1;    ///< RACK.reo_wnd_mult.
  std::uint8_t reo_wnd_persist = 0;
  std::uint8_t silent_repairs = 0;        ///< Sent into a silence while repairing, without an answer.
  bool probe_out = false;                 ///< A tail loss probe is unanswered: TLP.end_seq holds something.
  bool probe_due = false;                 ///< The probe timer has passed and its segment has not left.
  bool probe_was_retransmission = false;  ///< TLP.is_retrans.
  wire::Seq recovery_point{};             ///< snd_nxt when the phase began.
  wire::Seq probe_end{};                  ///< TLP.end_seq.
  wire::Seq rack_end{};                   ///< RACK.end_seq.
  wire::Seq fack{};                       ///< RACK.fack: the farthest end delivered.
  wire::Seq dsack_round{};
  base::Instant rack_sent{};                   ///< RACK.xmit_ts.
  base::Duration rack_rtt{};                   ///< RACK.rtt.
  base::Instant rto_at = base::kNever;         ///< When the retransmission timer expires; kNever: it does not run.
  base::Instant waiting_since = base::kNever;  ///< When what has timed out, and is still waited for, first left.
  std::uint32_t recover_flight = 0;            ///< PRR's RecoverFS.
  std::uint32_t prr_delivered = 0;
  std::uint32_t prr_out = 0;
};

/// What an acknowledgement says to recovery.
struct AckReport {
  FlightAck flight;
  std::uint32_t advanced = 0;              ///< Sequence numbers by which snd_una moved.
  bool duplicate = false;                  ///< It repeats snd_una with nothing new (RFC 5681 §2).
  std::optional<wire::SackBlock> dsack{};  ///< A duplicate that it reports (RFC 2883).
  std::optional<wire::TcpTimestamps> timestamps{};
};

/// "open", "recovery" or "loss".
std::string_view name(Recovery::Phase phase);

/// Until when a retransmission must have left for this acknowledgement to be its own (FlightAck::genuine_until).
base::Instant genuine_until(const Engine& engine, const Tcb& tcb, const std::optional<wire::TcpTimestamps>& timestamps);

/// An acknowledgement was processed. Detects loss, moves cwnd, and arms the timers for what is outstanding.
void recovery_on_ack(Engine& engine, Tcb& tcb, const AckReport& report);

/// `size` sequence numbers left for the first time.
void recovery_on_sent(Engine& engine, Tcb& tcb, std::uint32_t size);
/// [start, start + size) was lost and has left again.
void recovery_on_resent(Engine& engine, Tcb& tcb, wire::Seq start, std::uint32_t size);

/// What should be sent again still waits in the device: it is looked at again shortly.
void recovery_postpone(Engine& engine, Tcb& tcb);

/// RACK's reordering timer: what has waited long enough is lost. Also the end of a postponement.
void recovery_on_reorder_timer(Engine& engine, Tcb& tcb);

/// The probe timeout: recovery_send_probe() is due at the next output (RFC 8985 §7.3).
void recovery_on_probe_timer(Engine& engine, Tcb& tcb);

/// Sends one segment of new data, or the last one again, so that a lost tail shows; then the timeout follows.
void recovery_send_probe(Engine& engine, Tcb& tcb);

/// The retransmission timeout: the oldest segment is lost, and what is as old; the window is one segment. Too many in a
/// row, or too long without progress, end the connection (RFC 9293 §3.8.3 R2).
void recovery_on_timeout(Engine& engine, Tcb& tcb);

/// Path MTU discovery found that what was sent cannot arrive: it is sent again without a reduction of cwnd.
void recovery_resend_all(Engine& engine, Tcb& tcb);

/// Arms the probe or retransmission timer for what is outstanding, or disarms it.
void arm_retransmit(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
