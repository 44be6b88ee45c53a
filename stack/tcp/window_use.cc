#include "stack/tcp/window_use.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"

namespace windhover::stack::tcp {
namespace {

/// In slow start a window that is half used still doubles: what is used grows with it (RFC 7661 §4.3, as Linux).
bool in_use(const Tcb& tcb) {
  const Activity& activity = *tcb.activity;
  const WindowUse& use = activity.window_use;
  return use.limited || (activity.congestion.in_slow_start() && activity.congestion.cwnd() / 2 < use.flight_max);
}

/// Apart from window_acknowledged(), so that what is common there need not save registers for this.
[[gnu::noinline]] void grow(Engine& engine, Tcb& tcb, const FlightAck& ack, std::uint32_t advanced, bool repairing) {
  const bool sampled = ack.timed && !ack.retransmitted;
  tcb.activity->congestion.acknowledged({.now = engine.now,
                                         .bytes = advanced,
                                         .frame = frame_payload_max(engine, tcb),
                                         .srtt = tcb.rtt.srtt(),
                                         .rtt = sampled ? engine.now - ack.newest_sent : base::Duration::zero(),
                                         .una = tcb.snd_una,
                                         .nxt = tcb.snd_nxt,
                                         .repairing = repairing});
}

}  // namespace

void note_window_use(Engine& engine, Tcb& tcb, bool held_back) {
  Activity& activity = *tcb.activity;
  WindowUse& use = activity.window_use;
  const std::uint32_t flight = activity.flight.size();
  if (held_back || !before(tcb.snd_una, use.round_end) || (!use.limited && flight > use.flight_max)) {
    use.limited = held_back;
    use.flight_max = flight;
    use.round_end = tcb.snd_nxt;
  }
  if (in_use(tcb)) {
    use.used = 0;
    use.since = engine.now;
    return;
  }
  use.used = std::max(use.used, flight);
  if (engine.now - use.since < tcb.rtt.rto()) return;
  if (activity.recovery.phase == Recovery::Phase::kOpen) activity.congestion.application_limited(use.used);
  use.used = 0;
  use.since = engine.now;
}

void window_acknowledged(Engine& engine, Tcb& tcb, const FlightAck& ack, std::uint32_t advanced) {
  if (tcb.ecn.marked) return;
  const bool repairing = tcb.activity->recovery.phase == Recovery::Phase::kLoss;
  if (!repairing && !in_use(tcb)) return tcb.activity->congestion.stands(engine.now);
  grow(engine, tcb, ack, advanced, repairing);
}

void window_lost(Tcb& tcb, std::uint32_t flight) {
  if (tcb.ecn.marked) return;
  tcb.activity->congestion.loss(flight);
  ecn_window_reduced(tcb);
}

void window_timed_out(Tcb& tcb, std::uint32_t flight) {
  tcb.activity->congestion.timeout(flight);
  ecn_window_reduced(tcb);
}

}  // namespace windhover::stack::tcp
