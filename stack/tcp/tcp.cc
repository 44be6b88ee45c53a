#include "stack/tcp/tcp.h"

#include <algorithm>

#include "stack/base/setup_error.h"
#include "stack/tcp/closing.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/handshake.h"
#include "stack/tcp/input.h"
#include "stack/tcp/output.h"
#include "stack/tcp/passive_open.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

using base::Drop;

/// How soon to try again when the arena had no frame: the device gives some back meanwhile.
constexpr base::Duration kStarvedRetry = std::chrono::milliseconds(1);

void acknowledge_time_wait(Engine& engine, const TimeWait& entry, const Segment& segment) {
  wire::TcpOptions options;
  if (entry.timestamps) {
    options.timestamps = {timestamp(engine, timestamp_offset(engine.keys, segment.local, segment.remote)),
                          entry.ts_recent};
  }
  send_bare(engine, {.local = segment.local,
                     .remote = segment.remote,
                     .heard_from = segment.link_source,
                     .seq = entry.snd_nxt,
                     .ack = entry.rcv_nxt,
                     .flags = wire::kTcpAck,
                     .window = entry.window,
                     .options = options});
}

/// RFC 6191: whether a SYN is of a new incarnation for certain.
bool may_reuse(const Engine& engine, const TimeWait& entry, const Segment& segment) {
  const bool newer_number = after(segment.seq, entry.rcv_nxt);
  if (!segment.options.timestamps || !engine.config.timestamps) return newer_number;
  if (!entry.timestamps) return true;
  const auto newer_stamp = static_cast<std::int32_t>(segment.options.timestamps->value - entry.ts_recent);
  return newer_stamp > 0 || (newer_stamp == 0 && newer_number);
}

/// RFC 9293 §3.10.7.4 for TIME-WAIT, RFC 1337 for RST. True when a SYN may open anew.
bool arrives_in_time_wait(Engine& engine, TimeWait& entry, const Segment& segment) {
  if (segment.flags.rst()) return false;
  const bool syn = segment.flags.syn();
  if (syn && !segment.flags.ack() && may_reuse(engine, entry, segment)) return true;
  if (segment.flags.fin()) engine.time_wait.restart(engine.now, entry);
  // Only what is not simply the last acknowledgement is answered: two TIME-WAITs must not talk to each other.
  if (segment.length() == 0 && segment.seq == entry.rcv_nxt) return false;
  if (segment.length() == 0 || syn) {
    if (!engine.time_wait.may_answer(engine.now, entry)) {
      engine.counters.count(base::Event::kTcpAnswersLimited);
      return false;
    }
  }
  acknowledge_time_wait(engine, entry, segment);
  return false;
}

/// A segment that belongs to no connection: TIME-WAIT, a half-open connection, a listener, or nobody.
Verdict arrives_unconnected(Engine& engine, std::uint64_t hash, const Segment& segment) {
  TimeWait* const previous = engine.time_wait.find(hash, segment.local, segment.remote);
  if (previous != nullptr) {
    if (!arrives_in_time_wait(engine, *previous, segment)) return kAccepted;
  } else if (SynObject* const object = engine.syns.find(hash, segment.local, segment.remote); object != nullptr) {
    return arrives_half_open(engine, *object, segment);
  }
  Listener* const listener = engine.find_listener(segment.local);
  if (listener != nullptr) return arrives_at_listener(engine, *listener, hash, segment, previous);
  send_reset(engine, segment);
  return Drop::kTcpNoConnection;
}

/// Finds whom the segment is for, and lets it arrive there.
Verdict arrives_at(Engine& engine, const Segment& segment) {
  const std::uint64_t hash = flow_hash(engine.keys, segment.local, segment.remote);
  Tcb* const tcb = engine.flows.find(hash, segment.local, segment.remote);
  if (tcb == nullptr) return arrives_unconnected(engine, hash, segment);
  if (!engine.wake(*tcb)) return Drop::kTcpActiveFull;
  engine.at_work = tcb->activity;
  if (tcb->state == State::kSynSent) return arrives_in_syn_sent(engine, *tcb, segment);
  return arrives(engine, *tcb, segment);
}

}  // namespace

Tcp::Tcp(base::Instant now, const Config& config, const Keys& keys, const link::Caps& caps, link::FrameArena& arena,
         ip::Ip& ip, base::Counters& counters)
    : engine_(std::make_unique<Engine>(now, config, keys, caps, arena, ip, counters)) {}

Tcp::~Tcp() { stop(engine_->now); }

void Tcp::listen(const Endpoint& local, Acceptor& acceptor) {
  const bool taken = std::any_of(engine_->listeners.begin(), engine_->listeners.end(), [&](const Listener& other) {
    if (other.local.port != local.port) return false;
    return other.local.address == local.address || other.local.address.is_unspecified() ||
           local.address.is_unspecified();
  });
  if (taken)
    throw base::SetupError("listen on " + local.to_string(), 0,
                           "Two endpoints use this address and port: give each its own.");
  if (!local.address.is_unspecified() && !engine_->ip.is_ours(local.address)) {
    throw base::SetupError("listen on " + local.to_string(), 0,
                           "The address is not one of this server's: add it to backend.addresses.");
  }
  engine_->listeners.push_back({local, &acceptor});
}

void Tcp::set_close_observer(CloseObserver* observer) { engine_->close_observer = observer; }

void Tcp::unlisten(const Endpoint& local) {
  for (const Listener& listener : engine_->listeners) {
    if (listener.local == local) forget_half_open(*engine_, listener);
  }
  std::erase_if(engine_->listeners, [&](const Listener& listener) { return listener.local == local; });
}

Connection* Tcp::connect(base::Instant now, const Endpoint& remote, Handler& handler) {
  engine_->now = now;
  return open_actively(*engine_, remote, handler);
}

void Tcp::input(base::Instant now, const ip::Packet& packet) {
  Engine& engine = *engine_;
  engine.now = now;
  engine.counters.count(base::Event::kTcpSegmentsIn);
  Segment segment;
  Verdict verdict = parse_segment(packet, segment);
  if (!verdict) verdict = arrives_at(engine, segment);
  if (verdict) {
    engine.counters.drop(*verdict);
  } else {
    engine.counters.count(base::Event::kFramesConsumed);
  }
  engine.deliver_finished();
}

bool Tcp::error(base::Instant now, const ip::TransportError& error) {
  Engine& engine = *engine_;
  engine.now = now;
  Tcb* const tcb = engine.flows.find(flow_hash(engine.keys, error.local, error.remote), error.local, error.remote);
  const wire::Seq quoted(error.sequence);
  if (tcb == nullptr || before(quoted, tcb->snd_una) || !before(quoted, tcb->snd_nxt)) return false;
  using Kind = ip::TransportError::Kind;
  if (error.kind == Kind::kTooBig) {
    return path_too_big(engine, *tcb, quoted, error.mtu);
  }
  if (tcb->state == State::kSynSent && error.kind == Kind::kRefused) {
    // A hard error while opening ends it; later all are soft (RFC 5461 §4, RFC 5927 §5.2).
    engine.finish(*tcb, CloseReason::kUnreachable);
    engine.deliver_finished();
  }
  return true;
}

void Tcp::advance(base::Instant now) {
  Engine& engine = *engine_;
  engine.now = now;
  engine.wheel.advance(now, [&](timer::Timer& timer) { fire_timers(engine, static_cast<Tcb&>(timer)); });
  engine.time_wait.advance(now);
  engine.recorder.sweep(now);
  retransmit_syn_acks(engine);
  engine.deliver_finished();
}

void Tcp::output(base::Instant now) {
  Engine& engine = *engine_;
  engine.now = now;
  engine.starved = false;
  engine.update_budget();
  engine.offer_memory();
  while (!engine.ready.empty() && engine.ip.queued() < link::kBurstMax && !engine.starved) {
    Activity& activity = engine.ready.pop();
    Tcb& tcb = activity.tcb;
    if (std::exchange(activity.deliver_pending, false)) {
      engine.at_work = &activity;
      deliver_stored(engine, tcb);
      if (tcb.state == State::kClosed) continue;
      const wire::Seq edge = tcb.rcv_adv;
      announce_window(engine, tcb);
      tcb.ack_now |= tcb.rcv_adv != edge;
    }
    if (tcp::output(engine, tcb)) engine.schedule(tcb);
  }
  engine.deliver_finished();
}

base::Instant Tcp::next_deadline() const {
  const Engine& engine = *engine_;
  // Who becomes quiet need not cause an event.
  const bool wants_activity = !engine.short_of_memory.empty() && engine.short_of_memory.front().activity == nullptr;
  if (engine.starved || wants_activity) return engine.now + kStarvedRetry;
  if (!engine.ready.empty()) return engine.now;
  return std::min({engine.wheel.next_deadline(), engine.time_wait.next_deadline(), engine.syns.next_deadline()});
}

void Tcp::stop(base::Instant now) {
  Engine& engine = *engine_;
  engine.now = now;
  engine.stopping = true;
  while (Tcb* const tcb = engine.flows.any()) {
    reset(engine, *tcb, CloseReason::kStopped);
  }
  engine.deliver_finished();
}

std::uint64_t Tcp::closed(CloseReason reason) const {
  return engine_->closed[static_cast<std::size_t>(reason)].value();
}

std::size_t Tcp::connection_count() const { return engine_->flows.size(); }

std::size_t Tcp::half_open_count() const { return engine_->syns.size(); }

std::size_t Tcp::time_wait_count() const { return engine_->time_wait.size(); }

std::size_t Tcp::memory_size() const {
  const Engine& engine = *engine_;
  return engine.send_memory.memory_size() + engine.flight_memory.memory_size() + engine.receive_memory.memory_size() +
         engine.recorder.memory_size() + engine.pool.memory_size() + engine.activities.memory_size() +
         engine.flows.memory_size() + engine.time_wait.memory_size() + engine.syns.memory_size() +
         engine.cookies.memory_size() + engine.sources.memory_size();
}

}  // namespace windhover::stack::tcp
