#include "stack/tcp/recovery.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/window_use.h"

namespace windhover::stack::tcp {
namespace {

using Phase = Recovery::Phase;

constexpr std::uint32_t kDupThresh = 3;  // RFC 5681 §3.2.
constexpr base::Duration kProbeMin = std::chrono::milliseconds(10);
/// Probes before the timeout, each after twice the wait. RFC 8985 sends one; where acknowledgements are lost too, a
/// second and a third save most timeouts and cost a segment each.
constexpr std::uint8_t kProbesMax = 3;
/// The longest that a peer may sit on an acknowledgement (RFC 8985 §7.2 WCDelAckT).
constexpr base::Duration kPeerDelayedAckMax = std::chrono::milliseconds(200);

/// RFC 8985 §6.2 step 2: remembers the most recently sent segment that has been delivered.
void update_rack(const Engine& engine, Tcb& tcb, const FlightAck& ack) {
  Recovery& recovery = tcb.recovery;
  const base::Duration rtt = engine.now - ack.newest_sent;
  // An acknowledgement this quick for something sent twice is for its first transmission.
  if (ack.newest_retransmitted && rtt < tcb.rtt.min_rtt()) return;
  recovery.rack_rtt = rtt;
  if (!recovery.rack_valid || ack.newest_sent > recovery.rack_sent ||
      (ack.newest_sent == recovery.rack_sent && after(ack.newest_end, recovery.rack_end))) {
    recovery.rack_sent = ack.newest_sent;
    recovery.rack_end = ack.newest_end;
    recovery.rack_valid = true;
  }
}

/// RFC 8985 §6.2 step 4: how much later than expected a segment may be.
base::Duration reordering_window(const Tcb& tcb) {
  const bool sure = tcb.recovery.phase != Phase::kOpen || tcb.flight.sacked_records() >= kDupThresh;
  if (!tcb.recovery.reordering_seen && sure) return {};
  return std::min(tcb.rtt.min_rtt() / 4, tcb.rtt.srtt());
}

/// RFC 8985 §6.2 step 5. Returns whether anything was newly marked; arms the reordering timer for what is still waited
/// for.
bool detect_by_time(Engine& engine, Tcb& tcb) {
  Recovery& recovery = tcb.recovery;
  if (!recovery.rack_valid) return false;
  const base::Duration patience = recovery.rack_rtt + reordering_window(tcb);
  base::Duration longest{};
  const std::uint32_t newly = tcb.flight.mark_lost(engine.flight_memory, [&](const FlightRecord& record) {
    const bool earlier = record.sent < recovery.rack_sent ||
                         (record.sent == recovery.rack_sent && before(record.end(), recovery.rack_end));
    if (!earlier) return false;
    const base::Duration remaining = record.sent + patience - engine.now;
    if (remaining <= base::Duration::zero()) return true;
    longest = std::max(longest, remaining);
    return false;
  });
  if (longest > base::Duration::zero()) {
    arm(engine, tcb, Deadline::kReorder, engine.now + longest);
  } else {
    disarm(tcb, Deadline::kReorder);
  }
  return newly != 0;
}

/// The oldest record is lost (RFC 6582); the rest follow as partial acknowledgements show them.
bool mark_oldest_lost(Engine& engine, Tcb& tcb) {
  bool first = true;
  return tcb.flight.mark_lost(engine.flight_memory, [&](const FlightRecord&) { return std::exchange(first, false); }) !=
         0;
}

void enter_recovery(Tcb& tcb) {
  Recovery& recovery = tcb.recovery;
  window_lost(tcb, tcb.flight.size());
  recovery.phase = Phase::kRecovery;
  recovery.recovery_point = tcb.snd_nxt;
  recovery.recover_flight = std::max(tcb.flight.size(), 1U);
  recovery.prr_delivered = 0;
  recovery.prr_out = 0;
}

/// RFC 6937 §3, with the slow-start reduction bound.
void reduce_rate(Tcb& tcb, std::uint32_t delivered, bool advanced) {
  Recovery& recovery = tcb.recovery;
  const std::uint32_t pipe = tcb.flight.pipe();
  const std::uint32_t ssthresh = tcb.congestion.ssthresh();
  recovery.prr_delivered += delivered;
  std::int64_t allowance = 0;
  if (pipe > ssthresh) {
    const std::uint64_t share = std::uint64_t{recovery.prr_delivered} * ssthresh;
    allowance =
        static_cast<std::int64_t>((share + recovery.recover_flight - 1) / recovery.recover_flight) - recovery.prr_out;
  } else {
    std::int64_t limit = std::max<std::int64_t>(std::int64_t{recovery.prr_delivered} - recovery.prr_out, delivered);
    if (advanced) limit += tcb.segment_payload();
    allowance = std::min<std::int64_t>(ssthresh - pipe, limit);
  }
  // The first retransmission always goes. So does the one that a partial acknowledgement without SACK asks for (RFC
  // 6582 §3.2 step 3): the pipe still counts what duplicate acknowledgements have reported.
  const bool asked_for = !tcb.sack && advanced && tcb.flight.lost() > 0;
  if (recovery.prr_out == 0 || asked_for) allowance = std::max<std::int64_t>(allowance, tcb.segment_payload());
  tcb.congestion.set_cwnd(pipe + static_cast<std::uint32_t>(std::max<std::int64_t>(allowance, 0)));
}

void finish_phase(Tcb& tcb) {
  Recovery& recovery = tcb.recovery;
  if (recovery.phase == Phase::kRecovery) tcb.congestion.set_cwnd(std::max(tcb.congestion.ssthresh(), 2 * tcb.snd_mss));
  recovery.phase = Phase::kOpen;
  recovery.duplicate_acks = 0;
}

/// RFC 8985 §7.4.2: was the probe needed? When it repaired a loss that nobody else noticed, the window answers for it.
void judge_probe(Tcb& tcb, bool duplicate, bool dsack) {
  Recovery& recovery = tcb.recovery;
  if (recovery.probes_out == 0 || before(tcb.snd_una, recovery.probe_end)) return;
  const bool beyond = after(tcb.snd_una, recovery.probe_end);
  if (recovery.probe_was_retransmission && !beyond && !dsack && !duplicate) return;
  recovery.probes_out = 0;
  if (!recovery.probe_was_retransmission || dsack || !beyond || recovery.phase != Phase::kOpen) return;
  window_lost(tcb, tcb.flight.size() + tcb.segment_payload());
  tcb.congestion.set_cwnd(tcb.congestion.ssthresh());
}

/// A round-trip sample from the records, never from one that was sent twice (Karn).
void sample_rtt(const Engine& engine, Tcb& tcb, const FlightAck& ack) {
  if (!ack.any || ack.newest_retransmitted) return;
  tcb.rtt.sample(engine.now - ack.newest_sent);
}

/// Repairing has fallen silent: what was sent again is lost too, and nothing is under way that could tell. RFC 8985
/// leaves this to the timeout; one segment before it costs little and saves most of them.
void repair_silence(Engine& engine, Tcb& tcb) {
  mark_oldest_lost(engine, tcb);
  tcb.congestion.set_cwnd(std::max(tcb.congestion.cwnd(), tcb.flight.pipe() + tcb.segment_payload()));
  ++tcb.recovery.probes_out;
  tcb.recovery.probe_was_retransmission = false;
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

bool detect_loss(Engine& engine, Tcb& tcb, std::uint32_t advanced) {
  if (tcb.sack) return detect_by_time(engine, tcb);
  const Recovery& recovery = tcb.recovery;
  if (recovery.phase == Phase::kOpen) {
    return recovery.duplicate_acks == kDupThresh && mark_oldest_lost(engine, tcb);
  }
  // After a timeout everything is marked already, and what has been sent again is on its way.
  const bool partial = advanced > 0 && before(tcb.snd_una, recovery.recovery_point);
  return recovery.phase == Phase::kRecovery && partial && mark_oldest_lost(engine, tcb);
}

}  // namespace

void recovery_on_ack(Engine& engine, Tcb& tcb, const FlightAck& ack, std::uint32_t advanced, bool duplicate,
                     bool dsack) {
  Recovery& recovery = tcb.recovery;
  sample_rtt(engine, tcb, ack);
  if (ack.any) update_rack(engine, tcb, ack);
  recovery.reordering_seen |= ack.reordered;
  std::uint32_t delivered = ack.delivered;
  if (advanced > 0) {
    recovery.timeouts = 0;
    if (recovery.phase == Phase::kOpen) recovery.duplicate_acks = 0;
  } else if (duplicate && !tcb.sack) {
    recovery.duplicate_acks = static_cast<std::uint8_t>(std::min(recovery.duplicate_acks + 1, 255));
    delivered += tcb.segment_payload();  // Something left the network, although we cannot tell what.
  }
  if (advanced > 0 || ack.any) {
    recovery.probe_due = false;
    if (recovery.phase == Phase::kRecovery) recovery.probes_out = 0;
  }
  judge_probe(tcb, duplicate, dsack);

  const bool newly_lost = !tcb.flight.empty() && detect_loss(engine, tcb, advanced);
  if (recovery.phase != Phase::kOpen && !before(tcb.snd_una, recovery.recovery_point)) finish_phase(tcb);
  if (newly_lost && recovery.phase == Phase::kOpen && !path_probe_lost(engine, tcb)) enter_recovery(tcb);

  if (recovery.phase == Phase::kRecovery) {
    reduce_rate(tcb, delivered, advanced > 0);
  } else if (advanced > 0) {
    window_acknowledged(engine, tcb, ack, advanced);
  }
  if (advanced > 0 || newly_lost || ack.any) arm_retransmit(engine, tcb);
}

void recovery_on_sent(Tcb& tcb, std::uint32_t size) {
  if (tcb.recovery.phase == Phase::kRecovery) tcb.recovery.prr_out += size;
}

void recovery_on_reorder_timer(Engine& engine, Tcb& tcb) {
  if (tcb.flight.empty() || !detect_by_time(engine, tcb)) return;
  if (tcb.recovery.phase == Phase::kOpen && !path_probe_lost(engine, tcb)) {
    enter_recovery(tcb);
    reduce_rate(tcb, 0, false);
  }
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

void recovery_on_probe_timer(Engine& engine, Tcb& tcb) {
  if (tcb.flight.empty()) return;
  if (tcb.recovery.phase == Phase::kRecovery) return repair_silence(engine, tcb);
  // Sent in its turn: after a stall the probes of many connections are due at once.
  tcb.recovery.probe_due = true;
  engine.schedule(tcb);
}

void recovery_send_probe(Engine& engine, Tcb& tcb) {
  Recovery& recovery = tcb.recovery;
  recovery.probe_due = false;
  if (tcb.flight.empty() || recovery.phase != Phase::kOpen) return;
  if (recovery.probes_out == 0 && send_probe_data(engine, tcb)) {
    recovery.probe_was_retransmission = false;
  } else {
    if (!resend(engine, tcb, tcb.flight.back(engine.flight_memory))) engine.starved = true;
    recovery.probe_was_retransmission = true;
  }
  ++recovery.probes_out;
  recovery.probe_end = tcb.snd_nxt;
  arm_retransmit(engine, tcb);
}

void recovery_on_timeout(Engine& engine, Tcb& tcb) {
  if (tcb.flight.empty()) return;
  Recovery& recovery = tcb.recovery;
  if (recovery.timeouts >= engine.config.retransmissions_max) return engine.finish(tcb, CloseReason::kTimedOut);
  // A second timeout of the same data says nothing new about the path's capacity (RFC 5681 §3.1).
  if (recovery.timeouts == 0) window_timed_out(tcb, tcb.flight.size());
  ++recovery.timeouts;
  tcb.rtt.back_off();
  path_timed_out(engine, tcb);
  tcb.flight.forget_sacks(engine.flight_memory);
  tcb.flight.mark_lost(engine.flight_memory, [](const FlightRecord&) { return true; });
  tcb.congestion.set_cwnd(tcb.segment_payload());
  recovery.phase = Phase::kLoss;
  recovery.recovery_point = tcb.snd_nxt;
  recovery.probes_out = 0;
  recovery.duplicate_acks = 0;
  disarm(tcb, Deadline::kReorder);
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

void recovery_resend_all(Engine& engine, Tcb& tcb) {
  tcb.flight.mark_lost(engine.flight_memory, [](const FlightRecord&) { return true; });
  engine.schedule(tcb);
}

void arm_retransmit(Engine& engine, Tcb& tcb) {
  if (tcb.flight.empty()) {
    disarm(tcb, Deadline::kRetransmit);
    disarm(tcb, Deadline::kReorder);
    return;
  }
  const Recovery& recovery = tcb.recovery;
  const base::Instant timeout = engine.now + tcb.rtt.rto();
  const bool can_probe =
      tcb.sack && tcb.rtt.sampled() && recovery.phase != Phase::kLoss && recovery.probes_out < kProbesMax;
  if (can_probe) {
    base::Duration patience = std::max(2 * tcb.rtt.srtt(), kProbeMin) * (1 << recovery.probes_out);
    if (recovery.phase == Phase::kOpen && tcb.flight.size() <= tcb.segment_payload()) patience += kPeerDelayedAckMax;
    if (engine.now + patience < timeout) {
      tcb.retransmit_mode = RetransmitMode::kProbe;
      return arm(engine, tcb, Deadline::kRetransmit, engine.now + patience);
    }
  }
  tcb.retransmit_mode = RetransmitMode::kTimeout;
  arm(engine, tcb, Deadline::kRetransmit, timeout);
}

}  // namespace windhover::stack::tcp
