#include "stack/tcp/timers.h"

#include <algorithm>

#include "stack/tcp/closing.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/record.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/recovery_watch.h"

namespace windhover::stack::tcp {
namespace {

/// Doublings of the persist interval; rto_max bounds it sooner.
constexpr std::uint8_t kPersistShiftMax = 12;

/// A segment just before snd_una makes the peer answer with its window and acknowledgement, and costs no sequence
/// number.
void send_probe(Engine& engine, Tcb& tcb) { send_control(engine, tcb, tcb.snd_una - 1U, wire::kTcpAck); }

void fire_persist(Engine& engine, Tcb& tcb) {
  if (tcb.probes >= engine.config.retransmissions_max) return engine.finish(tcb, CloseReason::kPersistTimedOut);
  ++tcb.probes;
  if (tcb.persist_shift < kPersistShiftMax) ++tcb.persist_shift;
  if (tcb.snd_wnd > 0) {
    tcb.override_sws = true;
    return engine.schedule(tcb);
  }
  send_probe(engine, tcb);
  arm_persist(engine, tcb);
}

void fire_handshake(Engine& engine, Tcb& tcb) {
  if (tcb.recovery.timeouts >= engine.config.syn_retransmissions_max) {
    return engine.finish(tcb, CloseReason::kHandshakeTimedOut);
  }
  ++tcb.recovery.timeouts;
  ++tcb.retransmitted;
  engine.counters.count(base::Event::kTcpRetransmitted);
  tcb.rtt.back_off();
  send_syn(engine, tcb);
}

/// Begins to measure how long nothing has moved, where it has moved until now: the timer that has just passed was armed
/// when something last did.
void watch_stall(Engine& engine, Tcb& tcb) {
  if (tcb.user_timeout == base::Duration::zero() || tcb.retransmit_mode == RetransmitMode::kProbe) return;
  // Probes of a shut window are answered and counted from zero again, and yet nothing moves.
  const bool persists = tcb.retransmit_mode == RetransmitMode::kPersist;
  const bool begins =
      persists ? !is_armed(tcb, Deadline::kUser) || tcb.stalled_at != tcb.snd_una : tcb.recovery.timeouts == 0;
  if (!begins) return;
  tcb.stalled_at = tcb.snd_una;
  arm(engine, tcb, Deadline::kUser, std::max(engine.now, engine.now - tcb.rtt.rto() + tcb.user_timeout));
}

void fire_user(Engine& engine, Tcb& tcb) {
  const bool persists = tcb.retransmit_mode == RetransmitMode::kPersist && is_armed(tcb, Deadline::kRetransmit);
  const bool stalled = tcb.stalled_at == tcb.snd_una && (persists || tcb.recovery.timeouts > 0);
  if (stalled) engine.finish(tcb, CloseReason::kUserTimedOut);
}

void fire_retransmit(Engine& engine, Tcb& tcb) {
  watch_stall(engine, tcb);
  switch (tcb.retransmit_mode) {
    case RetransmitMode::kHandshake:
      return fire_handshake(engine, tcb);
    case RetransmitMode::kPersist:
      record(engine, tcb, FlightEventKind::kZeroWindow, tcb.probes, tcb.snd_wnd);
      return fire_persist(engine, tcb);
    case RetransmitMode::kProbe:
      record(engine, tcb, FlightEventKind::kProbe, tcb.flight.size());
      return recovery_on_probe_timer(engine, tcb);
    case RetransmitMode::kTimeout:
      record(engine, tcb, FlightEventKind::kTimeout, tcb.flight.size(), tcb.recovery.timeouts);
      return recovery_on_timeout(engine, tcb);
  }
}

void fire_keep_alive(Engine& engine, Tcb& tcb) {
  const base::Duration idle = engine.now - tcb.last_received;
  if (tcb.probes == 0 && idle < engine.config.keep_alive_idle) {
    return arm(engine, tcb, Deadline::kKeepAlive, tcb.last_received + engine.config.keep_alive_idle);
  }
  // Retransmission, or probing a shut window, watches over the peer already.
  if (!tcb.flight.empty() || is_armed(tcb, Deadline::kRetransmit)) return restart_keep_alive(engine, tcb);
  // The peer may be there yet, and only its answers be lost: it learns that we are not any more.
  if (tcb.user_timeout != base::Duration::zero()) {
    if (tcb.probes > 0 && idle >= tcb.user_timeout) return reset(engine, tcb, CloseReason::kUserTimedOut);
  } else if (tcb.probes >= engine.config.keep_alive_probes) {
    return reset(engine, tcb, CloseReason::kKeepAliveTimedOut);
  }
  ++tcb.probes;
  send_probe(engine, tcb);
  arm(engine, tcb, Deadline::kKeepAlive, engine.now + engine.config.keep_alive_interval);
}

void fire(Engine& engine, Tcb& tcb, Deadline deadline) {
  const RecoveryWatch watch(tcb);
  switch (deadline) {
    case Deadline::kRetransmit:
      fire_retransmit(engine, tcb);
      return watch.record_change(engine, tcb);
    case Deadline::kReorder:
      recovery_on_reorder_timer(engine, tcb);
      return watch.record_change(engine, tcb);
    case Deadline::kKeepAlive:
      return fire_keep_alive(engine, tcb);
    case Deadline::kUser:
      return fire_user(engine, tcb);
    case Deadline::kApplication:
      return tcb.handler->on_timer(tcb);
    case Deadline::kDelayedAck:
      tcb.ack_now = tcb.ack_delayed;
      return engine.schedule(tcb);
  }
}

}  // namespace

void arm(Engine& engine, Tcb& tcb, Deadline deadline, base::Instant at) {
  tcb.deadlines[static_cast<std::size_t>(deadline)] = at;
  if (at == base::kNever) return;
  if (!tcb.timer.armed() || at < tcb.timer.deadline()) engine.wheel.arm(tcb.timer, at);
}

void fire_timers(Engine& engine, Tcb& tcb) {
  for (std::size_t at = 0; at < kDeadlineCount && tcb.state != State::kClosed; ++at) {
    if (tcb.deadlines[at] > engine.now) continue;
    tcb.deadlines[at] = base::kNever;
    fire(engine, tcb, static_cast<Deadline>(at));
  }
  if (tcb.state == State::kClosed) return;
  const base::Instant earliest = *std::min_element(tcb.deadlines.begin(), tcb.deadlines.end());
  if (earliest != base::kNever) engine.wheel.arm(tcb.timer, earliest);
}

void arm_persist(Engine& engine, Tcb& tcb) {
  tcb.retransmit_mode = RetransmitMode::kPersist;
  const base::Duration interval = std::min(tcb.rtt.rto() * (1 << tcb.persist_shift), engine.config.rto_max);
  arm(engine, tcb, Deadline::kRetransmit, engine.now + interval);
}

void restart_keep_alive(Engine& engine, Tcb& tcb) {
  if (engine.config.keep_alive_idle == base::Duration::zero()) return;
  if (!is_armed(tcb, Deadline::kKeepAlive) || tcb.probes != 0) {
    arm(engine, tcb, Deadline::kKeepAlive, engine.now + engine.config.keep_alive_idle);
  }
}

}  // namespace windhover::stack::tcp
