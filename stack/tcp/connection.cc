// The verbs of the application contract, as TCP answers them.

#include <algorithm>
#include <utility>

#include "stack/tcp/closing.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/tcb.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {

Tcb::Tcb(Engine& engine_in, const Endpoint& local_in, const Endpoint& remote_in, const ip::Route& route_in,
         std::uint32_t mss)
    : engine(engine_in),
      local(local_in),
      remote(remote_in),
      route(route_in),
      snd_mss(mss),
      rtt(engine_in.config),
      congestion(engine_in.config.congestion_control, mss, engine_in.config.initial_window) {
  timer.owner = this;
  deadlines.fill(base::kNever);
  last_received = engine.now;
  last_answered = engine.now - kAnswerInterval;
  user_timeout = engine.config.user_timeout;
}

std::size_t Tcb::send(base::Bytes bytes) {
  if (!accepts_send(state) || fin_queued) return 0;
  const std::uint64_t room =
      engine.config.send_buffer - std::min<std::uint64_t>(queue.copied(), engine.config.send_buffer);
  const std::size_t taken = queue.append(engine.send_memory, bytes.first(std::min<std::uint64_t>(bytes.size(), room)));
  if (taken < bytes.size()) sendable_wanted = true;
  if (taken < std::min<std::uint64_t>(bytes.size(), room)) engine.short_of_memory.push(*this);
  if (taken > 0) engine.schedule(*this);
  return taken;
}

bool Tcb::send(base::Slice slice) {
  if (!accepts_send(state) || fin_queued) return false;
  if (!queue.append(engine.send_memory, std::move(slice))) {
    sendable_wanted = true;
    engine.short_of_memory.push(*this);
    return false;
  }
  engine.schedule(*this);
  return true;
}

void Tcb::cork(bool corked_in) {
  corked = corked_in;
  if (!corked && is_synchronized(state)) engine.schedule(*this);
}

std::size_t Tcb::unacknowledged() const { return static_cast<std::size_t>(queue.size()); }

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
  deliver_pending = true;
  engine.schedule(*this);
}

void Tcb::set_timer(base::Instant at) {
  if (state != State::kClosed && closing == nullptr) arm(engine, *this, Deadline::kApplication, at);
}

base::Instant Tcb::now() const { return engine.now; }

Info Tcb::info() const {
  return {.local = local,
          .remote = remote,
          .state = name(state),
          .snd_mss = snd_mss,
          .rcv_mss = rcv_mss,
          .snd_cwnd = congestion.cwnd(),
          .snd_ssthresh = congestion.ssthresh(),
          .snd_wnd = snd_wnd,
          .rcv_wnd = receive_window(),
          .srtt = rtt.srtt(),
          .rttvar = rtt.rttvar(),
          .rto = rtt.rto(),
          .bytes_sent = bytes_sent,
          .bytes_acked = bytes_acked,
          .bytes_received = bytes_received,
          .segments_sent = segments_sent,
          .segments_received = segments_received,
          .retransmitted = retransmitted};
}

}  // namespace windhover::stack::tcp
