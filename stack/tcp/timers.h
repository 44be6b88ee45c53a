#pragma once
// The deadlines of a connection: retransmission, RACK reordering, delayed acknowledgement, keep-alive, the
// application's own.

#include "stack/base/time.h"
#include "stack/tcp/tcb.h"

namespace windhover::stack::tcp {

/// Sets one deadline; base::kNever disarms it. Cheap when the wheel already fires no later than `at`.
void arm(Engine& engine, Tcb& tcb, Deadline deadline, base::Instant at);

inline void disarm(Tcb& tcb, Deadline deadline) { tcb.deadlines[static_cast<std::size_t>(deadline)] = base::kNever; }

inline bool is_armed(const Tcb& tcb, Deadline deadline) {
  return tcb.deadlines[static_cast<std::size_t>(deadline)] != base::kNever;
}

/// The wheel says that a deadline may have passed: does what each passed one asks for.
void fire_timers(Engine& engine, Tcb& tcb);

/// Arms the persist timer: the peer's window is shut and nothing is in flight (RFC 9293 §3.8.6.1).
void arm_persist(Engine& engine, Tcb& tcb);

/// Something arrived: an idle connection's keep-alive clock begins again. No effect while keep-alive is off.
void restart_keep_alive(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
