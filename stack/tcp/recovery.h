#pragma once
// Loss detection and recovery of one connection: RACK-TLP (RFC 8985) where the peer sends SACK, duplicate
// acknowledgements and NewReno (RFC 6582) where it does not, proportional rate reduction (RFC 6937) while repairing,
// the timeout (RFC 6298) behind them all. Frames are marked lost here; output sends them again.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/flight.h"
#include "stack/wire/seq.h"

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
  bool reordering_seen = false;     ///< RFC 8985 RACK.reordering_seen.
  bool rack_valid = false;          ///< rack_* hold something.
  std::uint8_t probes_out = 0;      ///< Tail loss probes, or repairs out of silence, that are unanswered.
  bool probe_due = false;           ///< The probe timer has passed and its segment has not left.
  bool probe_was_retransmission = false;
  wire::Seq recovery_point{};        ///< snd_nxt when the phase began.
  wire::Seq probe_end{};             ///< TLP.end_seq.
  wire::Seq rack_end{};              ///< RACK.end_seq.
  base::Instant rack_sent{};         ///< RACK.xmit_ts.
  base::Duration rack_rtt{};         ///< RACK.rtt.
  std::uint32_t recover_flight = 0;  ///< PRR's RecoverFS.
  std::uint32_t prr_delivered = 0;
  std::uint32_t prr_out = 0;
};

/// An acknowledgement was processed: `ack` says what it delivered, `advanced` by how much snd_una moved (sequence
/// numbers), `duplicate` that it repeats snd_una with nothing new (RFC 5681 §2), `dsack` that it reports a duplicate
/// (RFC 2883). Detects loss, moves cwnd, and arms the timers for what is outstanding.
void recovery_on_ack(Engine& engine, Tcb& tcb, const FlightAck& ack, std::uint32_t advanced, bool duplicate,
                     bool dsack);

/// `size` sequence numbers left for the first time or again.
void recovery_on_sent(Tcb& tcb, std::uint32_t size);

/// RACK's reordering timer: what has waited long enough is lost.
void recovery_on_reorder_timer(Engine& engine, Tcb& tcb);

/// The probe timeout: recovery_send_probe() is due at the next output (RFC 8985 §7.3).
void recovery_on_probe_timer(Engine& engine, Tcb& tcb);

/// Sends new data or the last segment again so that a lost tail shows.
void recovery_send_probe(Engine& engine, Tcb& tcb);

/// The retransmission timeout: everything outstanding is lost, the window one segment; too many in a row end the
/// connection.
void recovery_on_timeout(Engine& engine, Tcb& tcb);

/// Path MTU discovery found that what was sent from `from` on cannot arrive; it is sent again without a reduction of
/// cwnd.
void recovery_resend_all(Engine& engine, Tcb& tcb);

/// Arms the probe or retransmission timer for what is outstanding, or disarms it.
void arm_retransmit(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
