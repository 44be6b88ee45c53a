#include "stack/tcp/handshake.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/input.h"
#include "stack/tcp/output.h"
#include "stack/tcp/peer_syn.h"
#include "stack/tcp/record.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;

/// The round trip of the handshake is the first sample, unless a SYN was sent twice (Karn). One that was sent three
/// times tells of a path that loses.
void sample_handshake(const Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (activity.recovery.timeouts == 0) {
    tcb.rtt.sample(engine.rto_bounds, engine.now - tcb.last_sent);
  } else if (!tcb.passive) {
    tcb.rtt.handshake_timed_out(engine.rto_bounds);
  }
  if (activity.recovery.timeouts > 1) activity.congestion.begin_small();
  activity.recovery.timeouts = 0;
}

std::optional<std::uint16_t> free_port(Engine& engine, const wire::Address& local, const Endpoint& remote) {
  constexpr std::uint16_t kFirst = 32768;
  constexpr std::uint16_t kLast = 60999;
  for (std::uint32_t tries = 0; tries <= kLast - kFirst; ++tries) {
    const std::uint16_t port = engine.next_port;
    engine.next_port = port == kLast ? kFirst : static_cast<std::uint16_t>(port + 1);
    const Endpoint candidate{local, port};
    const std::uint64_t hash = flow_hash(engine.keys, candidate, remote);
    if (engine.flows.find(hash, candidate, remote) == nullptr &&
        engine.time_wait.find(hash, candidate, remote) == nullptr &&
        engine.syns.find(hash, candidate, remote) == nullptr) {
      return port;
    }
  }
  return std::nullopt;
}

}  // namespace

bool establish(Engine& engine, Tcb& tcb) {
  tcb.state = tcb.fin_queued ? State::kFinWait1 : State::kEstablished;
  tcb.syn_acknowledged = true;
  record_state(engine, tcb);
  disarm(tcb, Deadline::kRetransmit);
  sample_handshake(engine, tcb);
  path_open(engine, tcb);
  restart_keep_alive(engine, tcb);
  engine.counters.count(base::Event::kTcpEstablished);
  if (tcb.handler == nullptr) {
    // The acceptor may have gone with its listener since the SYN.
    const Listener* const listener = engine.find_listener(tcb.local);
    if (listener != nullptr) tcb.handler = listener->acceptor->accept(tcb);
  }
  if (tcb.handler == nullptr) {
    engine.counters.drop(Drop::kTcpRefused);
    tcb.abort();
    return false;
  }
  engine.schedule(tcb);
  tcb.handler->on_established(tcb);
  return tcb.state != State::kClosed;
}

Verdict arrives_in_syn_sent(Engine& engine, Tcb& tcb, const Segment& segment) {
  record_arrival(engine, tcb, segment);
  const wire::TcpFlags flags = segment.flags;
  // First, check the ACK bit; second, the RST bit.
  const bool acceptable = flags.ack() && segment.ack == tcb.snd_nxt;
  if (flags.ack() && !acceptable) {
    send_reset(engine, segment);
    return Drop::kTcpBadAck;
  }
  if (flags.rst()) {
    if (!acceptable) return Drop::kTcpUnacceptable;
    engine.finish(tcb, CloseReason::kRefused);
    return kAccepted;
  }
  // Fourth, check the SYN bit.
  if (!flags.syn() || flags.fin()) return Drop::kTcpBadFlags;
  const bool asked_ecn = engine.config.ecn == EcnMode::kAsk && tcb.activity->recovery.timeouts == 0;
  apply_syn(engine, tcb, read_syn(engine, segment, asked_ecn));
  tcb.snd_wnd = segment.window;  // A SYN's window is never scaled (RFC 7323 §2.2).
  tcb.max_snd_wnd = segment.window;
  tcb.snd_wl1 = segment.seq;
  tcb.snd_wl2 = segment.ack;
  tcb.rcv_adv = tcb.rcv_nxt + first_window(engine.config);
  if (!acceptable) {
    // Simultaneous open.
    tcb.state = State::kSynReceived;
    send_syn(engine, tcb);
    return kAccepted;
  }
  tcb.snd_una = segment.ack;
  tcb.ack_now = true;
  establish(engine, tcb);
  return kAccepted;
}

Tcb* open_actively(Engine& engine, const Endpoint& remote, Handler& handler) {
  const auto route = engine.ip.route(remote.address);
  if (!route) return nullptr;
  const auto port = free_port(engine, route->source, remote);
  if (!port) return nullptr;
  Tcb* const tcb = engine.open({route->source, *port}, remote, *route);
  if (tcb == nullptr) return nullptr;
  tcb->handler = &handler;
  tcb->state = State::kSynSent;
  tcb->iss = initial_sequence(engine.keys, engine.now, tcb->local, tcb->remote);
  tcb->snd_una = tcb->iss;
  tcb->snd_nxt = tcb->iss + 1U;
  tcb->ts_offset = timestamp_offset(engine.keys, tcb->local, tcb->remote);
  tcb->rcv_wscale = window_scale_for(engine.config.receive_window);
  engine.counters.count(base::Event::kTcpActiveOpens);
  send_syn(engine, *tcb);
  return tcb;
}

}  // namespace windhover::stack::tcp
