#include "stack/tcp/recovery.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/undo.h"
#include "stack/tcp/window_use.h"

namespace windhover::stack::tcp {
namespace {

using Phase = Recovery::Phase;
using Judgement = Flight::Judgement;

constexpr std::uint32_t kDupThresh = 3;  // RFC 5681 §3.2.
/// Duplicates without SACK that may let new data out before any loss is known (RFC 3042 §2).
constexpr std::uint32_t kLimitedTransmits = 2;
constexpr std::uint8_t kReorderingPersist = 16;  // Recoveries; RFC 8985 §6.2 step 4.
constexpr std::uint8_t kReorderingMultMax = 255;
/// No probe sooner: the peer's timers and ours count milliseconds (Linux adds two ticks).
constexpr base::Duration kProbeMin = std::chrono::milliseconds(10);
/// Segments sent into a silence while repairing, each after twice the wait, before the timeout.
constexpr std::uint8_t kSilentRepairsMax = 3;
/// Before the first sample (RFC 8985 §7.2).
constexpr base::Duration kProbeUnsampled = std::chrono::seconds(1);
/// The longest that a peer may sit on an acknowledgement (RFC 8985 §7.2 TLP.max_ack_delay).
constexpr base::Duration kPeerDelayedAckMax = std::chrono::milliseconds(200);
/// How soon a retransmission is tried again that its own first transmission, still in the device, held up. The device
/// is at fault then, so nothing is to be gained by hurry.
constexpr base::Duration kPostponed = std::chrono::milliseconds(10);
constexpr base::Duration kTimeoutPostponedMax = std::chrono::milliseconds(500);  // As Linux.
/// By so much a round trip may be longer than its timestamps say.
constexpr base::Duration kTimestampTick = std::chrono::milliseconds(1);

/// RFC 8985 §6.2 steps 2 and 3: remembers the most recently sent segment that has been delivered, and notices
/// reordering.
void update_rack(const Engine& engine, Tcb& tcb, const FlightAck& ack) {
  Recovery& recovery = tcb.activity->recovery;
  if (recovery.rack_valid && ack.original && before(ack.lowest_original_end, recovery.fack)) {
    recovery.reordering_seen = true;
  }
  recovery.fack = recovery.rack_valid ? later(recovery.fack, ack.highest_end) : ack.highest_end;
  if (!ack.timed) return;
  recovery.rack_rtt = engine.now - ack.newest_sent;
  if (!recovery.rack_valid || ack.newest_sent > recovery.rack_sent ||
      (ack.newest_sent == recovery.rack_sent && after(ack.newest_end, recovery.rack_end))) {
    recovery.rack_sent = ack.newest_sent;
    recovery.rack_end = ack.newest_end;
    recovery.rack_valid = true;
  }
}

/// RFC 8985 §6.2 step 4: each round trip with a D-SACK widens the reordering window.
void note_dsack(Tcb& tcb, const AckReport& report) {
  Recovery& recovery = tcb.activity->recovery;
  if (recovery.dsack_seen && !before(tcb.snd_una, recovery.dsack_round)) recovery.dsack_seen = false;
  if (!report.dsack) return;
  const bool probed =
      recovery.probe_out && recovery.probe_was_retransmission && report.dsack->right == recovery.probe_end;
  if (probed) return;
  undo_on_dsack(tcb, *report.dsack);
  if (recovery.dsack_seen) return;
  recovery.dsack_seen = true;
  recovery.dsack_round = tcb.snd_nxt;
  if (recovery.reo_wnd_mult < kReorderingMultMax) ++recovery.reo_wnd_mult;
  recovery.reo_wnd_persist = kReorderingPersist;
}

/// RFC 8985 §6.2 step 4: how much later than expected a segment may be.
base::Duration reordering_window(const Tcb& tcb) {
  const Recovery& recovery = tcb.activity->recovery;
  const bool sure = recovery.phase != Phase::kOpen || tcb.activity->flight.segments_sacked() >= kDupThresh;
  if (!recovery.reordering_seen && sure) return {};
  return std::min(recovery.reo_wnd_mult * tcb.rtt.min_rtt() / 4, tcb.rtt.srtt());
}

/// RFC 8985 §6.2 step 5. Returns whether anything was newly marked; arms the reordering timer for what is still waited
/// for.
bool detect_by_time(Engine& engine, Tcb& tcb) {
  const Recovery& recovery = tcb.activity->recovery;
  if (!recovery.rack_valid) return false;
  const base::Duration patience = recovery.rack_rtt + reordering_window(tcb);
  bool waits = false;
  const std::uint32_t newly = tcb.activity->flight.detect_lost(engine.flight_memory, [&](const FlightRecord& record) {
    if (record.sent > recovery.rack_sent) return Judgement::kStop;
    if (record.sent == recovery.rack_sent && !before(record.end(), recovery.rack_end)) return Judgement::kSkip;
    waits = record.sent + patience > engine.now;
    return waits ? Judgement::kStop : Judgement::kLost;
  });
  if (waits) {
    arm(engine, tcb, Deadline::kReorder, recovery.rack_sent + patience);
  } else {
    disarm(tcb, Deadline::kReorder);
  }
  return newly != 0;
}

/// Without SACK: three duplicates, or a partial acknowledgement that shows the next hole (RFC 6582 §3.2).
bool detect_by_duplicates(Engine& engine, Tcb& tcb, bool advanced) {
  Activity& activity = *tcb.activity;
  const Recovery& recovery = activity.recovery;
  if (recovery.phase == Phase::kOpen) {
    const bool sure = recovery.duplicate_acks == kDupThresh && !recovery.guarded;
    return sure && activity.flight.lose_front(engine.flight_memory) != 0;
  }
  // After a timeout everything is marked already, and what has been sent again is on its way.
  const bool partial = advanced && before(tcb.snd_una, recovery.recovery_point);
  return recovery.phase == Phase::kRecovery && partial && activity.flight.lose_front(engine.flight_memory) != 0;
}

void enter_recovery(Engine& engine, Tcb& tcb, std::uint32_t delivered) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  undo_begin(tcb, false);
  // What limited transmit has sent does not count (RFC 5681 §3.2 step 2).
  window_lost(tcb, std::min(activity.flight.size(), activity.congestion.cwnd()));
  recovery.phase = Phase::kRecovery;
  recovery.guarded = !tcb.sack;
  recovery.recovery_point = tcb.snd_nxt;
  recovery.probe_out = recovery.probe_due = false;
  // What was SACKed or reported before this acknowledgement is no part of the episode (RFC 9937 §6).
  const Flight& flight = activity.flight;
  const std::uint32_t known = flight.sacked() + std::min(flight.reported(), flight.size() - flight.sacked());
  recovery.recover_flight = std::max(flight.size() - known + delivered, 1U);
  recovery.prr_delivered = 0;
  recovery.prr_out = 0;
  engine.counters.count(base::Event::kTcpFastRecoveries);
}

/// What PRR takes from an acknowledgement.
struct Progress {
  std::uint32_t delivered = 0;
  bool advanced = false;
  bool newly_lost = false;
};

/// RFC 9937 §6.
void reduce_rate(Tcb& tcb, const Progress& progress) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  // Without SACK a partial acknowledgement always sends the next hole (RFC 6582 §3.2 step 3).
  const bool asked_for = !tcb.sack && progress.advanced && activity.flight.lost() > 0;
  const bool forced = recovery.prr_out == 0 || asked_for;
  if (progress.delivered == 0 && !forced) return;
  const std::uint32_t pipe = activity.flight.pipe();
  const std::uint32_t ssthresh = activity.congestion.ssthresh();
  recovery.prr_delivered += progress.delivered;
  std::int64_t allowance = 0;
  if (pipe > ssthresh) {
    const std::uint64_t share = std::uint64_t{recovery.prr_delivered} * ssthresh;
    allowance =
        static_cast<std::int64_t>((share + recovery.recover_flight - 1) / recovery.recover_flight) - recovery.prr_out;
  } else {
    allowance = std::max<std::int64_t>(std::int64_t{recovery.prr_delivered} - recovery.prr_out, progress.delivered);
    if (progress.advanced && !progress.newly_lost) allowance += tcb.segment_payload();
    allowance = std::min<std::int64_t>(ssthresh - pipe, allowance);
  }
  if (forced) allowance = std::max<std::int64_t>(allowance, tcb.segment_payload());
  activity.congestion.set_cwnd(pipe + static_cast<std::uint32_t>(std::max<std::int64_t>(allowance, 0)));
}

void finish_phase(Tcb& tcb) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  if (recovery.phase == Phase::kRecovery) activity.congestion.set_cwnd(activity.congestion.ssthresh());
  if (recovery.reo_wnd_persist > 0 && --recovery.reo_wnd_persist == 0) recovery.reo_wnd_mult = 1;
  recovery.phase = Phase::kOpen;
  recovery.duplicate_acks = 0;
  activity.undo.frto = Undo::Frto::kOff;
  activity.undo.until = tcb.snd_nxt;
  activity.flight.set_reported(0);
}

/// RFC 8985 §7.4.2: was the probe needed? When it repaired a loss that nobody else noticed, the window answers for it.
void judge_probe(Tcb& tcb, const AckReport& report) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  if (!recovery.probe_out || before(tcb.snd_una, recovery.probe_end)) return;
  const bool beyond = after(tcb.snd_una, recovery.probe_end);
  const bool needless = report.dsack && report.dsack->right == recovery.probe_end;
  if (recovery.probe_was_retransmission && !needless && !beyond && !report.duplicate) return;
  recovery.probe_out = false;
  if (!recovery.probe_was_retransmission || needless || !beyond) return;
  undo_forget(activity.undo);
  window_lost(tcb, std::min(activity.flight.size() + tcb.segment_payload(), activity.congestion.cwnd()));
  activity.congestion.set_cwnd(activity.congestion.ssthresh());
}

/// A round trip from the records, never from what was sent twice (Karn); else, when something new was acknowledged,
/// from the echo of our timestamp (RFC 7323 §4.1).
void sample_rtt(const Engine& engine, Tcb& tcb, const AckReport& report) {
  const FlightAck& ack = report.flight;
  if (!ack.retransmitted) return tcb.rtt.sample(engine.rto_bounds, engine.now - ack.newest_sent);
  if (report.advanced == 0 || !report.timestamps || !tcb.timestamps) return;
  const auto age = static_cast<std::int32_t>(timestamp(engine, tcb.ts_offset) - report.timestamps->echo);
  if (age >= 0) tcb.rtt.sample(engine.rto_bounds, std::chrono::milliseconds(age) + kTimestampTick);
}

/// Counts duplicates without SACK, and takes out of the pipe what they report (RFC 9937 §5.2, RFC 3042). Returns how
/// much has newly been delivered, as far as can be told.
std::uint32_t count_delivered(Tcb& tcb, const AckReport& report) {
  Recovery& recovery = tcb.activity->recovery;
  Flight& flight = tcb.activity->flight;
  const std::uint32_t segment = tcb.segment_payload();
  if (report.advanced > 0) {
    if (recovery.phase == Phase::kOpen) recovery.duplicate_acks = 0;
    // One segment filled the hole; duplicates have told of the others.
    const std::uint32_t others = report.flight.delivered - std::min(report.flight.delivered, segment);
    const std::uint32_t told = std::min(flight.reported(), others);
    flight.set_reported(flight.reported() - told);
    if (recovery.phase == Phase::kOpen) flight.set_reported(0);
    return report.flight.delivered - told;
  }
  if (!report.duplicate) return 0;
  if (recovery.duplicate_acks < 255) ++recovery.duplicate_acks;
  const std::uint32_t first = recovery.guarded ? kLimitedTransmits : kDupThresh;
  const bool counts =
      recovery.phase == Phase::kRecovery || (recovery.phase == Phase::kOpen && recovery.duplicate_acks <= first);
  if (!counts) return 0;
  flight.set_reported(std::min(flight.reported() + segment, flight.size()));
  return segment;
}

void restart_timeout(Engine& engine, Tcb& tcb) { tcb.activity->recovery.rto_at = engine.now + tcb.rtt.rto(); }

/// RFC 9293 §3.8.3 R2.
bool gives_up(const Engine& engine, Tcb& tcb) {
  Recovery& recovery = tcb.activity->recovery;
  // A peer that has shut its window over what was sent, and says so, is alive (§3.8.6.1): its silence begins anew.
  if (tcb.snd_wnd == 0 && tcb.last_received > tcb.last_sent) {
    recovery.timeouts = std::min<std::uint8_t>(recovery.timeouts, 1);
    recovery.waiting_since = engine.now;
  }
  return recovery.timeouts >= engine.config.retransmissions_max ||
         engine.now - recovery.waiting_since >= engine.config.retransmission_time_max;
}

/// What was sent again is lost too, or its acknowledgements are, and nothing is under way that could tell.
void repair_silence(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  activity.flight.lose_front(engine.flight_memory);
  activity.congestion.set_cwnd(std::max(activity.congestion.cwnd(), activity.flight.pipe() + tcb.segment_payload()));
  ++activity.recovery.silent_repairs;
  engine.counters.count(base::Event::kTcpTailProbes);
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

/// Phases end and begin with what an acknowledgement shows.
void change_phase(Engine& engine, Tcb& tcb, std::uint32_t delivered) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  if (recovery.phase != Phase::kOpen && !before(tcb.snd_una, recovery.recovery_point)) finish_phase(tcb);
  if (recovery.guarded && recovery.phase == Phase::kOpen && after(tcb.snd_una, recovery.recovery_point)) {
    recovery.guarded = false;
  }
  if (recovery.phase == Phase::kOpen && after(tcb.snd_una, activity.undo.until)) undo_forget(activity.undo);
  // Losses behind the recovery point are another event.
  if (recovery.phase == Phase::kOpen && activity.flight.lost() > 0 && !path_probe_lost(engine, tcb)) {
    enter_recovery(engine, tcb, delivered);
  }
}

/// Nothing is or was wrong: what nearly every acknowledgement finds.
bool is_quiet(const Tcb& tcb, const AckReport& report) {
  const Activity& activity = *tcb.activity;
  const Recovery& recovery = activity.recovery;
  return recovery.phase == Phase::kOpen && !recovery.probe_out && !recovery.guarded && !activity.undo.prior &&
         report.advanced > 0 && !report.dsack && activity.flight.empty();
}

}  // namespace

base::Instant genuine_until(const Engine& engine, const Tcb& tcb,
                            const std::optional<wire::TcpTimestamps>& timestamps) {
  if (!tcb.activity->flight.has_resent()) return base::kNever;
  // Quicker than any round trip has been: for an earlier transmission (RFC 8985 §6.2 step 2).
  const base::Instant quick = engine.now - tcb.rtt.min_rtt();
  if (!tcb.timestamps || !timestamps) return quick;
  const auto age = static_cast<std::int32_t>(timestamp(engine, tcb.ts_offset) - timestamps->echo);
  if (age < 0) return quick;
  const auto clock = std::chrono::floor<std::chrono::milliseconds>(engine.now.time_since_epoch());
  const base::Instant echoed{clock - std::chrono::milliseconds(age - 1)};  // The end of that millisecond.
  return std::min(quick, echoed - base::Duration(1));
}

void recovery_on_ack(Engine& engine, Tcb& tcb, const AckReport& report) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  const FlightAck& ack = report.flight;
  const bool advanced = report.advanced > 0;
  if (ack.any) {
    sample_rtt(engine, tcb, report);
    update_rack(engine, tcb, ack);
    recovery.probe_due = false;
    recovery.silent_repairs = 0;
  }
  if (advanced) {
    recovery.timeouts = 0;
    recovery.waiting_since = base::kNever;
    restart_timeout(engine, tcb);
  }
  if (is_quiet(tcb, report)) {
    recovery.duplicate_acks = 0;
    window_acknowledged(engine, tcb, ack, report.advanced);
    return arm_retransmit(engine, tcb);
  }
  const std::uint32_t delivered = tcb.sack ? ack.delivered : count_delivered(tcb, report);
  note_dsack(tcb, report);
  judge_probe(tcb, report);
  if (undo_on_ack(engine, tcb, ack, advanced, report.duplicate, report.timestamps)) {
    // What came late and was not lost was overtaken.
    recovery.reordering_seen |= recovery.phase == Phase::kRecovery;
    recovery.phase = Phase::kOpen;
    recovery.duplicate_acks = 0;
    activity.flight.set_reported(0);
  }
  bool newly_lost = false;
  if (!activity.flight.empty()) {
    newly_lost = tcb.sack ? detect_by_time(engine, tcb) : detect_by_duplicates(engine, tcb, advanced);
  }
  change_phase(engine, tcb, delivered);
  if (recovery.phase == Phase::kRecovery) {
    reduce_rate(tcb, {delivered, advanced, newly_lost});
  } else if (advanced) {
    window_acknowledged(engine, tcb, ack, report.advanced);
  }
  if (advanced || ack.any || newly_lost) arm_retransmit(engine, tcb);
}

void recovery_on_sent(Engine& engine, Tcb& tcb, std::uint32_t size) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  if (recovery.phase == Phase::kRecovery) recovery.prr_out += size;
  if (activity.undo.frto_new > 0) {
    const std::uint32_t segments = (size + tcb.segment_payload() - 1) / tcb.segment_payload();
    activity.undo.frto_new -= static_cast<std::uint8_t>(std::min<std::uint32_t>(activity.undo.frto_new, segments));
  }
  if (recovery.rto_at == base::kNever) restart_timeout(engine, tcb);  // RFC 6298 5.1.
  arm_retransmit(engine, tcb);
}

void recovery_on_resent(Engine& engine, Tcb& tcb, wire::Seq start, std::uint32_t size) {
  Recovery& recovery = tcb.activity->recovery;
  if (recovery.phase == Phase::kRecovery) recovery.prr_out += size;
  undo_resent(engine, tcb, start, size);
  // The timer watches the oldest segment.
  if (start == tcb.snd_una) restart_timeout(engine, tcb);
  arm_retransmit(engine, tcb);
}

void recovery_postpone(Engine& engine, Tcb& tcb) {
  engine.counters.count(base::Event::kTcpRetransmitPostponed);
  arm(engine, tcb, Deadline::kReorder, engine.now + kPostponed);
}

void recovery_on_reorder_timer(Engine& engine, Tcb& tcb) {
  if (tcb.activity->flight.empty()) return;
  if (tcb.sack && detect_by_time(engine, tcb) && tcb.activity->recovery.phase == Phase::kOpen &&
      !path_probe_lost(engine, tcb)) {
    enter_recovery(engine, tcb, 0);
    reduce_rate(tcb, {});
  }
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

void recovery_on_probe_timer(Engine& engine, Tcb& tcb) {
  if (tcb.activity->recovery.phase == Phase::kRecovery) return repair_silence(engine, tcb);
  tcb.activity->recovery.probe_due = true;
  engine.schedule(tcb);
}

void recovery_send_probe(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  recovery.probe_due = false;
  if (activity.flight.empty()) return;
  if (recovery.phase != Phase::kOpen || recovery.probe_out) return arm_retransmit(engine, tcb);
  recovery.probe_was_retransmission = false;
  recovery.probe_out = send_probe_data(engine, tcb);
  if (!recovery.probe_out) {
    FlightRecord& record = activity.flight.last_part(engine.flight_memory, tcb.segment_payload());
    recovery.probe_was_retransmission = true;
    recovery.probe_out = record.state != FlightRecord::State::kSacked && resend(engine, tcb, record);
  }
  if (recovery.probe_out) {
    engine.counters.count(base::Event::kTcpTailProbes);
    restart_timeout(engine, tcb);
  }
  recovery.probe_end = tcb.snd_nxt;
  // Whatever came of it, the timeout is next (RFC 8985 §7.3).
  activity.retransmit_mode = RetransmitMode::kTimeout;
  arm(engine, tcb, Deadline::kRetransmit, std::max(recovery.rto_at, engine.now + kPostponed));
}

void recovery_on_timeout(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (activity.flight.empty()) return;
  Recovery& recovery = activity.recovery;
  const FlightRecord& oldest = activity.flight.front(engine.flight_memory);
  if (recovery.waiting_since == base::kNever) recovery.waiting_since = oldest.sent;
  if (gives_up(engine, tcb)) return engine.finish(tcb, CloseReason::kTimedOut);
  if (engine.arena.is_out(oldest.frame)) {
    // It has not even left: nothing is known about the path, so nothing is backed off.
    engine.counters.count(base::Event::kTcpRetransmitPostponed);
    recovery.rto_at = engine.now + std::min(tcb.rtt.rto(), kTimeoutPostponedMax);
    return arm_retransmit(engine, tcb);
  }
  engine.counters.count(base::Event::kTcpTimeouts);
  // RFC 5682 §2.1 step 1: another timeout among what the first has sent again is answered in the old way.
  const bool again = recovery.phase == Phase::kLoss && !after(tcb.snd_una, recovery.recovery_point);
  undo_begin(tcb, recovery.phase != Phase::kOpen);
  // A second timeout of the same data says nothing new about the path's capacity (RFC 5681 §3.1).
  if (recovery.timeouts == 0) window_timed_out(tcb, activity.flight.size());
  if (recovery.timeouts < 255) ++recovery.timeouts;
  tcb.rtt.back_off(engine.rto_bounds);
  path_timed_out(engine, tcb);
  // RFC 8985 §6.3. What the peer has SACKed it keeps, unless it denies even the oldest.
  const bool reneged = oldest.state == FlightRecord::State::kSacked;
  const base::Duration patience = recovery.rack_rtt + reordering_window(tcb);
  activity.flight.lose_on_timeout(engine.flight_memory, reneged, [&](const FlightRecord& record) {
    return !tcb.sack || !recovery.rack_valid || record.sent + patience <= engine.now;
  });
  activity.congestion.set_cwnd(activity.flight.pipe() + tcb.segment_payload());
  recovery.phase = Phase::kLoss;
  recovery.guarded = !tcb.sack;
  recovery.recovery_point = tcb.snd_nxt;
  recovery.probe_out = recovery.probe_due = false;
  recovery.duplicate_acks = 0;
  if (!again) undo_watch_timeout(tcb);
  disarm(tcb, Deadline::kReorder);
  restart_timeout(engine, tcb);
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

void recovery_resend_all(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  if (activity.flight.empty()) return;
  undo_forget(activity.undo);
  activity.flight.lose_on_timeout(engine.flight_memory, false, [](const FlightRecord&) { return true; });
  if (recovery.phase == Phase::kOpen) {
    recovery.phase = Phase::kLoss;
    recovery.recovery_point = tcb.snd_nxt;
    recovery.probe_out = recovery.probe_due = false;
  }
  arm_retransmit(engine, tcb);
  engine.schedule(tcb);
}

void arm_retransmit(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  Recovery& recovery = activity.recovery;
  const Flight& flight = activity.flight;
  if (flight.empty()) {
    recovery.rto_at = base::kNever;
    disarm(tcb, Deadline::kRetransmit);
    disarm(tcb, Deadline::kReorder);
    return;
  }
  // RFC 8985 §7.2: one probe, where nothing else is known to be missing.
  const bool probes = tcb.sack && recovery.phase == Phase::kOpen && !recovery.probe_out && flight.sacked() == 0;
  const bool repairs = tcb.sack && recovery.phase == Phase::kRecovery && recovery.silent_repairs < kSilentRepairsMax;
  if (!probes && !repairs) {
    activity.retransmit_mode = RetransmitMode::kTimeout;
    return arm(engine, tcb, Deadline::kRetransmit, recovery.rto_at);
  }
  base::Duration patience = tcb.rtt.sampled() ? std::max(2 * tcb.rtt.srtt(), kProbeMin) : kProbeUnsampled;
  if (repairs) patience *= 1 << recovery.silent_repairs;
  if (probes && flight.size() <= tcb.segment_payload()) patience += kPeerDelayedAckMax;
  const base::Instant at = engine.now + patience;
  activity.retransmit_mode = probes || at < recovery.rto_at ? RetransmitMode::kProbe : RetransmitMode::kTimeout;
  arm(engine, tcb, Deadline::kRetransmit, std::min(at, recovery.rto_at));
}

}  // namespace windhover::stack::tcp
