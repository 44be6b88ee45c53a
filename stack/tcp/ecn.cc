#include "stack/tcp/ecn.h"

#include "stack/tcp/engine.h"

namespace windhover::stack::tcp {

wire::TcpFlags ecn_syn_flags(const Engine& engine, const Tcb& tcb) {
  if (tcb.state == State::kSynReceived) return tcb.ecn.on ? wire::kTcpEce : wire::TcpFlags{};
  const bool asks = engine.config.ecn == EcnMode::kAsk && tcb.activity->recovery.timeouts == 0;
  return asks ? wire::kTcpEce | wire::kTcpCwr : wire::TcpFlags{};
}

void ecn_data_arrived(Engine& engine, Tcb& tcb, const Segment& segment) {
  // CWR answers the marks before it; the segment that carries it may be marked itself.
  if (segment.flags.cwr()) tcb.ecn.echo = false;
  if (!segment.congestion_experienced) return;
  if (!tcb.ecn.echo) {
    tcb.ack_now = true;  // A mark is worth as much as its age is small.
    engine.schedule(tcb);
  }
  tcb.ecn.echo = true;
}

void ecn_acknowledged(Engine& engine, Tcb& tcb, const Segment& segment) {
  Activity& activity = *tcb.activity;
  Ecn& ecn = tcb.ecn;
  if (ecn.reduced && after(segment.ack, ecn.reduced_at)) ecn.reduced = ecn.marked = false;
  if (!segment.flags.ece() || ecn.reduced || activity.flight.empty()) return;
  if (activity.recovery.phase != Recovery::Phase::kOpen) return;
  activity.congestion.marked(activity.flight.size());
  engine.counters.count(base::Event::kTcpEcnReductions);
  ecn_window_reduced(tcb);
  ecn.marked = true;
}

void ecn_window_reduced(Tcb& tcb) {
  if (!tcb.ecn.on) return;
  tcb.ecn.cwr_due = true;
  tcb.ecn.reduced = true;
  tcb.ecn.marked = false;
  tcb.ecn.reduced_at = tcb.snd_nxt;
}

}  // namespace windhover::stack::tcp
