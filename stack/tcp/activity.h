#pragma once
// What a connection needs while something happens to it, and sleep: how it does without.
//
// An Activity is lent to a connection when it opens, and when it wakes: a segment arrives for it, or its application
// sends. The lane has Config::active_max of them, taken at start. A connection keeps its own until another needs one
// and none is free: then, of the next few connections in a circle that are quiet, the one that has been quiet longest
// goes to sleep and gives it up. A server whose connections all find room never sees that happen.
//
// Quiet is a connection with nothing queued, in flight, stored, owed or being repaired, and with no timer running but
// keep-alive's and the application's. These two run in sleep too: on_timer() comes, keep-alive probes go out. So can a
// connection be paused, corked, aborted or asked for its Info in its sleep.
//
// Sleep keeps: every sequence variable and window, what was negotiated, timestamps and PAWS, cwnd and ssthresh
// (idleness takes its part when something is sent: Congestion::resume()), round-trip times and the RTO, the size of
// packets that the path carries and the search for it, ECN, how large the receive window has grown, all counters of
// Info, the user timeout. What begins anew, because it is about a transfer that has ended: CUBIC's curve and HyStart's
// rounds, what RACK knows of reordering, the window to which a needless repair would return, the use that is made of
// cwnd, measuring for a larger receive window, the interval between two answers to what may be a storm.
//
// When every connection that has one is busy, as far as is looked (Engine::wake()):
//   a segment for one that sleeps   is dropped (kTcpNoActivity): its peer sends it again.
//   a handshake's acknowledgement   is dropped so too, and its SYN object stays.
//   send()                          takes nothing; on_sendable() comes when there is room.
//   shutdown(), close()             happen when there is room: the FIN waits.
//   connect()                       finds no slot.

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack/tcp/congestion.h"
#include "stack/tcp/flight.h"
#include "stack/tcp/list.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/receive_store.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/send_queue.h"
#include "stack/tcp/tcb.h"
#include "stack/tcp/tune.h"
#include "stack/tcp/undo.h"
#include "stack/tcp/window_use.h"

namespace windhover::stack::tcp {

/// Config::active_max of zero means as many as connections_max, but no more than so many.
inline constexpr std::uint32_t kActiveMaxDefault = 65536;

/// Bytes; more than the largest window (RFC 7323 §2.3) and less than half the circle.
inline constexpr std::uint32_t kDataSpanMax = 1U << 30;

/// What kRetransmit does when it passes.
enum class RetransmitMode : std::uint8_t { kTimeout, kProbe, kPersist, kHandshake };

/// The active part of one connection. Owner: the engine's pool; `tcb` borrows it. Thread: its lane.
struct Activity {
  /// For a connection that opens, or from what sleep has kept.
  explicit Activity(Tcb& tcb);

  /// The sequence number after the last byte queued, before a FIN. Of a queue longer than any window only the first
  /// kDataSpanMax count: farther on sequence numbers cannot be told from old ones.
  wire::Seq data_end() const {
    return tcb.snd_una_data() + static_cast<std::uint32_t>(std::min<std::uint64_t>(queue.size(), kDataSpanMax));
  }
  /// A FIN is queued, right behind data_end().
  bool fin_in_sight() const { return tcb.fin_queued && queue.size() <= kDataSpanMax; }
  /// After the FIN when there is one.
  wire::Seq send_end() const { return fin_in_sight() && !tcb.fin_acknowledged ? data_end() + 1 : data_end(); }
  bool has_unsent() const { return before(tcb.snd_nxt, send_end()); }

  Tcb& tcb;
  ListLink<Activity> ready;  ///< In Engine::ready.

  Flight flight;
  SendQueue queue;
  Congestion congestion;
  WindowUse window_use;
  Recovery recovery;
  std::array<base::Instant, kActiveDeadlines> deadlines;
  RetransmitMode retransmit_mode = RetransmitMode::kTimeout;
  std::uint8_t persist_shift = 0;  ///< Doublings of the persist interval.
  bool deliver_pending = false;
  bool cwnd_limited = false;  ///< cwnd held something back in this turn of output.
  bool override_sws = false;  ///< A small window has stayed small: use it (RFC 9293 §3.8.6.2.1).
  std::uint32_t received_since_ack = 0;
  ReceiveTuning tuning;
  PathProbe path_probe;
  wire::Seq stalled_at{};         ///< snd_una when Deadline::kUser was armed.
  base::Instant last_answered{};  ///< When a segment that may be one of a storm was last answered.
  Undo undo;
  ReceiveStore store;
};

/// Whether the connection can do without an Activity. Precondition: it has one.
bool is_quiet(const Tcb& tcb);

}  // namespace windhover::stack::tcp
