// The verbs of the application contract, as TCP answers them.

#include <algorithm>
#include <utility>

#include "stack/tcp/closing.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/record.h"
#include "stack/tcp/tcb.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

/// Something is to be sent, and every connection that is awake is busy: Engine::offer_memory() comes back to it.
void wait_for_activity(Engine& engine, Tcb& tcb) {
  engine.counters.count(base::Event::kTcpWakeRefused);
  engine.short_of_memory.push(tcb);
}

/// What Info says of a connection that is awake.
void add_activity(Info& info, const Activity& activity) {
  const Flight& flight = activity.flight;
  info.ca_state = name(activity.recovery.phase);
  info.snd_cwnd = activity.congestion.cwnd();
  info.snd_ssthresh = activity.congestion.ssthresh();
  info.notsent = activity.queue.size() - std::min<std::uint64_t>(activity.queue.size(), flight.size());
  info.unacked = flight.size();
  info.sacked = flight.sacked();
  info.lost = flight.lost();
  info.timeouts = activity.recovery.timeouts;
  info.reordering_seen = activity.recovery.reordering_seen;
  info.delivered += flight.sacked();
  info.rcv_waiting = activity.store.blocks();
}

}  // namespace

Tcb::Tcb(Engine& engine_in, const Endpoint& local_in, const Endpoint& remote_in, const ip::Route& route_in,
         std::uint32_t mss)
    : engine(engine_in), snd_mss(mss), rtt(engine_in.rto_bounds), route(route_in), local(local_in), remote(remote_in) {
  deadlines.fill(base::kNever);
  last_received = last_data_received = last_sent = engine.now;
  user_timeout = engine.config.user_timeout;
}

std::size_t Tcb::send(base::Bytes bytes) {
  if (!accepts_send(state) || fin_queued) return 0;
  if (!engine.wake(*this)) {
    wait_for_activity(engine, *this);
    sendable_wanted = true;
    return 0;
  }
  SendQueue& queue = activity->queue;
  const std::uint64_t space = send_space(engine, *this);
  const std::uint64_t room = space - std::min(queue.copied(), space);
  const std::size_t taken = queue.append(engine.send_memory, bytes.first(std::min<std::uint64_t>(bytes.size(), room)));
  if (taken < bytes.size()) sendable_wanted = true;
  if (taken < std::min<std::uint64_t>(bytes.size(), room)) engine.short_of_memory.push(*this);
  if (taken > 0) engine.schedule(*this);
  return taken;
}

bool Tcb::send(base::Slice slice) {
  if (!accepts_send(state) || fin_queued) return false;
  if (!engine.wake(*this)) {
    wait_for_activity(engine, *this);
    sendable_wanted = true;
    return false;
  }
  if (!activity->queue.append(engine.send_memory, std::move(slice))) {
    sendable_wanted = true;
    engine.short_of_memory.push(*this);
    return false;
  }
  engine.schedule(*this);
  return true;
}

void Tcb::cork(bool corked_in) {
  corked = corked_in;
  if (!corked && activity != nullptr && is_synchronized(state)) engine.schedule(*this);
}

std::size_t Tcb::unacknowledged() const {
  return activity == nullptr ? 0 : static_cast<std::size_t>(activity->queue.size());
}

void Tcb::shutdown() {
  switch (state) {
    case State::kSynSent:
      return engine.finish(*this, CloseReason::kAborted);
    case State::kSynReceived:
      break;  // FIN-WAIT-1 follows the handshake.
    case State::kEstablished:
      state = State::kFinWait1;
      break;
    case State::kCloseWait:
      state = State::kLastAck;
      break;
    default:
      return;
  }
  fin_queued = true;
  corked = false;
  record_state(engine, *this);
  if (!engine.wake(*this)) return wait_for_activity(engine, *this);
  engine.schedule(*this);
}

void Tcb::abort() {
  if (state != State::kClosed) reset(engine, *this, CloseReason::kAborted);
}

void Tcb::close(base::Duration linger) {
  if (state != State::kClosed && closing == nullptr) begin_close(engine, *this, linger);
}

void Tcb::set_user_timeout(base::Duration timeout) {
  CHECK(timeout >= base::Duration::zero());
  user_timeout = timeout;
}

void Tcb::pause_reading() { paused = closing == nullptr; }

void Tcb::resume_reading() {
  if (state == State::kClosed) return;
  paused = false;
  if (activity == nullptr) return;  // Nothing waits in sleep.
  activity->deliver_pending = true;
  engine.schedule(*this);
}

void Tcb::set_timer(base::Instant at) {
  if (state != State::kClosed && closing == nullptr) arm(engine, *this, Deadline::kApplication, at);
}

base::Instant Tcb::now() const { return engine.now; }

Info Tcb::info() const {
  constexpr std::uint32_t kIpv4Header = 20;
  constexpr std::uint32_t kIpv6Header = 40;
  Info info;
  info.local = local;
  info.remote = remote;
  info.state = name(state);
  info.congestion_control = engine.config.congestion_control == CongestionControl::kCubic ? "cubic" : "newreno";
  info.ca_state = name(Recovery::Phase::kOpen);
  info.timestamps = timestamps;
  info.sack = sack;
  info.window_scaling = window_scaling;
  info.ecn = ecn.on;
  info.snd_wscale = snd_wscale;
  info.rcv_wscale = rcv_wscale;
  info.snd_mss = snd_mss;
  info.rcv_mss = rcv_mss;
  info.pmtu = engine.ip.transport_mtu(remote.address) + (remote.address.is_v4() ? kIpv4Header : kIpv6Header);
  info.snd_cwnd = cwnd;
  info.snd_ssthresh = ssthresh;
  info.snd_wnd = snd_wnd;
  info.snd_space = send_space(engine, *this);
  info.probes = probes;
  info.dsack_dups = dsacks_received;
  info.bytes_sent = bytes_sent;
  info.bytes_acked = bytes_acked;
  info.delivered = bytes_acked;
  info.segments_sent = segments_sent;
  info.retransmitted = retransmitted;
  info.rcv_wnd = receive_window();
  info.rcv_space = rcv_space;
  info.rcv_rtt = rcv_rtt;
  info.rcv_ooopack = out_of_order_segments;
  info.bytes_received = bytes_received;
  info.segments_received = segments_received;
  info.srtt = rtt.srtt();
  info.rttvar = rtt.rttvar();
  info.min_rtt = rtt.min_rtt();
  info.rto = rtt.rto();
  info.last_data_sent = engine.now - last_sent;
  info.last_data_received = engine.now - last_data_received;
  info.last_received = engine.now - last_received;
  if (activity != nullptr) add_activity(info, *activity);
  return info;
}

void Tcb::flight_record(Recording& recording) const { engine.recorder.read(*this, recording); }

}  // namespace windhover::stack::tcp
