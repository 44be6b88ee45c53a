#include "stack/tcp/input.h"

#include <algorithm>

#include "stack/tcp/acknowledge.h"
#include "stack/tcp/closing.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/handshake.h"
#include "stack/tcp/output.h"
#include "stack/tcp/record.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;
using wire::Seq;

/// How long a timestamp protects: half the circle at one tick a millisecond (RFC 7323 §5.5).
constexpr base::Duration kTimestampLife = std::chrono::hours(24 * 24);

void acknowledge_now(Engine& engine, Tcb& tcb) {
  tcb.ack_now = true;
  engine.schedule(tcb);
}

/// The next acknowledgement reports a duplicate (RFC 2883). Each segment's is reported on its own, so one that is still
/// waiting goes first.
void report_duplicate(Engine& engine, Tcb& tcb, const wire::SackBlock& duplicate, base::Event event) {
  if (!tcb.sack) return;
  if (tcb.activity->store.has_duplicate() && engine.ip.queued() < link::kBurstMax) {
    send_control(engine, tcb, tcb.snd_nxt, wire::kTcpAck);
  }
  tcb.activity->store.report_duplicate(duplicate);
  engine.counters.count(event);
  acknowledge_now(engine, tcb);
}

/// Every segment out of order is acknowledged for itself (RFC 5681 4.2), so the one that waits for the burst's end goes
/// first: with one for all of them a single loss on the way back leaves the peer to its time-out, and a peer without
/// SACK never counts three duplicates.
void acknowledge_waiting(Engine& engine, Tcb& tcb) {
  if (!tcb.ack_now || engine.ip.queued() >= link::kBurstMax) return;
  send_control(engine, tcb, tcb.snd_nxt, wire::kTcpAck);
}

/// Some of the segment lies before rcv_nxt.
void report_old(Engine& engine, Tcb& tcb, const Segment& segment) {
  if (segment.length() == 0 || segment.flags.syn() || !before(segment.seq, tcb.rcv_nxt)) return;
  const wire::SackBlock duplicate{segment.seq, earlier(segment.seq + segment.length(), tcb.rcv_nxt)};
  report_duplicate(engine, tcb, duplicate, base::Event::kTcpDsackOldSent);
}

/// Whether a segment may be answered that an answer of ours may have caused.
bool may_answer(Engine& engine, Tcb& tcb) {
  if (engine.now - tcb.activity->last_answered < kAnswerInterval) {
    engine.counters.count(base::Event::kTcpAnswersLimited);
    return false;
  }
  tcb.activity->last_answered = engine.now;
  return true;
}

/// An ACK that makes an honest peer prove itself (RFC 5961).
void challenge(Engine& engine, Tcb& tcb) {
  if (may_answer(engine, tcb) && engine.may_challenge()) acknowledge_now(engine, tcb);
}

/// RFC 7323 §5.3 R1, and §3.2: once negotiated, a segment without timestamps is not the peer's.
bool passes_paws(const Engine& engine, const Tcb& tcb, const Segment& segment) {
  if (!tcb.timestamps || segment.flags.rst()) return true;
  if (!segment.options.timestamps) return false;
  const bool older = static_cast<std::int32_t>(segment.options.timestamps->value - tcb.ts_recent) < 0;
  return !older || engine.now - tcb.ts_recent_at > kTimestampLife;
}

/// RFC 7323 §4.3: only a segment that covers the last acknowledged byte updates TS.Recent.
void update_ts_recent(const Engine& engine, Tcb& tcb, const Segment& segment) {
  if (!tcb.timestamps || !segment.options.timestamps || after(segment.seq, tcb.last_ack_sent)) return;
  tcb.ts_recent = segment.options.timestamps->value;
  tcb.ts_recent_at = engine.now;
}

/// First, check sequence number: some of the segment lies in the window.
bool acceptable(const Tcb& tcb, const Segment& segment) {
  const std::uint32_t length = segment.length();
  const std::uint32_t window = tcb.receive_window();
  if (window == 0) return length == 0 && segment.seq == tcb.rcv_nxt;
  if (in_window(segment.seq, tcb.rcv_nxt, window)) return true;
  return length > 0 && in_window(segment.seq + (length - 1), tcb.rcv_nxt, window);
}

/// The way back begins where the peer's segments come from now: a router may have changed.
void follow_link(Tcb& tcb, const Segment& segment) { tcb.route.link = segment.link_source; }

/// RFC 5961 §5.2: neither the future nor more than a window in the past.
bool acknowledges_plausibly(const Tcb& tcb, const Segment& segment) {
  return segment.flags.ack() && !after(segment.ack, tcb.snd_nxt) && !before(segment.ack, tcb.snd_una - tcb.max_snd_wnd);
}

/// From no more than a window ago: said again because our acknowledgement was lost, perhaps with the router that it
/// went to.
bool is_recent(const Engine& engine, const Tcb& tcb, const Segment& segment) {
  const std::uint32_t window = engine.config.receive_window;
  return acknowledges_plausibly(tcb, segment) && in_window(segment.seq, tcb.rcv_nxt - window, window + 1);
}

Verdict refuse_unacceptable(Engine& engine, Tcb& tcb, const Segment& segment, Drop reason) {
  // RFC 7323 §3.2: without its timestamps it is dropped in silence.
  if (segment.flags.rst() || (tcb.timestamps && !segment.options.timestamps)) return reason;
  // Our SYN-ACK was lost, or the peer's probe asks where we are.
  if (tcb.state == State::kSynReceived && segment.flags.syn() && segment.seq == tcb.irs) {
    follow_link(tcb, segment);
    if (may_answer(engine, tcb)) send_syn(engine, tcb);
    return kAccepted;
  }
  if (reason == Drop::kTcpUnacceptable && is_recent(engine, tcb, segment)) follow_link(tcb, segment);
  // A shut window still takes acknowledgements (RFC 9293 §3.10.7.4, first check).
  if (reason == Drop::kTcpUnacceptable && tcb.receive_window() == 0 && segment.seq == tcb.rcv_nxt &&
      segment.flags.ack() && is_synchronized(tcb.state) && !segment.flags.syn() && !after(segment.ack, tcb.snd_nxt)) {
    process_ack(engine, tcb, segment);
  }
  if (tcb.state == State::kClosed) return reason;
  report_old(engine, tcb, segment);
  // Data is sent by a timer or a window, never in answer to an acknowledgement.
  const bool data = segment.length() > 0 && !segment.flags.syn();
  if (data || may_answer(engine, tcb)) acknowledge_now(engine, tcb);
  return reason;
}

/// A simultaneous open's SYN-ACK repeats a SYN that we have; what counts is what it acknowledges (RFC 9293 §3.5, figure
/// 7). Answering it like a repeated SYN would have both sides send SYN-ACKs for ever.
bool completes_crossing(const Tcb& tcb, const Segment& segment) {
  return tcb.state == State::kSynReceived && !tcb.passive && segment.flags.all(wire::kTcpSyn | wire::kTcpAck) &&
         !segment.flags.rst() && segment.seq == tcb.irs && segment.ack == tcb.snd_nxt;
}

/// Second, check the RST bit (RFC 5961 §3.2).
Verdict check_rst(Engine& engine, Tcb& tcb, const Segment& segment) {
  if (segment.seq != tcb.rcv_nxt) {
    challenge(engine, tcb);
    return Drop::kTcpUnacceptable;
  }
  const bool opening = tcb.state == State::kSynReceived && !tcb.passive;
  engine.finish(tcb, opening ? CloseReason::kRefused : CloseReason::kPeerReset);
  return kAccepted;
}

/// Fifth, check the ACK field. False: the segment ends here, under `verdict`.
bool check_ack(Engine& engine, Tcb& tcb, const Segment& segment, Verdict& verdict) {
  if (!segment.flags.ack()) {
    verdict = Drop::kTcpBadFlags;
    return false;
  }
  if (tcb.state == State::kSynReceived) {
    if (segment.ack != tcb.snd_nxt) {
      send_reset(engine, segment);
      verdict = Drop::kTcpBadAck;
      return false;
    }
    tcb.snd_una = segment.ack;
    tcb.snd_wnd = std::uint32_t{segment.window} << tcb.snd_wscale;
    tcb.max_snd_wnd = std::max(tcb.max_snd_wnd, tcb.snd_wnd);
    tcb.snd_wl1 = segment.seq;
    tcb.snd_wl2 = segment.ack;
    return establish(engine, tcb);
  }
  if (!acknowledges_plausibly(tcb, segment)) {
    challenge(engine, tcb);
    verdict = Drop::kTcpBadAck;
    return false;
  }
  process_ack(engine, tcb, segment);
  return tcb.state != State::kClosed;
}

/// Acknowledge at once what is out of order, fills a hole, or makes two full segments; the rest may wait for company.
void decide_acknowledgement(Tcb& tcb, std::uint32_t size, bool in_order) {
  tcb.activity->received_since_ack += size;
  if (!in_order || tcb.activity->received_since_ack >= 2 * tcb.rcv_mss) {
    tcb.ack_now = true;
  } else if (tcb.quick_acks > 0) {
    --tcb.quick_acks;
    tcb.ack_now = true;
  } else {
    tcb.ack_delayed = true;
  }
}

/// Moves rcv_nxt over stored bytes that have come to be in order, and hands them over.
void absorb_stored(Engine& engine, Tcb& tcb) {
  const Seq reached = tcb.activity->store.contiguous_end(engine.receive_memory, tcb.rcv_nxt);
  tcb.bytes_received += static_cast<std::uint32_t>(reached - tcb.rcv_nxt);
  tcb.rcv_nxt = reached;
  tcb.activity->store.promise(reached);
  deliver_stored(engine, tcb);
}

/// Bytes that are next and need not be stored.
void hand_over(Tcb& tcb, base::Bytes text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  tcb.rcv_nxt += size;
  tcb.rcv_read = tcb.rcv_nxt;
  tcb.bytes_received += size;
  tcb.handler->on_data(tcb, text);
}

/// Keeps bytes that cannot be handed over now.
Verdict store_text(Engine& engine, Tcb& tcb, Seq seq, base::Bytes text) {
  tcb.activity->store.promise(tcb.rcv_nxt);
  // What the window allows at most: a block for each part of it, and one that each edge cuts.
  const std::uint32_t blocks_max = static_cast<std::uint32_t>(tcb.rcv_adv - tcb.rcv_read) / kReceiveBlockSize + 2;
  const Inserted kept = tcb.activity->store.insert(engine.receive_memory, seq, text, blocks_max);
  if (kept.given_up > 0) engine.counters.count(base::Event::kTcpReneged, kept.given_up);
  if (kept.taken > 0) engine.counters.count(base::Event::kTcpRenegedForOthers, kept.taken);
  if (kept.duplicate.left != kept.duplicate.right) {
    report_duplicate(engine, tcb, kept.duplicate, base::Event::kTcpDsackOutOfOrderSent);
  }
  absorb_stored(engine, tcb);
  return kept.whole ? kAccepted : Verdict(Drop::kTcpReassemblyFull);
}

/// `text` is next, and out-of-order bytes may lie across it: of what came twice the first counts, so the two take
/// turns. What is missing goes past the store, which may be full: only this segment can empty it again.
Verdict weave(Engine& engine, Tcb& tcb, base::Bytes text) {
  const Seq end = tcb.rcv_nxt + static_cast<std::uint32_t>(text.size());
  wire::SackBlock duplicate{};
  while (before(tcb.rcv_nxt, end) && !tcb.paused) {
    const base::Bytes rest = text.last(static_cast<std::size_t>(end - tcb.rcv_nxt));
    const std::uint32_t size =
        tcb.activity->store.missing(engine.receive_memory, tcb.rcv_nxt, static_cast<std::uint32_t>(rest.size()));
    if (size > 0) hand_over(tcb, rest.first(size));
    if (tcb.state == State::kClosed) return kAccepted;
    tcb.activity->store.release_before(engine.receive_memory, tcb.rcv_nxt);
    const Seq stored = tcb.rcv_nxt;
    absorb_stored(engine, tcb);
    if (tcb.state == State::kClosed) return kAccepted;
    if (duplicate.left == duplicate.right) duplicate = {stored, earlier(end, tcb.rcv_nxt)};
  }
  if (before(duplicate.left, duplicate.right)) {
    report_duplicate(engine, tcb, duplicate, base::Event::kTcpDsackOutOfOrderSent);
  }
  if (!before(tcb.rcv_nxt, end)) return kAccepted;
  return store_text(engine, tcb, tcb.rcv_nxt, text.last(static_cast<std::size_t>(end - tcb.rcv_nxt)));
}

/// A super-frame says nothing about the size of one segment.
void raise_rcv_mss(const Engine& engine, Tcb& tcb, std::uint32_t size) {
  const std::uint32_t segment_max = engine.path_mss(tcb.remote.address) - (tcb.timestamps ? 12U : 0U);
  tcb.rcv_mss = static_cast<std::uint16_t>(std::max<std::uint32_t>(tcb.rcv_mss, std::min(size, segment_max)));
}

/// Seventh, process the segment text: `text` begins at or after rcv_nxt and ends inside the window.
Verdict take_text(Engine& engine, Tcb& tcb, Seq seq, base::Bytes text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  tcb.last_data_received = engine.now;
  if (size > tcb.rcv_mss) raise_rcv_mss(engine, tcb, size);
  const bool next = seq == tcb.rcv_nxt && !tcb.paused && tcb.rcv_read == tcb.rcv_nxt;
  if (seq != tcb.rcv_nxt) acknowledge_waiting(engine, tcb);
  decide_acknowledgement(tcb, size, next && tcb.activity->store.empty());
  engine.schedule(tcb);
  if (next && tcb.activity->store.empty()) {
    hand_over(tcb, text);
    return kAccepted;
  }
  if (seq != tcb.rcv_nxt) ++tcb.out_of_order_segments;
  return next ? weave(engine, tcb, text) : store_text(engine, tcb, seq, text);
}

/// Eighth, check the FIN bit: everything before it has arrived.
void take_fin(Engine& engine, Tcb& tcb) {
  tcb.rcv_nxt = tcb.fin_seq + 1U;
  acknowledge_now(engine, tcb);
  switch (tcb.state) {
    case State::kEstablished:
      tcb.state = State::kCloseWait;
      break;
    case State::kFinWait1:
      tcb.state = State::kClosing;
      break;
    default:
      break;  // FIN-WAIT-2 goes to TIME-WAIT once the application has read what came before.
  }
  record_state(engine, tcb);
  deliver_stored(engine, tcb);
}

/// Text and FIN of an acceptable segment, cut to the window.
Verdict take_content(Engine& engine, Tcb& tcb, const Segment& segment) {
  if (!receives_data(tcb.state)) return kAccepted;
  const Seq text_seq = segment.flags.syn() ? segment.seq + 1U : segment.seq;
  base::Bytes text = segment.payload;
  Seq seq = text_seq;
  if (const std::int32_t old = tcb.rcv_nxt - seq; old > 0) {
    report_old(engine, tcb, segment);
    const std::size_t skip = std::min(static_cast<std::size_t>(old), text.size());
    text = text.subspan(skip);
    seq += static_cast<std::uint32_t>(skip);
  }
  const std::int32_t room = tcb.rcv_adv - seq;
  text = text.first(std::min(text.size(), static_cast<std::size_t>(std::max(room, 0))));
  const Seq end = text_seq + static_cast<std::uint32_t>(segment.payload.size());
  const bool whole = seq + static_cast<std::uint32_t>(text.size()) == end;
  if (segment.flags.fin() && whole && !tcb.fin_received) {
    tcb.fin_received = true;
    tcb.fin_seq = end;
    // The stream ends here, whatever else the peer has sent.
    if (!tcb.activity->store.empty()) tcb.activity->store.discard_from(engine.receive_memory, end);
  } else if (tcb.fin_received) {
    text = text.first(std::min(text.size(), static_cast<std::size_t>(std::max(tcb.fin_seq - seq, 0))));
  }
  Verdict verdict = kAccepted;
  if (!text.empty()) {
    verdict = take_text(engine, tcb, seq, text);
    if (tuning_due(tcb)) tune_receive(engine, tcb, segment);
  } else if (segment.length() > 0) {
    acknowledge_now(engine, tcb);  // All of it is old, or a FIN alone.
  }
  if (tcb.state != State::kClosed && tcb.fin_received && tcb.rcv_nxt == tcb.fin_seq) take_fin(engine, tcb);
  return verdict;
}

/// Both FINs are exchanged: the peer's is acknowledged before the connection shrinks to its TIME-WAIT.
void enter_time_wait(Engine& engine, Tcb& tcb) {
  if (tcb.ack_now || tcb.ack_delayed) send_control(engine, tcb, tcb.snd_nxt, wire::kTcpAck);
  const TimeWait entry{.snd_nxt = tcb.snd_nxt,
                       .rcv_nxt = tcb.rcv_nxt,
                       .ts_recent = tcb.ts_recent,
                       .window = static_cast<std::uint16_t>(tcb.receive_window() >> tcb.rcv_wscale),
                       .timestamps = tcb.timestamps};
  engine.finish(tcb, CloseReason::kFinished);
  const std::uint64_t hash = flow_hash(engine.keys, tcb.local, tcb.remote);
  if (!engine.time_wait.insert(engine.now, hash, tcb.local, tcb.remote, entry)) {
    engine.counters.drop(Drop::kTcpTimeWaitFull);
  }
}

/// What an acknowledged FIN of ours changes.
void settle_close(Engine& engine, Tcb& tcb) {
  if (!tcb.fin_acknowledged) return;
  if (tcb.state == State::kFinWait1) {
    tcb.state = State::kFinWait2;
    await_peers_fin(engine, tcb);
  }
  // An application that has paused reads what it was sent before the connection ends.
  if (!tcb.fin_delivered) return;
  if (tcb.state == State::kLastAck) return engine.finish(tcb, CloseReason::kFinished);
  enter_time_wait(engine, tcb);
}

}  // namespace

Verdict arrives(Engine& engine, Tcb& tcb, const Segment& segment) {
  record_arrival(engine, tcb, segment);
  ++tcb.segments_received;
  tcb.last_received = engine.now;
  if (!passes_paws(engine, tcb, segment)) return refuse_unacceptable(engine, tcb, segment, Drop::kTcpPaws);
  if (completes_crossing(tcb, segment)) {
    tcb.snd_una = segment.ack;
    acknowledge_now(engine, tcb);
    establish(engine, tcb);
    return kAccepted;
  }
  if (!acceptable(tcb, segment)) return refuse_unacceptable(engine, tcb, segment, Drop::kTcpUnacceptable);
  if (segment.flags.rst()) return check_rst(engine, tcb, segment);
  // Fourth, check the SYN bit (RFC 5961 §4.2).
  if (segment.flags.syn()) {
    challenge(engine, tcb);
    return Drop::kTcpUnacceptable;
  }
  update_ts_recent(engine, tcb, segment);
  Verdict verdict = kAccepted;
  if (!check_ack(engine, tcb, segment, verdict)) return verdict;
  follow_link(tcb, segment);
  settle_close(engine, tcb);
  if (tcb.state == State::kClosed) return kAccepted;
  if (tcb.ecn.on && !segment.payload.empty()) ecn_data_arrived(engine, tcb, segment);
  verdict = take_content(engine, tcb, segment);
  if (tcb.state != State::kClosed) settle_close(engine, tcb);
  return verdict;
}

void deliver_stored(Engine& engine, Tcb& tcb) {
  const Seq data_end = tcb.fin_received && after(tcb.rcv_nxt, tcb.fin_seq) ? tcb.fin_seq : tcb.rcv_nxt;
  while (!tcb.paused && before(tcb.rcv_read, data_end)) {
    base::Bytes bytes = tcb.activity->store.front(engine.receive_memory, tcb.rcv_read);
    bytes = bytes.first(std::min(bytes.size(), static_cast<std::size_t>(data_end - tcb.rcv_read)));
    tcb.rcv_read += static_cast<std::uint32_t>(bytes.size());
    tcb.handler->on_data(tcb, bytes);
    if (tcb.state == State::kClosed) return;
    tcb.activity->store.release_before(engine.receive_memory, tcb.rcv_read);
  }
  const bool all_read = tcb.rcv_read == data_end && data_end != tcb.rcv_nxt;
  if (!all_read || tcb.paused || tcb.fin_delivered) return;
  tcb.fin_delivered = true;
  tcb.rcv_read = tcb.rcv_nxt;
  tcb.handler->on_peer_finished(tcb);
  if (tcb.state != State::kClosed) settle_close(engine, tcb);
}

}  // namespace windhover::stack::tcp
