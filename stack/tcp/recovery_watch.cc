#include "stack/tcp/recovery_watch.h"

#include "stack/tcp/record.h"

namespace windhover::stack::tcp {

void RecoveryWatch::record_details(Engine& engine, Tcb& tcb) const {
  if (tcb.state == State::kClosed) return;
  const std::uint32_t lost = tcb.flight.lost();
  if (lost > lost_) record(engine, tcb, FlightEventKind::kLost, lost - lost_, tcb.flight.pipe());
  const std::uint32_t cwnd = tcb.congestion.cwnd();
  const std::uint32_t ssthresh = tcb.congestion.ssthresh();
  if (tcb.recovery.phase != phase_) {
    const bool repairing = tcb.recovery.phase != Recovery::Phase::kOpen;
    record(engine, tcb, repairing ? FlightEventKind::kRecovery : FlightEventKind::kRecovered, cwnd, ssthresh);
  }
  // Only an undo raises ssthresh.
  if (ssthresh > ssthresh_) {
    record(engine, tcb, FlightEventKind::kUndone, cwnd, ssthresh);
  } else if (ssthresh < ssthresh_ && tcb.recovery.phase == phase_) {
    record(engine, tcb, FlightEventKind::kReduced, cwnd, ssthresh);
  }
}

}  // namespace windhover::stack::tcp
