#include "stack/tcp/activity.h"

#include <algorithm>

#include "stack/tcp/engine.h"

namespace windhover::stack::tcp {
namespace {

/// How many are looked at for one that is quiet, at most: each is two misses of the cache.
constexpr std::uint32_t kLooksMax = 64;
/// Of so many that are quiet the one that has been so for longest goes. Where half of all come back soon, that is one
/// of them in 256 times.
constexpr std::uint32_t kCandidates = 8;
/// Whoever has been quiet for so long goes at once.
constexpr base::Duration kLong = std::chrono::seconds(1);

base::Instant last_used(const Tcb& tcb) { return std::max(tcb.last_received, tcb.last_sent); }

}  // namespace

Activity::Activity(Tcb& tcb_in)
    : tcb(tcb_in),
      congestion(tcb.engine.config.congestion_control, tcb.segment_payload(), tcb.engine.config.initial_window),
      last_answered(tcb.engine.now - kAnswerInterval) {
  deadlines.fill(base::kNever);
  if (tcb.cwnd == 0) return;
  congestion.go_on(tcb.cwnd, tcb.ssthresh, tcb.has_lost);
  window_use.round_end = tcb.snd_nxt;
  window_use.since = tcb.last_sent;
  restart_tuning(tcb.engine, tcb, tuning);
}

bool is_quiet(const Tcb& tcb) {
  const Activity& activity = *tcb.activity;
  const bool owes = activity.ready.linked() || tcb.link.linked() || tcb.ack_now || tcb.ack_delayed ||
                    (tcb.fin_received && !tcb.fin_delivered) || activity.has_unsent();
  const bool holds =
      !activity.flight.empty() || !activity.queue.empty() || !activity.store.empty() || activity.store.has_duplicate();
  const bool asks = activity.path_probe.size != 0 || activity.path_probe.pending || activity.path_probe.suspected ||
                    activity.recovery.phase != Recovery::Phase::kOpen;
  return is_synchronized(tcb.state) && !owes && !holds && !asks &&
         std::all_of(activity.deadlines.begin(), activity.deadlines.end(),
                     [](base::Instant at) { return at == base::kNever; });
}

bool Engine::make_room() {
  if (activities.size() < activities.capacity()) return true;
  Activity* quietest = nullptr;
  for (std::uint32_t looks = 0, found = 0; looks < kLooksMax && found < kCandidates; ++looks) {
    hand = hand + 1 < activities.capacity() ? hand + 1 : 0;
    Activity& activity = activities.at(hand);
    if (&activity == at_work || !is_quiet(activity.tcb)) continue;
    ++found;
    if (quietest == nullptr || last_used(activity.tcb) < last_used(quietest->tcb)) quietest = &activity;
    if (now - last_used(quietest->tcb) >= kLong) break;
  }
  if (quietest == nullptr) return false;
  put_to_sleep(*quietest);
  return true;
}

void Engine::put_to_sleep(Activity& activity) {
  Tcb& tcb = activity.tcb;
  tcb.cwnd = activity.congestion.cwnd();
  tcb.ssthresh = activity.congestion.ssthresh();
  tcb.has_lost = activity.congestion.has_lost();
  tcb.activity = nullptr;
  activities.release(&activity);
  counters.count(base::Event::kTcpSlept);
}

bool Engine::awaken(Tcb& tcb) {
  if (!make_room()) return false;
  tcb.activity = activities.allocate(tcb);
  return true;
}

}  // namespace windhover::stack::tcp
