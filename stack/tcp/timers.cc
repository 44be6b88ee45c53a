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
/// number. Nor does it need an Activity.
void send_probe(Engine& engine, Tcb& tcb) { send_control(engine, tcb, tcb.snd_una - 1U, wire::kTcpAck); }

void fire_persist(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (tcb.probes >= engine.config.retransmissions_max) return engine.finish(tcb, CloseReason::kPersistTimedOut);
  ++tcb.probes;
  if (activity.persist_shift < kPersistShiftMax) ++activity.persist_shift;
  if (tcb.snd_wnd > 0) {
    activity.override_sws = true;
    return engine.schedule(tcb);
  }
  send_probe(engine, tcb);
  arm_persist(engine, tcb);
}

void fire_handshake(Engine& engine, Tcb& tcb) {
  if (tcb.activity->recovery.timeouts >= engine.config.syn_retransmissions_max) {
    return engine.finish(tcb, CloseReason::kHandshakeTimedOut);
  }
  ++tcb.activity->recovery.timeouts;
  ++tcb.retransmitted;
  engine.counters.count(base::Event::kTcpRetransmitted);
  tcb.rtt.back_off(engine.rto_bounds);
  send_syn(engine, tcb);
}

/// Begins to measure how long nothing has moved, where it has moved until now: the timer that has just passed was armed
/// when something last did.
void watch_stall(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (tcb.user_timeout == base::Duration::zero() || activity.retransmit_mode == RetransmitMode::kProbe) return;
  // Probes of a shut window are answered and counted from zero again, and yet nothing moves.
  const bool persists = activity.retransmit_mode == RetransmitMode::kPersist;
  const bool begins = persists ? !is_armed(tcb, Deadline::kUser) || activity.stalled_at != tcb.snd_una
                               : activity.recovery.timeouts == 0;
  if (!begins) return;
  activity.stalled_at = tcb.snd_una;
  arm(engine, tcb, Deadline::kUser, std::max(engine.now, engine.now - tcb.rtt.rto() + tcb.user_timeout));
}

void fire_user(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  const bool persists = activity.retransmit_mode == RetransmitMode::kPersist && is_armed(tcb, Deadline::kRetransmit);
  const bool stalled = activity.stalled_at == tcb.snd_una && (persists || activity.recovery.timeouts > 0);
  if (stalled) engine.finish(tcb, CloseReason::kUserTimedOut);
}

void fire_retransmit(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  watch_stall(engine, tcb);
  switch (activity.retransmit_mode) {
    case RetransmitMode::kHandshake:
      return fire_handshake(engine, tcb);
    case RetransmitMode::kPersist:
      record(engine, tcb, FlightEventKind::kZeroWindow, tcb.probes, tcb.snd_wnd);
      return fire_persist(engine, tcb);
    case RetransmitMode::kProbe:
      record(engine, tcb, FlightEventKind::kProbe, activity.flight.size());
      return recovery_on_probe_timer(engine, tcb);
    case RetransmitMode::kTimeout:
      record(engine, tcb, FlightEventKind::kTimeout, activity.flight.size(), activity.recovery.timeouts);
      return recovery_on_timeout(engine, tcb);
  }
}

void fire_keep_alive(Engine& engine, Tcb& tcb) {
  const base::Duration idle = engine.now - tcb.last_received;
  if (tcb.probes == 0 && idle < engine.config.keep_alive_idle) {
    return arm(engine, tcb, Deadline::kKeepAlive, tcb.last_received + engine.config.keep_alive_idle);
  }
  // Retransmission, or probing a shut window, watches over the peer already.
  if (tcb.activity != nullptr && (!tcb.activity->flight.empty() || is_armed(tcb, Deadline::kRetransmit))) {
    return restart_keep_alive(engine, tcb);
  }
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

void fire_watched(Engine& engine, Tcb& tcb, Deadline deadline) {
  const RecoveryWatch watch(tcb);
  if (deadline == Deadline::kRetransmit) {
    fire_retransmit(engine, tcb);
  } else {
    recovery_on_reorder_timer(engine, tcb);
  }
  watch.record_change(engine, tcb);
}

void fire(Engine& engine, Tcb& tcb, Deadline deadline) {
  switch (deadline) {
    case Deadline::kRetransmit:
    case Deadline::kReorder:
      return fire_watched(engine, tcb, deadline);
    case Deadline::kDelayedAck:
      tcb.ack_now = tcb.ack_delayed;
      return engine.schedule(tcb);
    case Deadline::kUser:
      return fire_user(engine, tcb);
    case Deadline::kKeepAlive:
      return fire_keep_alive(engine, tcb);
    case Deadline::kApplication:
      return tcb.handler->on_timer(tcb);
  }
}

}  // namespace

void fire_timers(Engine& engine, Tcb& tcb) {
  engine.at_work = tcb.activity;
  const auto pass = [&](Deadline deadline) {
    base::Instant& at = deadline_of(tcb, deadline);
    if (at <= engine.now) {
      at = base::kNever;
      fire(engine, tcb, deadline);
    }
  };
  if (tcb.activity != nullptr) {
    pass(Deadline::kRetransmit);
    pass(Deadline::kReorder);
    pass(Deadline::kDelayedAck);
    pass(Deadline::kUser);
  }
  pass(Deadline::kKeepAlive);
  pass(Deadline::kApplication);
  if (tcb.state == State::kClosed) return;
  base::Instant earliest = *std::min_element(tcb.deadlines.begin(), tcb.deadlines.end());
  if (tcb.activity != nullptr) {
    const auto& deadlines = tcb.activity->deadlines;
    earliest = std::min(earliest, *std::min_element(deadlines.begin(), deadlines.end()));
  }
  if (earliest != base::kNever) engine.wheel.arm(tcb, earliest);
}

void arm_persist(Engine& engine, Tcb& tcb) {
  tcb.activity->retransmit_mode = RetransmitMode::kPersist;
  const base::Duration interval = std::min(tcb.rtt.rto() * (1 << tcb.activity->persist_shift), engine.config.rto_max);
  arm(engine, tcb, Deadline::kRetransmit, engine.now + interval);
}

void restart_keep_alive(Engine& engine, Tcb& tcb) {
  if (engine.config.keep_alive_idle == base::Duration::zero()) return;
  if (!is_armed(tcb, Deadline::kKeepAlive) || tcb.probes != 0) {
    arm(engine, tcb, Deadline::kKeepAlive, engine.now + engine.config.keep_alive_idle);
  }
}

}  // namespace windhover::stack::tcp
