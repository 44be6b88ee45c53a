#include "stack/tcp/handshake.h"

#include <algorithm>

#include "stack/tcp/engine.h"
#include "stack/tcp/input.h"
#include "stack/tcp/output.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;

/// The least MSS that we believe: below it a peer would make us send mostly headers.
constexpr std::uint16_t kMssMin = 88;
constexpr std::uint16_t kMssDefault = 536;  // RFC 9293 MUST-15.
constexpr std::uint16_t kMssDefaultV6 = 1220;
/// Acknowledgements sent at once when a connection is young, so that the peer's window opens quickly.
constexpr std::uint8_t kQuickAcks = 16;
/// How far beyond an earlier connection's numbers the next one begins: more than an unscaled window, as Linux.
constexpr std::uint32_t kIncarnationGap = 0x10000;

std::uint8_t window_scale_for(std::uint32_t window) {
  std::uint8_t shift = 0;
  while (shift < wire::TcpOptions::kWindowScaleMax && (window >> shift) > 0xffff) ++shift;
  return shift;
}

/// What a peer's SYN settles: its sequence number, MSS, window scale, timestamps, SACK.
void learn_from_syn(Engine& engine, Tcb& tcb, const Segment& segment) {
  const wire::TcpOptions& options = segment.options;
  tcb.irs = segment.seq;
  tcb.rcv_nxt = segment.seq + 1U;
  tcb.rcv_read = tcb.rcv_nxt;
  tcb.last_ack_sent = tcb.rcv_nxt;
  const std::uint16_t fallback = tcb.remote.address.is_v4() ? kMssDefault : kMssDefaultV6;
  const std::uint32_t ours = engine.path_mss(tcb.remote.address);
  tcb.snd_mss = std::min<std::uint32_t>(std::max(options.mss.value_or(fallback), kMssMin), ours);
  tcb.sack = engine.config.sack && options.sack_permitted;
  tcb.timestamps = engine.config.timestamps && options.timestamps.has_value();
  if (tcb.timestamps) {
    tcb.ts_recent = options.timestamps->value;
    tcb.ts_recent_at = engine.now;
  }
  const bool asked = engine.config.ecn == EcnMode::kAsk && tcb.state == State::kSynSent && tcb.recovery.timeouts == 0;
  tcb.ecn.on = ecn_agreed(engine.config.ecn, segment.flags, asked);
  tcb.window_scaling = options.window_scale.has_value();
  if (tcb.window_scaling) {
    tcb.snd_wscale = *options.window_scale;
    tcb.rcv_wscale = window_scale_for(engine.config.receive_window);
  } else {
    tcb.snd_wscale = tcb.rcv_wscale = 0;
  }
  tcb.snd_wnd = segment.window;  // A SYN's window is never scaled (RFC 7323 §2.2).
  tcb.max_snd_wnd = segment.window;
  tcb.snd_wl1 = segment.seq;
  tcb.snd_wl2 = segment.ack;
  tcb.congestion.set_mss(tcb.segment_payload(), engine.config.initial_window);
  tcb.quick_acks = kQuickAcks;
}

void choose_initial_sequence(Engine& engine, Tcb& tcb, const std::optional<wire::Seq>& previous_end) {
  tcb.iss = initial_sequence(engine.keys, engine.now, tcb.local, tcb.remote);
  // A fast connection runs ahead of the clock: 250 KB a second.
  if (previous_end && !after(tcb.iss, *previous_end)) tcb.iss = *previous_end + kIncarnationGap;
  tcb.snd_una = tcb.iss;
  tcb.snd_nxt = tcb.iss + 1U;
  tcb.ts_offset = timestamp_offset(engine.keys, tcb.local, tcb.remote);
}

/// The round trip of the handshake is the first sample, unless a SYN was sent twice (Karn).
void sample_handshake(const Engine& engine, Tcb& tcb) {
  if (tcb.recovery.timeouts == 0) tcb.rtt.sample(engine.now - tcb.last_sent);
  tcb.recovery.timeouts = 0;
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
        engine.time_wait.find(hash, candidate, remote) == nullptr) {
      return port;
    }
  }
  return std::nullopt;
}

}  // namespace

Verdict arrives_at_listener(Engine& engine, Listener& listener, const Segment& segment,
                            const std::optional<wire::Seq>& previous_end) {
  const wire::TcpFlags flags = segment.flags;
  if (flags.rst()) return Drop::kTcpNoConnection;
  if (flags.ack()) {
    send_reset(engine, segment);
    return Drop::kTcpNoConnection;
  }
  if (!flags.syn() || flags.fin()) return Drop::kTcpBadFlags;
  if (listener.half_open >= engine.config.backlog) return Drop::kTcpBacklogFull;
  const auto route = engine.ip.route(segment.remote.address, segment.local.address, segment.link_source);
  if (!route) {
    engine.counters.drop(Drop::kNoRoute);
    return kAccepted;
  }
  Tcb* const tcb = engine.open(segment.local, segment.remote, *route);
  if (tcb == nullptr) return Drop::kTcpTableFull;
  tcb->passive = true;
  tcb->state = State::kSynReceived;
  ++listener.half_open;
  choose_initial_sequence(engine, *tcb, previous_end);
  learn_from_syn(engine, *tcb, segment);
  engine.counters.count(base::Event::kTcpPassiveOpens);
  send_syn(engine, *tcb);
  return kAccepted;
}

bool establish(Engine& engine, Tcb& tcb) {
  engine.leave_half_open(tcb);
  tcb.state = tcb.fin_queued ? State::kFinWait1 : State::kEstablished;
  tcb.syn_acknowledged = true;
  disarm(tcb, Deadline::kRetransmit);
  sample_handshake(engine, tcb);
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
  learn_from_syn(engine, tcb, segment);
  tcb.rcv_adv = tcb.rcv_nxt + std::min<std::uint32_t>(engine.config.receive_window, 0xffff);
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
  choose_initial_sequence(engine, *tcb, std::nullopt);
  tcb->rcv_wscale = window_scale_for(engine.config.receive_window);
  engine.counters.count(base::Event::kTcpActiveOpens);
  send_syn(engine, *tcb);
  return tcb;
}

}  // namespace windhover::stack::tcp
