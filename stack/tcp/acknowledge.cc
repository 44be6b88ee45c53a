#include "stack/tcp/acknowledge.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using wire::Seq;

/// Moves snd_una; returns the payload bytes that the peer now has.
std::uint32_t advance_una(Engine& engine, Tcb& tcb, Seq ack, FlightAck& result) {
  const Seq data_end = tcb.data_end();
  const bool fin = after(ack, data_end);
  const auto moved = static_cast<std::uint32_t>(ack - tcb.snd_una);
  const std::uint32_t data = fin ? moved - 1 : moved;
  tcb.flight.acknowledge(engine.flight_memory, ack, result);
  tcb.queue.acknowledge(engine.send_memory, data);
  tcb.snd_una = ack;
  tcb.fin_acknowledged |= fin;
  tcb.bytes_acked += data;
  return data;
}

/// Marks what SACK blocks report; true when one of them is a D-SACK (RFC 2883 §4).
bool take_sacks(Engine& engine, Tcb& tcb, const Segment& segment, FlightAck& result) {
  bool dsack = false;
  for (std::size_t at = 0; at < segment.options.sack_count; ++at) {
    const wire::SackBlock& block = segment.options.sack[at];
    if (!before(block.left, block.right)) continue;
    if (!after(block.right, tcb.snd_una)) {
      dsack |= at == 0;
      continue;
    }
    // Beyond what was sent, or older than the acknowledgement: not believed.
    if (before(block.left, tcb.snd_una) || after(block.right, tcb.snd_nxt)) continue;
    tcb.flight.sack(engine.flight_memory, block.left, block.right, result);
  }
  return dsack;
}

/// RFC 9293 §3.10.7.4: the window of the newest segment counts. Returns whether it changed.
bool update_window(Tcb& tcb, const Segment& segment) {
  if (before(segment.seq, tcb.snd_wl1) || (segment.seq == tcb.snd_wl1 && before(segment.ack, tcb.snd_wl2)))
    return false;
  const std::uint32_t window = std::uint32_t{segment.window} << tcb.snd_wscale;
  const bool changed = window != tcb.snd_wnd;
  tcb.snd_wnd = window;
  tcb.max_snd_wnd = std::max(tcb.max_snd_wnd, window);
  tcb.snd_wl1 = segment.seq;
  tcb.snd_wl2 = segment.ack;
  return changed;
}

/// The peer answers, so counting its silence begins again; an open window ends persisting.
void end_probing(Tcb& tcb) {
  tcb.probes = 0;
  if (tcb.snd_wnd == 0 || tcb.retransmit_mode != RetransmitMode::kPersist) return;
  tcb.persist_shift = 0;
  if (tcb.flight.empty()) disarm(tcb, Deadline::kRetransmit);
}

void tell_application(Engine& engine, Tcb& tcb, std::uint32_t data) {
  if (data == 0) return;
  if (tcb.queue.empty()) tcb.handler->on_drained(tcb);
  if (tcb.state == State::kClosed || !tcb.sendable_wanted || tcb.queue.copied() > engine.config.send_buffer / 2) return;
  tcb.sendable_wanted = false;
  tcb.handler->on_sendable(tcb);
}

}  // namespace

void process_ack(Engine& engine, Tcb& tcb, const Segment& segment) {
  if (tcb.ecn.on) ecn_acknowledged(engine, tcb, segment);
  FlightAck result;
  const bool outstanding = !tcb.flight.empty() || tcb.recovery.probes_out > 0;
  const std::uint32_t advanced =
      after(segment.ack, tcb.snd_una) ? static_cast<std::uint32_t>(segment.ack - tcb.snd_una) : 0;
  const std::uint32_t data = advanced > 0 ? advance_una(engine, tcb, segment.ack, result) : 0;
  const bool dsack = tcb.sack && segment.options.sack_count > 0 && take_sacks(engine, tcb, segment, result);
  note_arrived(tcb.path, advanced, tcb.segment_payload());
  if (tcb.path.watching && advanced > 0) path_acknowledged(engine, tcb);
  const bool window_changed = update_window(tcb, segment);
  end_probing(tcb);
  if (outstanding) {
    const bool duplicate = advanced == 0 && segment.ack == tcb.snd_una && segment.length() == 0 && !window_changed;
    recovery_on_ack(engine, tcb, result, advanced, duplicate, dsack);
  }
  if (tcb.has_unsent() || tcb.flight.lost() > 0) engine.schedule(tcb);
  tell_application(engine, tcb, data);
}

}  // namespace windhover::stack::tcp
