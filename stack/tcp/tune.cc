#include "stack/tcp/tune.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {
namespace {

/// Beyond this an echoed timestamp is no measurement: the peer had nothing to say for so long, or makes it up.
constexpr base::Duration kRttMax = std::chrono::seconds(60);

/// The most that the window field can say.
std::uint32_t announceable(const Tcb& tcb) { return 0xffffU << tcb.rcv_wscale; }

/// RFC 7323 §4: the echo came back with data, so a round trip is at most so long. Our clock ticks in milliseconds; on a
/// shorter path the sender's side has measured better, if it has measured at all.
base::Duration by_timestamp(const Engine& engine, const Tcb& tcb, std::uint32_t echo) {
  const std::chrono::milliseconds elapsed(timestamp(engine, tcb.ts_offset) - echo);
  if (elapsed > std::chrono::milliseconds(1)) return elapsed;
  return tcb.rtt.sampled() ? tcb.rtt.min_rtt() : std::chrono::milliseconds(1);
}

void measure_rtt(const Engine& engine, Tcb& tcb, const Segment& segment) {
  ReceiveTuning& tuning = tcb.activity->tuning;
  if (tcb.timestamps && segment.options.timestamps && segment.options.timestamps->echo != 0) {
    const base::Duration sample = by_timestamp(engine, tcb, segment.options.timestamps->echo);
    if (sample > kRttMax) return;
    const base::Duration before_it = tcb.rcv_rtt;
    tcb.rcv_rtt = to_rtt_ticks(before_it == base::Duration::zero() ? sample : before_it + (sample - before_it) / 8);
    return;
  }
  // What we send is measured too, the handshake at least.
  if (tcb.rtt.sampled()) {
    tcb.rcv_rtt = to_rtt_ticks(tcb.rtt.srtt());
    return;
  }
  // A whole announced window has come: that took a round trip, or longer if the peer was slow. The least counts.
  if (before(tcb.rcv_nxt, tuning.round_end)) return;
  const RttTicks sample = to_rtt_ticks(engine.now - tuning.round_since);
  tcb.rcv_rtt = tcb.rcv_rtt == RttTicks::zero() ? sample : std::min(tcb.rcv_rtt, sample);
  tuning.round_end = tcb.rcv_adv;
  tuning.round_since = engine.now;
}

}  // namespace

std::uint16_t first_window(const Config& config) {
  return static_cast<std::uint16_t>(std::min({config.receive_window, config.receive_window_initial, 0xffffU}));
}

void begin_tuning(Engine& engine, Tcb& tcb) {
  tcb.rcv_space = std::min(engine.config.receive_window_initial, engine.config.receive_window);
  restart_tuning(engine, tcb, tcb.activity->tuning);
}

void restart_tuning(const Engine& engine, const Tcb& tcb, ReceiveTuning& tuning) {
  tuning.measured = tcb.rcv_read;
  tuning.since = engine.now;
  tuning.round_end = tcb.rcv_nxt + tcb.rcv_space;
  tuning.round_since = engine.now;
}

bool tuning_due(const Tcb& tcb) {
  return static_cast<std::uint32_t>(tcb.rcv_read - tcb.activity->tuning.measured) >= tcb.rcv_space / 2;
}

void tune_receive(Engine& engine, Tcb& tcb, const Segment& segment) {
  ReceiveTuning& tuning = tcb.activity->tuning;
  measure_rtt(engine, tcb, segment);
  const base::Duration elapsed = engine.now - tuning.since;
  tuning.measured = tcb.rcv_read;
  tuning.since = engine.now;
  const std::uint32_t most = std::min(engine.config.receive_window, announceable(tcb));
  if (tcb.rcv_rtt == RttTicks::zero() || elapsed > tcb.rcv_rtt || tcb.rcv_space >= most) return;
  if (engine.budget.pressure() != Pressure::kNone) {
    return engine.counters.count(base::Event::kTcpWindowGrowthHeld);
  }
  tcb.rcv_space = tcb.rcv_space > most / 2 ? most : 2 * tcb.rcv_space;
  engine.counters.count(base::Event::kTcpWindowGrown);
}

std::uint32_t receive_space(const Engine& engine, const Tcb& tcb) {
  const bool withheld = engine.budget.pressure() == Pressure::kTight && before(tcb.rcv_read, tcb.rcv_nxt);
  return withheld ? 0 : tcb.rcv_space;
}

std::uint32_t send_space(const Engine& engine, const Tcb& tcb) {
  const Config& config = engine.config;
  switch (engine.budget.pressure()) {
    case Pressure::kNone:
      break;
    case Pressure::kHigh:
      return std::min(config.send_buffer, config.send_buffer_initial);
    case Pressure::kTight:
      return std::min(config.send_buffer, kSendSpaceMin);
  }
  const std::uint32_t cwnd = tcb.activity == nullptr ? tcb.cwnd : tcb.activity->congestion.cwnd();
  return std::min(config.send_buffer, std::max(config.send_buffer_initial, 2 * cwnd));
}

}  // namespace windhover::stack::tcp
