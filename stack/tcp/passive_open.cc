#include "stack/tcp/passive_open.h"

#include <algorithm>
#include <optional>

#include "stack/tcp/engine.h"
#include "stack/tcp/handshake.h"
#include "stack/tcp/input.h"
#include "stack/tcp/output.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;
using wire::Seq;

/// How far beyond an earlier connection's numbers the next one begins: more than an unscaled window, as Linux.
constexpr std::uint32_t kIncarnationGap = 0x10000;

/// Answers to one peer's segments between two of our own retransmissions: an honest one repeats its SYN as rarely as we
/// our SYN-ACK.
constexpr std::uint8_t kAnswersMax = 2;

/// Where a SYN-ACK goes, and the numbers of its own.
struct SynAck {
  Endpoint local;
  Endpoint remote;
  wire::MacAddress link;
  Seq iss{};
  std::uint32_t ts_value = 0;
};

void send_syn_ack(Engine& engine, const SynAck& answer, const PeerSyn& syn) {
  wire::TcpOptions options;
  options.mss = static_cast<std::uint16_t>(engine.path_mss(answer.remote.address));
  // Only what the peer offered (RFC 7323 §2.2, RFC 2018 §2).
  options.sack_permitted = syn.sack;
  if (syn.timestamps) options.timestamps = {answer.ts_value, syn.ts_recent};
  if (syn.scales()) options.window_scale = window_scale_for(engine.config.receive_window);
  send_bare(engine, {.local = answer.local,
                     .remote = answer.remote,
                     .heard_from = answer.link,
                     .seq = answer.iss,
                     .ack = syn.irs + 1U,
                     .flags = syn.ecn ? wire::kTcpSyn | wire::kTcpAck | wire::kTcpEce : wire::kTcpSyn | wire::kTcpAck,
                     .window = first_window(engine.config),
                     .options = options});
}

void send_syn_ack(Engine& engine, const SynObject& object) {
  const Endpoint local = engine.syns.local_of(object);
  const Endpoint remote = object.remote();
  const std::uint32_t stamp = object.timestamps ? timestamp(engine, timestamp_offset(engine.keys, local, remote)) : 0;
  send_syn_ack(engine, {local, remote, object.link, object.iss, stamp}, object.peer());
}

/// The SYN-ACK of a connection of which nothing is kept.
void send_cookie(Engine& engine, std::uint64_t hash, const Segment& segment, PeerSyn syn) {
  const Seq iss = engine.cookies.make(engine.now, hash, syn);
  const std::uint32_t stamp = SynCookies::encode_options(timestamp(engine, 0), syn) +
                              timestamp_offset(engine.keys, segment.local, segment.remote);
  engine.counters.count(base::Event::kTcpCookiesSent);
  send_syn_ack(engine, {segment.local, segment.remote, segment.link_source, iss, stamp}, syn);
}

/// Whether one connection more may be made for this peer, and if not, why.
Verdict refuse_connection(const Engine& engine, const Endpoint& remote) {
  if (engine.stopping || engine.pool.size() == engine.pool.capacity()) return Drop::kTcpTableFull;
  if (!engine.sources.admits(remote.address)) return Drop::kTcpSourceFull;
  return kAccepted;
}

/// The same for one that exists at once, and is busy at first.
Verdict refuse_completion(Engine& engine, const Endpoint& remote) {
  if (const Verdict refusal = refuse_connection(engine, remote)) return refusal;
  return engine.make_room() ? kAccepted : Verdict(Drop::kTcpActiveFull);
}

Verdict take_syn(Engine& engine, Listener& listener, std::uint64_t hash, const Segment& segment, TimeWait* previous) {
  // Nobody is promised what could not be kept: as with an accept queue that is full, the peer tries again.
  if (const Verdict refusal = refuse_connection(engine, segment.remote)) return refusal;
  if (engine.budget.pressure() == Pressure::kTight) return Drop::kTcpMemoryShort;
  if (!engine.ip.route(segment.remote.address, segment.local.address, segment.link_source)) {
    engine.counters.drop(Drop::kNoRoute);
    return kAccepted;
  }
  const PeerSyn syn = read_syn(engine, segment);
  Seq iss = initial_sequence(engine.keys, engine.now, segment.local, segment.remote);
  // A fast connection runs ahead of the clock: 250 KB a second.
  if (previous != nullptr && !after(iss, previous->snd_nxt)) iss = previous->snd_nxt + kIncarnationGap;
  SynObject* object = nullptr;
  // Who waits for a TIME-WAIT to give way has been here before, and is not part of a flood.
  if (listener.half_open < engine.config.backlog || previous != nullptr) {
    object = engine.syns.insert(engine.now, hash, segment.local, segment.remote, syn, iss, segment.link_source);
  }
  if (object == nullptr) {
    // A cookie's number cannot be placed beyond an earlier connection's: whoever waits for that tries again.
    if (!engine.config.syn_cookies || previous != nullptr) return Drop::kTcpBacklogFull;
    send_cookie(engine, hash, segment, syn);
    return kAccepted;
  }
  if (previous != nullptr) engine.time_wait.erase(*previous);
  ++listener.half_open;
  engine.counters.count(base::Event::kTcpPassiveOpens);
  send_syn_ack(engine, *object);
  return kAccepted;
}

void forget(Engine& engine, SynObject& object) {
  Listener* const listener = engine.find_listener(engine.syns.local_of(object));
  if (listener != nullptr && listener->half_open > 0) --listener->half_open;
  engine.syns.erase(object);
}

/// The connection that `segment` completes, in SYN-RECEIVED for as long as it takes that segment to arrive there;
/// nullptr, counted, when there is no way to the peer. Precondition: refuse_completion() does not.
Tcb* make_connection(Engine& engine, const Segment& segment, const PeerSyn& syn) {
  const auto route = engine.ip.route(segment.remote.address, segment.local.address, segment.link_source);
  if (!route) {
    engine.counters.drop(Drop::kNoRoute);
    return nullptr;
  }
  Tcb* const tcb = engine.open(segment.local, segment.remote, *route);
  CHECK(tcb != nullptr);
  engine.at_work = tcb->activity;
  engine.sources.add(segment.remote.address);
  tcb->passive = true;
  tcb->state = State::kSynReceived;
  tcb->iss = segment.ack - 1U;
  tcb->snd_una = tcb->iss;
  tcb->snd_nxt = segment.ack;
  tcb->ts_offset = timestamp_offset(engine.keys, segment.local, segment.remote);
  apply_syn(engine, *tcb, syn);
  tcb->rcv_adv = tcb->rcv_nxt + first_window(engine.config);
  return tcb;
}

Verdict complete(Engine& engine, Tcb& tcb, const Segment& segment) {
  const Verdict verdict = arrives(engine, tcb, segment);
  CHECK(tcb.state != State::kSynReceived);
  return verdict;
}

/// The acknowledgement of a cookie, or of nothing that we ever sent.
Verdict take_cookie(Engine& engine, std::uint64_t hash, const Segment& segment) {
  std::optional<std::uint32_t> echo;
  if (segment.options.timestamps && engine.config.timestamps) {
    echo = segment.options.timestamps->echo - timestamp_offset(engine.keys, segment.local, segment.remote);
  }
  PeerSyn syn;
  const Verdict refusal = engine.cookies.check(engine.now, hash, segment, echo, syn);
  if (refusal) {
    send_reset(engine, segment);
    return refusal;
  }
  if (const Verdict full = refuse_completion(engine, segment.remote)) return full;
  syn.mss = static_cast<std::uint16_t>(std::min<std::uint32_t>(syn.mss, engine.path_mss(segment.remote.address)));
  Tcb* const tcb = make_connection(engine, segment, syn);
  if (tcb == nullptr) return kAccepted;
  engine.cookies.spend(hash, segment, syn);
  engine.counters.count(base::Event::kTcpPassiveOpens);
  engine.counters.count(base::Event::kTcpCookiesAccepted);
  tcb->activity->recovery.timeouts = 1;  // Nobody knows when the SYN-ACK left: no round trip can be read from it.
  return complete(engine, *tcb, segment);
}

/// Whether one more of this peer's segments may be answered before the next timeout.
bool may_answer(Engine& engine, const SynObject& object) {
  if (object.answers < kAnswersMax) return true;
  engine.counters.count(base::Event::kTcpAnswersLimited);
  return false;
}

/// Tells a peer where we are (RFC 9293 §3.10.7.4, RFC 5961 §3.2, §4.2).
void challenge(Engine& engine, SynObject& object, const Segment& segment) {
  if (!may_answer(engine, object) || !engine.may_challenge()) return;
  ++object.answers;
  wire::TcpOptions options;
  if (object.timestamps) {
    options.timestamps = {timestamp(engine, timestamp_offset(engine.keys, segment.local, segment.remote)),
                          object.ts_recent};
  }
  send_bare(engine, {.local = segment.local,
                     .remote = segment.remote,
                     .heard_from = segment.link_source,
                     .seq = object.iss + 1U,
                     .ack = object.irs + 1U,
                     .flags = wire::kTcpAck,
                     .window = static_cast<std::uint16_t>(
                         first_window(engine.config) >>
                         (object.wscale == PeerSyn::kNoScaling ? 0 : window_scale_for(engine.config.receive_window))),
                     .options = options});
}

/// Our SYN-ACK was lost, or is late.
void repeat_syn_ack(Engine& engine, SynObject& object, const Segment& segment) {
  if (!may_answer(engine, object)) return;
  ++object.answers;
  object.link = segment.link_source;
  object.ecn = object.ecn && is_ecn_setup_syn(segment.flags);
  if (object.timestamps && segment.options.timestamps) object.ts_recent = segment.options.timestamps->value;
  engine.syns.sent_again(engine.now, object);
  engine.counters.count(base::Event::kTcpRetransmitted);
  send_syn_ack(engine, object);
}

/// The checks of RFC 9293 §3.10.7.4 for SYN-RECEIVED, up to the acknowledgement; kAccepted when it may complete.
Verdict check_half_open(Engine& engine, SynObject& object, const Segment& segment) {
  const wire::TcpFlags flags = segment.flags;
  const Seq rcv_nxt = object.irs + 1U;
  if (object.timestamps && !flags.rst()) {
    if (!segment.options.timestamps) return Drop::kTcpPaws;  // RFC 7323 §3.2: in silence.
    if (static_cast<std::int32_t>(segment.options.timestamps->value - object.ts_recent) < 0) {
      challenge(engine, object, segment);
      return Drop::kTcpPaws;
    }
  }
  const std::uint32_t window = first_window(engine.config);
  const std::uint32_t length = segment.length();
  const bool acceptable =
      in_window(segment.seq, rcv_nxt, window) || (length > 0 && in_window(segment.seq + (length - 1), rcv_nxt, window));
  if (flags.rst() && segment.seq == rcv_nxt) return kAccepted;
  if (flags.rst() && !acceptable) return Drop::kTcpUnacceptable;
  if (flags.rst() || flags.syn() || !acceptable) {
    challenge(engine, object, segment);
    return Drop::kTcpUnacceptable;
  }
  if (!flags.ack()) return Drop::kTcpBadFlags;
  if (segment.ack != object.iss + 1U) {
    send_reset(engine, segment);
    return Drop::kTcpBadAck;
  }
  return kAccepted;
}

}  // namespace

Verdict arrives_at_listener(Engine& engine, Listener& listener, std::uint64_t hash, const Segment& segment,
                            TimeWait* previous) {
  const wire::TcpFlags flags = segment.flags;
  if (flags.rst()) return Drop::kTcpNoConnection;
  if (flags.ack()) {
    if (!flags.syn() && engine.cookies.expecting(engine.now)) return take_cookie(engine, hash, segment);
    send_reset(engine, segment);
    return Drop::kTcpNoConnection;
  }
  if (!flags.syn() || flags.fin()) return Drop::kTcpBadFlags;
  return take_syn(engine, listener, hash, segment, previous);
}

Verdict arrives_half_open(Engine& engine, SynObject& object, const Segment& segment) {
  const wire::TcpFlags flags = segment.flags;
  if (flags.syn() && !flags.ack() && !flags.rst() && segment.seq == object.irs) {
    repeat_syn_ack(engine, object, segment);
    return kAccepted;
  }
  if (const Verdict refusal = check_half_open(engine, object, segment)) return refusal;
  if (flags.rst()) {
    engine.closed[static_cast<std::size_t>(CloseReason::kPeerReset)].add();
    forget(engine, object);
    return kAccepted;
  }
  if (const Verdict full = refuse_completion(engine, segment.remote)) return full;
  const PeerSyn syn = object.peer();
  Tcb* const tcb = make_connection(engine, segment, syn);
  if (tcb == nullptr) return kAccepted;
  tcb->last_sent = engine.now - engine.syns.since_sent(engine.now, object);
  tcb->activity->recovery.timeouts = object.resent ? std::max<std::uint8_t>(object.timeouts, 1) : 0;
  if (object.timeouts > 0) tcb->rtt.handshake_timed_out(engine.rto_bounds);
  forget(engine, object);
  return complete(engine, *tcb, segment);
}

void retransmit_syn_acks(Engine& engine) {
  bool given_up = false;
  for (std::size_t count = 0; count < link::kBurstMax && engine.ip.queued() < link::kBurstMax; ++count) {
    SynObject* const object = engine.syns.take_expired(engine.now, given_up);
    if (object == nullptr) return;
    if (given_up) {
      engine.closed[static_cast<std::size_t>(CloseReason::kHandshakeTimedOut)].add();
      forget(engine, *object);
    } else {
      engine.counters.count(base::Event::kTcpRetransmitted);
      send_syn_ack(engine, *object);
    }
  }
}

void forget_half_open(Engine& engine, const Listener& listener) {
  engine.syns.erase_if([&](const Endpoint& local) { return engine.find_listener(local) == &listener; });
}

}  // namespace windhover::stack::tcp
