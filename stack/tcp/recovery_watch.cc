#include "stack/tcp/recovery_watch.h"

#include "stack/tcp/record.h"

namespace windhover::stack::tcp {

void RecoveryWatch::record_details(Engine& engine, Tcb& tcb) const {
  Activity& activity = *tcb.activity;
  if (tcb.state == State::kClosed) return;
  const std::uint32_t lost = activity.flight.lost();
  if (lost > lost_) record(engine, tcb, FlightEventKind::kLost, lost - lost_, activity.flight.pipe());
  const std::uint32_t cwnd = activity.congestion.cwnd();
  const std::uint32_t ssthresh = activity.congestion.ssthresh();
  if (activity.recovery.phase != phase_) {
    const bool repairing = activity.recovery.phase != Recovery::Phase::kOpen;
    record(engine, tcb, repairing ? FlightEventKind::kRecovery : FlightEventKind::kRecovered, cwnd, ssthresh);
  }
  // Only an undo raises ssthresh.
  if (ssthresh > ssthresh_) {
    record(engine, tcb, FlightEventKind::kUndone, cwnd, ssthresh);
  } else if (ssthresh < ssthresh_ && activity.recovery.phase == phase_) {
    record(engine, tcb, FlightEventKind::kReduced, cwnd, ssthresh);
  }
}

}  // namespace windhover::stack::tcp
