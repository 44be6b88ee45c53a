#pragma once
// The deadlines of a connection: retransmission, RACK reordering, delayed acknowledgement, keep-alive, the
// application's own.

#include "stack/base/time.h"
#include "stack/tcp/engine.h"

namespace windhover::stack::tcp {

/// When one deadline passes; base::kNever: it is not armed. Precondition: the connection is awake, or the deadline is
/// one that sleep keeps.
inline base::Instant& deadline_of(Tcb& tcb, Deadline deadline) {
  const auto at = static_cast<std::size_t>(deadline);
  return at < kActiveDeadlines ? tcb.activity->deadlines[at] : tcb.deadlines[at - kActiveDeadlines];
}

inline void disarm(Tcb& tcb, Deadline deadline) { deadline_of(tcb, deadline) = base::kNever; }

inline bool is_armed(Tcb& tcb, Deadline deadline) { return deadline_of(tcb, deadline) != base::kNever; }

/// Sets one deadline; base::kNever disarms it. Cheap when the wheel already fires no later than `at`.
inline void arm(Engine& engine, Tcb& tcb, Deadline deadline, base::Instant at) {
  deadline_of(tcb, deadline) = at;
  if (at != base::kNever && (!tcb.armed() || at < tcb.deadline())) engine.wheel.arm(tcb, at);
}

/// The wheel says that a deadline may have passed: does what each passed one asks for.
void fire_timers(Engine& engine, Tcb& tcb);

/// Arms the persist timer: the peer's window is shut and nothing is in flight (RFC 9293 §3.8.6.1).
void arm_persist(Engine& engine, Tcb& tcb);

/// Something arrived: an idle connection's keep-alive clock begins again. No effect while keep-alive is off.
void restart_keep_alive(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
