#include "stack/tcp/undo.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"

namespace windhover::stack::tcp {
namespace {

using Frto = Undo::Frto;
using Phase = Recovery::Phase;

constexpr std::uint8_t kFrtoNewSegments = 2;      // RFC 5682 §2.1 step 2b.
constexpr std::uint32_t kFrtoWindowSegments = 3;  // RFC 5682 §2.1 step 3a.

/// RFC 3522 §3.2 step 5: the acknowledgement of the first retransmission echoes what was sent before that.
bool says_eifel(Tcb& tcb, const std::optional<wire::TcpTimestamps>& timestamps) {
  Undo& undo = tcb.activity->undo;
  if (!undo.eifel_open || before(tcb.snd_una, undo.first_resent_end)) return false;
  undo.eifel_open = false;
  return timestamps && static_cast<std::int32_t>(timestamps->echo - undo.first_resent_tsval) < 0;
}

/// Step 2: the acknowledgement of what the timeout sent again.
void take_first_ack(Tcb& tcb, bool advanced, bool duplicate) {
  Activity& activity = *tcb.activity;
  Undo& undo = activity.undo;
  if (!advanced) {
    // With SACK the scoreboard takes duplicates, and the wait goes on (§3.1 step 2).
    if (duplicate && !tcb.sack) undo.frto = Frto::kOff;
    return;
  }
  const bool window_open = static_cast<std::int64_t>(tcb.snd_wnd) > tcb.snd_nxt - tcb.snd_una;
  if (!before(tcb.snd_una, activity.recovery.recovery_point) || !activity.has_unsent() || !window_open) {
    undo.frto = Frto::kOff;
    return;
  }
  undo.frto = Frto::kSecondAck;
  undo.frto_new = kFrtoNewSegments;
  activity.recovery.recovery_point = tcb.snd_nxt;
  activity.congestion.set_cwnd(
      std::max(activity.congestion.cwnd(), activity.flight.pipe() + kFrtoNewSegments * tcb.segment_payload()));
}

/// Step 3. Returns whether the timeout was needless.
bool take_second_ack(Tcb& tcb, const FlightAck& ack, bool advanced, bool duplicate) {
  Activity& activity = *tcb.activity;
  Undo& undo = activity.undo;
  const wire::Seq recover = activity.recovery.recovery_point;
  const bool covers_new = tcb.sack && ack.any && after(ack.highest_end, recover);
  const bool covers_old = ack.original && !after(ack.lowest_original_end, recover);
  if (!covers_new && covers_old) return true;
  if (!covers_new && !advanced && !duplicate) return false;  // Neither (§3.1 step 3): it is ignored.
  undo.frto = Frto::kOff;
  activity.congestion.set_cwnd(std::min(activity.congestion.cwnd(), kFrtoWindowSegments * tcb.segment_payload()));
  return false;
}

bool says_frto(Tcb& tcb, const FlightAck& ack, bool advanced, bool duplicate) {
  if (tcb.activity->undo.frto == Frto::kOff) return false;
  if (tcb.activity->undo.frto == Frto::kSecondAck) return take_second_ack(tcb, ack, advanced, duplicate);
  take_first_ack(tcb, advanced, duplicate);
  return false;
}

void restore(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  const std::uint32_t cwnd = activity.congestion.cwnd();
  activity.congestion = *activity.undo.prior;
  activity.congestion.set_cwnd(std::max(cwnd, activity.congestion.cwnd()));
  activity.flight.find_lost(engine.flight_memory);
  undo_forget(activity.undo);
  activity.undo.unconfirmed = 0;
  engine.counters.count(base::Event::kTcpRecoveriesUndone);
}

}  // namespace

void undo_begin(Tcb& tcb, bool continues) {
  Undo& undo = tcb.activity->undo;
  if (!continues || !undo.prior) {
    undo.prior = tcb.activity->congestion;
    undo.unconfirmed = 0;
    undo.begin = tcb.snd_una;
  }
  undo.resent = false;
  undo.eifel_open = false;
  undo.frto = Frto::kOff;
}

void undo_watch_timeout(Tcb& tcb) { tcb.activity->undo.frto = Frto::kFirstAck; }

void undo_resent(const Engine& engine, Tcb& tcb, wire::Seq start, std::uint32_t size) {
  Undo& undo = tcb.activity->undo;
  if (!undo.prior) return;
  undo.unconfirmed += size;
  if (undo.resent) return;
  undo.resent = undo.eifel_open = true;
  undo.first_resent_end = start + size;
  undo.first_resent_tsval = timestamp(engine, tcb.ts_offset);
}

void undo_on_dsack(Tcb& tcb, const wire::SackBlock& block) {
  Undo& undo = tcb.activity->undo;
  if (!undo.prior || before(block.left, undo.begin) || after(block.right, tcb.activity->recovery.recovery_point))
    return;
  undo.unconfirmed -= std::min(undo.unconfirmed, static_cast<std::uint32_t>(block.right - block.left));
}

bool undo_on_ack(Engine& engine, Tcb& tcb, const FlightAck& ack, bool advanced, bool duplicate,
                 const std::optional<wire::TcpTimestamps>& timestamps) {
  Undo& undo = tcb.activity->undo;
  if (!undo.prior) return false;
  const bool repairing = tcb.activity->recovery.phase != Phase::kOpen;
  const bool needless = (undo.resent && undo.unconfirmed == 0) ||
                        (advanced && repairing && says_eifel(tcb, timestamps)) ||
                        says_frto(tcb, ack, advanced, duplicate);
  if (!needless) return false;
  restore(engine, tcb);
  return true;
}

Turn undo_turn(const Tcb& tcb) {
  if (tcb.activity->undo.frto != Frto::kSecondAck) return Turn::kLost;
  return tcb.activity->undo.frto_new > 0 ? Turn::kNew : Turn::kNothing;
}

}  // namespace windhover::stack::tcp
