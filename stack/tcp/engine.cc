#include "stack/tcp/engine.h"

#include <algorithm>
#include <utility>

#include "stack/base/siphash.h"
#include "stack/tcp/record.h"

namespace windhover::stack::tcp {
namespace {

/// Challenge ACKs of a lane in one second, on average (RFC 5961 §7 leaves the number to us; long Linux's default).
constexpr std::uint32_t kChallengeAcksPerSecond = 1000;

/// Flight records for each send-queue entry: an entry may be a file of many frames.
constexpr std::uint32_t kRecordsPerEntry = 2;

std::uint32_t active_max(const Config& config) {
  const std::uint32_t asked = config.active_max == 0 ? kActiveMaxDefault : config.active_max;
  return std::min(asked, config.connections_max);
}

}  // namespace

Engine::Engine(base::Instant start, const Config& config_in, const Keys& keys_in, const link::Caps& caps_in,
               link::FrameArena& arena_in, ip::Ip& ip_in, base::Counters& counters_in)
    : config(config_in),
      keys(keys_in),
      rto_bounds(config_in),
      caps(caps_in),
      arena(arena_in),
      ip(ip_in),
      counters(counters_in),
      now(start),
      send_memory(config_in.send_blocks, config_in.send_entries),
      flight_memory(config_in.send_entries * kRecordsPerEntry),
      receive_memory(config_in.reassembly_blocks),
      recorder(config_in.recorder_tapes, counters_in),
      pool(config_in.connections_max),
      activities(active_max(config_in)),
      flows(pool),
      time_wait(config_in.time_wait_max, config_in.time_wait),
      syns(start, config_in),
      cookies(keys_in.syn_cookies),
      sources(keys_in.flow_hash, config_in.connections_per_source_max, config_in.connections_max),
      wheel(start) {}

Engine::~Engine() {
  CHECK(pool.size() == 0 && activities.size() == 0);
  CHECK(flight_memory.all_free() && receive_memory.all_free());
}

Tcb* Engine::open(const Endpoint& local, const Endpoint& remote, const ip::Route& route) {
  if (stopping || pool.size() == pool.capacity() || !make_room()) return nullptr;
  Tcb* const tcb = pool.allocate(*this, local, remote, route, path_mss(remote.address));
  tcb->activity = activities.allocate(*tcb);
  flows.insert(flow_hash(keys, local, remote), *tcb);
  return tcb;
}

void Engine::finish(Tcb& tcb, CloseReason reason) {
  if (tcb.state == State::kClosed) return;
  if (close_observer != nullptr && is_abnormal(reason)) {
    record(*this, tcb, FlightEventKind::kClosed, static_cast<std::uint32_t>(reason));
    Recording recording;
    recorder.read(tcb, recording);
    close_observer->on_abnormal_close(tcb.info(), reason, recording);
  }
  recorder.end(tcb);
  tcb.state = State::kClosed;
  tcb.close_reason = reason;
  tcb.deadlines.fill(base::kNever);
  wheel.cancel(tcb);
  flows.erase(flow_hash(keys, tcb.local, tcb.remote), tcb);
  if (tcb.passive) sources.remove(tcb.remote.address);
  if (Activity* const activity = tcb.activity; activity != nullptr) {
    activity->deadlines.fill(base::kNever);
    activity->queue.clear(send_memory);
    activity->flight.clear(flight_memory);
    activity->store.clear(receive_memory);
  }
  closed[static_cast<std::size_t>(reason)].add();
  short_of_memory.remove(tcb);
  finished.push(tcb);
}

void Engine::deliver_each_finished() {
  while (!finished.empty()) {
    Tcb& tcb = finished.pop();
    if (tcb.handler != nullptr) tcb.handler->on_closed(tcb, tcb.close_reason);
    if (tcb.activity != nullptr) {
      ready.remove(*tcb.activity);
      activities.release(tcb.activity);
    }
    pool.release(&tcb);
  }
}

void Engine::update_budget() {
  const std::array<Budget::Part, 4> parts{{{receive_memory.used(), receive_memory.capacity()},
                                           {send_memory.used_blocks(), send_memory.block_capacity()},
                                           {send_memory.used_entries(), send_memory.entry_capacity()},
                                           {flight_memory.used(), flight_memory.capacity()}}};
  if (!budget.update(parts)) return;
  const bool tight = budget.pressure() == Pressure::kTight;
  counters.count(tight ? base::Event::kTcpMemoryTight : base::Event::kTcpMemoryPressure);
}

void Engine::offer_memory() {
  while (!short_of_memory.empty() && send_memory.has_room()) {
    Tcb& tcb = short_of_memory.front();
    if (!wake(tcb)) return;
    short_of_memory.remove(tcb);
    at_work = tcb.activity;
    if (tcb.activity->has_unsent()) schedule(tcb);  // A FIN that had to wait.
    if (std::exchange(tcb.sendable_wanted, false)) tcb.handler->on_sendable(tcb);
  }
}

std::uint32_t Engine::path_mss(const wire::Address& remote) const {
  return ip.transport_mtu(remote) - static_cast<std::uint32_t>(wire::TcpHeader::kSize);
}

Listener* Engine::find_listener(const Endpoint& local) {
  const auto matches = [&](const Listener& listener) {
    if (listener.local.port != local.port) return false;
    return listener.local.address.is_unspecified() || listener.local.address == local.address;
  };
  const auto found = std::find_if(listeners.begin(), listeners.end(), matches);
  return found == listeners.end() ? nullptr : &*found;
}

bool Engine::may_challenge() {
  const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second != challenge_second) {
    challenge_second = second;
    const std::uint64_t draw = base::siphash(keys.isn, std::array{static_cast<std::uint64_t>(second)});
    challenge_acks = kChallengeAcksPerSecond / 2 + static_cast<std::uint32_t>(draw % kChallengeAcksPerSecond);
  }
  if (challenge_acks == 0) {
    counters.count(base::Event::kTcpAnswersLimited);
    return false;
  }
  --challenge_acks;
  return true;
}

}  // namespace windhover::stack::tcp
