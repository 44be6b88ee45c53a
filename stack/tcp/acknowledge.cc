#include "stack/tcp/acknowledge.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/recovery_watch.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using wire::Seq;

/// A connection may split its records for SACK until it has two for each segment in flight and these: small segments
/// take one each, and no peer can take the lane's with blocks of a byte.
constexpr std::uint32_t kRecordsSpare = 64;

/// Moves snd_una; returns the payload bytes that the peer now has.
std::uint32_t advance_una(Engine& engine, Tcb& tcb, Seq ack, FlightAck& result) {
  Activity& activity = *tcb.activity;
  const Seq data_end = activity.data_end();
  const bool fin = after(ack, data_end);
  const auto moved = static_cast<std::uint32_t>(ack - tcb.snd_una);
  const std::uint32_t data = fin ? moved - 1 : moved;
  activity.flight.acknowledge(engine.flight_memory, ack, result);
  activity.queue.acknowledge(engine.send_memory, data);
  tcb.snd_una = ack;
  tcb.fin_acknowledged |= fin;
  tcb.bytes_acked += data;
  return data;
}

/// The duplicate that the first block reports, if it is a D-SACK (RFC 2883 §4): acknowledged by the same segment, or
/// part of its second block. One from before any window of ours is not believed.
std::optional<wire::SackBlock> find_dsack(const Tcb& tcb, const Segment& segment) {
  const wire::TcpOptions& options = segment.options;
  if (options.sack_count == 0) return std::nullopt;
  const wire::SackBlock& block = options.sack[0];
  if (!before(block.left, block.right) || after(block.right, tcb.snd_nxt)) return std::nullopt;
  if (before(block.left, tcb.snd_una - kDataSpanMax)) return std::nullopt;
  const bool old = !after(block.right, segment.ack);
  const bool inside =
      options.sack_count > 1 && !before(block.left, options.sack[1].left) && !after(block.right, options.sack[1].right);
  return old || inside ? std::optional(block) : std::nullopt;
}

/// Marks what SACK blocks report.
void take_sacks(Engine& engine, Tcb& tcb, const Segment& segment, FlightAck& result) {
  const std::uint32_t mss = tcb.segment_payload();
  const Flight::SackRules rules{mss, tcb.activity->flight.size() / mss * 2 + kRecordsSpare};
  for (std::size_t at = 0; at < segment.options.sack_count; ++at) {
    const wire::SackBlock& block = segment.options.sack[at];
    // Inside out, beyond what was sent, or older than the acknowledgement: not believed.
    if (!before(block.left, block.right)) continue;
    if (before(block.left, tcb.snd_una) || after(block.right, tcb.snd_nxt)) continue;
    tcb.activity->flight.sack(engine.flight_memory, block.left, block.right, rules, result);
  }
}

/// RFC 9293 §3.10.7.4: the window of the newest segment counts.
void update_window(Tcb& tcb, const Segment& segment) {
  if (before(segment.seq, tcb.snd_wl1) || (segment.seq == tcb.snd_wl1 && before(segment.ack, tcb.snd_wl2))) return;
  const std::uint32_t window = std::uint32_t{segment.window} << tcb.snd_wscale;
  tcb.snd_wnd = window;
  tcb.max_snd_wnd = std::max(tcb.max_snd_wnd, window);
  tcb.snd_wl1 = segment.seq;
  tcb.snd_wl2 = segment.ack;
}

/// The peer answers, so counting its silence begins again; an open window ends persisting.
void end_probing(Tcb& tcb) {
  Activity& activity = *tcb.activity;
  tcb.probes = 0;
  if (tcb.snd_wnd == 0 || activity.retransmit_mode != RetransmitMode::kPersist) return;
  activity.persist_shift = 0;
  if (activity.flight.empty()) disarm(tcb, Deadline::kRetransmit);
}

void tell_application(Engine& engine, Tcb& tcb, std::uint32_t data) {
  if (data == 0) return;
  if (tcb.activity->queue.empty()) tcb.handler->on_drained(tcb);
  if (tcb.state == State::kClosed || !tcb.sendable_wanted || tcb.activity->queue.copied() > send_space(engine, tcb) / 2)
    return;
  tcb.sendable_wanted = false;
  tcb.handler->on_sendable(tcb);
}

}  // namespace

void process_ack(Engine& engine, Tcb& tcb, const Segment& segment) {
  Activity& activity = *tcb.activity;
  if (tcb.ecn.on) ecn_acknowledged(engine, tcb, segment);
  AckReport report;
  const bool outstanding = !activity.flight.empty() || activity.recovery.probe_out || activity.undo.prior;
  if (tcb.timestamps) report.timestamps = segment.options.timestamps;
  report.flight.genuine_until = genuine_until(engine, tcb, report.timestamps);
  if (after(segment.ack, tcb.snd_una)) report.advanced = static_cast<std::uint32_t>(segment.ack - tcb.snd_una);
  const std::uint32_t data = report.advanced > 0 ? advance_una(engine, tcb, segment.ack, report.flight) : 0;
  if (tcb.sack && segment.options.sack_count > 0) {
    report.dsack = find_dsack(tcb, segment);
    if (report.dsack) ++tcb.dsacks_received;
    take_sacks(engine, tcb, segment, report.flight);
  }
  note_arrived(tcb.path, report.advanced, tcb.segment_payload());
  if (activity.path_probe.watching && report.advanced > 0) path_acknowledged(engine, tcb);
  const bool same_window = std::uint32_t{segment.window} << tcb.snd_wscale == tcb.snd_wnd;
  update_window(tcb, segment);
  end_probing(tcb);
  // What is acknowledged has arrived, and so the next hop is there (RFC 4861 7.3.1).
  if (report.advanced > 0 && engine.ip.wants_progress()) [[unlikely]] {
    engine.ip.progressed(engine.now, tcb.route);
  }
  if (outstanding || report.dsack) {
    report.duplicate = report.advanced == 0 && segment.ack == tcb.snd_una && segment.length() == 0 && same_window;
    const RecoveryWatch watch(tcb);
    recovery_on_ack(engine, tcb, report);
    watch.record_change(engine, tcb);
  }
  if (activity.has_unsent() || activity.flight.lost() > 0) engine.schedule(tcb);
  tell_application(engine, tcb, data);
}

}  // namespace windhover::stack::tcp
