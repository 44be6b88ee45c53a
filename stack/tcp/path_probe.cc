#include "stack/tcp/path_probe.h"

#include <algorithm>

#include "stack/ip/path_mtu.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/recovery.h"

namespace windhover::stack::tcp {
namespace {

constexpr std::uint32_t kBaseMtu = 1200;        // RFC 8899 §5.1.2 BASE_PLPMTU; IPv6 has its minimum.
constexpr std::uint32_t kProvenMtu = 1500;      // Where kAlways begins.
constexpr std::uint8_t kBlackHoleTimeouts = 2;  // In a row, then the base; twice as many, then the minimum.
constexpr std::uint8_t kMaxProbes = 3;          // RFC 8899 §5.1.2 MAX_PROBES.
constexpr std::uint32_t kSearchStep = 8;        // The search ends when no more than this is to be gained, as Linux.
constexpr base::Duration kRaise = std::chrono::minutes(10);  // RFC 8899 §5.1.1 PMTU_RAISE_TIMER.
/// Segments that follow a probe, so that three duplicate acknowledgements can show its loss.
constexpr std::uint32_t kFollowers = 4;

/// Headers that every packet has: what an MTU is more than an MSS.
std::uint32_t overhead(const Tcb& tcb) {
  return static_cast<std::uint32_t>(wire::TcpHeader::kSize) + (tcb.remote.address.is_v4() ? 20U : 40U);
}

std::uint32_t size_in_use(const Tcb& tcb) { return tcb.snd_mss + overhead(tcb); }

std::uint32_t minimum(const Tcb& tcb) { return tcb.remote.address.is_v4() ? ip::kMtuMinV4 : ip::kMtuMinV6; }

void use_size(Engine& engine, Tcb& tcb, std::uint32_t mtu) {
  tcb.snd_mss = mtu - overhead(tcb);
  tcb.activity->congestion.set_mss(tcb.segment_payload(), engine.config.initial_window);
}

void remember_largest(Tcb& tcb) {
  tcb.path.largest = std::max(tcb.path.largest, static_cast<std::uint16_t>(size_in_use(tcb)));
}

void begin_search(Tcb& tcb, std::uint32_t ceiling) {
  tcb.path.ceiling = static_cast<std::uint16_t>(ceiling);
  tcb.path.fresh = true;
  tcb.path.tries = 0;
  tcb.path.searching = true;
  tcb.path.again = {};
}

/// RFC 1191 §6.3: the segment size follows the path, and what was too big goes again.
void believe(Engine& engine, Tcb& tcb, std::uint32_t mtu) {
  engine.ip.path_mtu(engine.now, tcb.remote.address, mtu);
  const std::uint32_t known = engine.path_mss(tcb.remote.address) + overhead(tcb);
  if (known >= size_in_use(tcb)) return;
  remember_largest(tcb);
  use_size(engine, tcb, known);
  tcb.path.arrived = 0;
  // Nothing larger is worth a try before the path may have changed.
  tcb.path.ceiling = static_cast<std::uint16_t>(known);
  tcb.path.again = engine.now + kRaise;
  tcb.path.searching = engine.config.path_probing != PathProbing::kOff;
  recovery_resend_all(engine, tcb);
}

/// Of the probe that was sent last, whatever has become of it.
bool is_of_probe(const PathProbe& probe, const FlightRecord& record) {
  return static_cast<std::uint32_t>(record.start - probe.start) < static_cast<std::uint32_t>(probe.end - probe.start);
}

/// One probe of its size is lost.
void count_lost_probe(Engine& engine, Tcb& tcb) {
  PathSize& path = tcb.path;
  const std::uint16_t size = std::exchange(tcb.activity->path_probe.size, std::uint16_t{0});
  engine.counters.count(base::Event::kTcpPathProbesLost);
  if (++path.tries < kMaxProbes) return;
  path.tries = 0;
  path.fresh = false;
  path.ceiling = static_cast<std::uint16_t>(size - 1);
  // A path that does not carry what it did is news to others too.
  if (size == path.largest) engine.ip.path_mtu_found(engine.now, tcb.remote.address, size_in_use(tcb));
}

/// The size that the connection falls to from the one in use; the same when it is the smallest.
std::uint32_t smaller_size(const Tcb& tcb) {
  const std::uint32_t size = size_in_use(tcb);
  const std::uint32_t base = std::max(kBaseMtu, minimum(tcb));
  return size > base ? base : std::min(size, minimum(tcb));
}

}  // namespace

void path_open(Engine& engine, Tcb& tcb) {
  if (engine.config.path_probing != PathProbing::kAlways || size_in_use(tcb) <= kProvenMtu) return;
  if (engine.ip.knows_path_mtu(tcb.remote.address)) return;
  remember_largest(tcb);
  begin_search(tcb, tcb.path.largest);
  use_size(engine, tcb, kProvenMtu);
}

bool path_too_big(Engine& engine, Tcb& tcb, wire::Seq quoted, std::uint32_t mtu) {
  Activity& activity = *tcb.activity;
  PathProbe& probe = activity.path_probe;
  if (!is_synchronized(tcb.state)) return false;  // A SYN fits everywhere.
  if (probe.size != 0 && quoted == probe.start) {
    if (mtu >= probe.size) return false;
    activity.flight.detect_lost(engine.flight_memory, [&](const FlightRecord& record) {
      return is_of_probe(probe, record) ? Flight::Judgement::kLost : Flight::Judgement::kSkip;
    });
    engine.schedule(tcb);
    tcb.path.tries = kMaxProbes - 1;
    count_lost_probe(engine, tcb);
    // What the router says it can carry is the next to try.
    if (mtu > size_in_use(tcb)) begin_search(tcb, mtu);
    return true;
  }
  // Something of the size in use, unless less than that has been sent from there on.
  const auto behind = static_cast<std::uint32_t>(tcb.snd_nxt - quoted);
  const std::uint32_t headers = size_in_use(tcb) - tcb.segment_payload();
  const std::uint32_t size = headers + std::min(behind, tcb.segment_payload());
  if (mtu >= size) return false;
  if ((mtu == 0 ? size - 1 : mtu) < headers + tcb.path.arrived) {
    probe.pending = probe.watching = true;
    probe.pending_mtu = static_cast<std::uint16_t>(mtu);
    probe.pending_seq = quoted;
    return true;
  }
  believe(engine, tcb, mtu);
  return true;
}

void path_acknowledged(Engine& engine, Tcb& tcb) {
  PathSize& path = tcb.path;
  PathProbe& probe = tcb.activity->path_probe;
  if (probe.pending && after(tcb.snd_una, probe.pending_seq)) probe.pending = false;
  if (probe.suspected) {
    probe.suspected = false;
    engine.counters.count(base::Event::kTcpPathBlackHoles);
    begin_search(tcb, path.largest);
  }
  if (probe.size != 0 && !before(tcb.snd_una, probe.end)) {
    use_size(engine, tcb, std::exchange(probe.size, std::uint16_t{0}));
    path.tries = 0;
    path.fresh = false;
    path.searching = size_in_use(tcb) < path.largest;
    engine.ip.path_mtu_found(engine.now, tcb.remote.address, size_in_use(tcb));
  }
  probe.watching = probe.pending || probe.size != 0;
}

void path_timed_out(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  PathProbe& probe = activity.path_probe;
  if (probe.size != 0) count_lost_probe(engine, tcb);
  if (std::exchange(probe.pending, false) && !after(tcb.snd_una, probe.pending_seq)) {
    return believe(engine, tcb, probe.pending_mtu);
  }
  if (engine.config.path_probing == PathProbing::kOff) return;
  const std::uint8_t timeouts = activity.recovery.timeouts;
  if (timeouts % kBlackHoleTimeouts != 0 || timeouts > 2 * kBlackHoleTimeouts) return;
  const std::uint32_t smaller = smaller_size(tcb);
  if (smaller == size_in_use(tcb) || activity.flight.front(engine.flight_memory).size < tcb.segment_payload()) return;
  remember_largest(tcb);
  use_size(engine, tcb, smaller);
  probe.suspected = probe.watching = true;
  tcb.path.searching = false;
}

bool path_probe_lost(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  PathProbe& probe = activity.path_probe;
  if (probe.start == probe.end) return false;
  const FlightRecord* const lost = activity.flight.first_lost(engine.flight_memory, kDataSpanMax);
  // A part of it that was sent again and is lost again is a loss like any other.
  const bool alone = lost != nullptr && is_of_probe(probe, *lost) && !lost->retransmitted &&
                     activity.flight.lost() <= static_cast<std::uint32_t>(probe.end - lost->start);
  if (alone && probe.size != 0) count_lost_probe(engine, tcb);
  probe.size = 0;
  return alone;
}

std::uint32_t path_probe_mss(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  PathSize& path = tcb.path;
  if (activity.path_probe.size != 0 || activity.recovery.phase != Recovery::Phase::kOpen) return 0;
  const std::uint32_t size = size_in_use(tcb);
  if (path.ceiling < size + kSearchStep) {
    if (path.again == base::Instant{}) path.again = engine.now + kRaise;
    if (engine.now < path.again) return 0;
    begin_search(tcb, path.largest);
  }
  const std::uint32_t target = path.fresh ? path.ceiling : size + (path.ceiling - size + 1) / 2;
  const std::uint32_t needed = target - size + (1 + kFollowers) * tcb.segment_payload();
  const auto data = static_cast<std::uint32_t>(activity.data_end() - tcb.snd_nxt);
  const std::int64_t window = static_cast<std::int64_t>(tcb.snd_wnd) - (tcb.snd_nxt - tcb.snd_una);
  if (data < needed || window < needed || activity.congestion.cwnd() < needed) return 0;
  return target - overhead(tcb);
}

void path_probe_sent(Engine& engine, Tcb& tcb, std::uint32_t mss, wire::Seq start, std::uint32_t size) {
  PathProbe& probe = tcb.activity->path_probe;
  probe.size = static_cast<std::uint16_t>(mss + overhead(tcb));
  probe.start = start;
  probe.end = start + size;
  probe.watching = true;
  engine.counters.count(base::Event::kTcpPathProbesSent);
}

}  // namespace windhover::stack::tcp
