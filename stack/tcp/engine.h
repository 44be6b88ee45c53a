#pragma once
// What all connections of a lane share: memory, tables, the wheel, and the lists of those that want attention.
//
// The mechanisms (input, output, recovery, handshake, timers) are functions over an Engine and a Tcb, one file each;
// Tcp is the face that the lane sees.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/counters.h"
#include "stack/base/pool.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "stack/tcp/activity.h"
#include "stack/tcp/answer_limit.h"
#include "stack/tcp/budget.h"
#include "stack/tcp/config.h"
#include "stack/tcp/demux.h"
#include "stack/tcp/isn.h"
#include "stack/tcp/list.h"
#include "stack/tcp/recorder.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/source_table.h"
#include "stack/tcp/syn_cookie.h"
#include "stack/tcp/syn_table.h"
#include "stack/tcp/tcb.h"
#include "stack/tcp/time_wait.h"
#include "stack/timer/wheel.h"

namespace windhover::stack::tcp {

/// A local endpoint that accepts connections.
struct Listener {
  Endpoint local;  ///< Unspecified address: every address of this stack.
  Acceptor* acceptor = nullptr;
  std::uint32_t half_open = 0;  ///< SYN objects.
};

/// Thread: one lane. Everything here is taken at construction, listeners apart.
struct Engine {
  Engine(base::Instant start, const Config& config, const Keys& keys, const link::Caps& caps, link::FrameArena& arena,
         ip::Ip& ip, base::Counters& counters);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// A new connection in its table, awake; nullptr when no slot or no Activity is free, or the lane is stopping.
  Tcb* open(const Endpoint& local, const Endpoint& remote, const ip::Route& route);

  /// Whether the connection is awake, or could be woken (activity.h).
  bool wake(Tcb& tcb) { return tcb.activity != nullptr || awaken(tcb); }
  /// Whether an Activity is free, or could be made so by a connection that is quiet.
  bool make_room();

  /// Ends a connection: releases what it holds at once; on_closed() comes with deliver_finished(). Harmless when it has
  /// ended.
  void finish(Tcb& tcb, CloseReason reason);

  /// Tells handlers of ended connections and frees their slots. Called where no event is on the stack.
  void deliver_finished() {
    at_work = nullptr;
    if (!finished.empty()) [[unlikely]]
      deliver_each_finished();
  }

  /// Tells those that wait for the lane's memory or an Activity that there is some again. Called where no event of
  /// theirs is on the stack.
  void offer_memory();

  /// Looks at what is used of the lane's memory; once a turn.
  void update_budget();

  /// Has something to send, or may have. Precondition: it is awake.
  void schedule(Tcb& tcb) { ready.push(*tcb.activity); }

  /// The largest MSS that the path to `remote` carries, TCP options included (RFC 6691).
  std::uint32_t path_mss(const wire::Address& remote) const;

  Listener* find_listener(const Endpoint& local);

  /// Whether one more challenge ACK may go in this second (RFC 5961 §7). How many do is about a thousand and differs
  /// from second to second: by a fixed number who shares it could count what others cause (CVE-2016-5696).
  bool may_challenge();

  Config config;
  Keys keys;
  RtoBounds rto_bounds;
  const link::Caps& caps;
  link::FrameArena& arena;
  ip::Ip& ip;
  base::Counters& counters;
  base::Instant now;

  SendMemory send_memory;
  FlightMemory flight_memory;
  ReceiveMemory receive_memory;
  Budget budget;
  Recorder recorder;
  base::Pool<Tcb> pool;
  base::Pool<Activity> activities;
  FlowTable flows;
  TimeWaitTable time_wait;
  SynTable syns;
  SynCookies cookies;
  SourceTable sources;  ///< Of passive connections.
  timer::Wheel wheel;
  std::vector<Listener> listeners;
  List<Activity, &Activity::ready> ready;
  List<Tcb, &Tcb::link> short_of_memory;  ///< Could not queue for want of the lane's memory, or of an Activity.
  List<Tcb, &Tcb::link> finished;
  std::array<base::Counter, kCloseReasonCount> closed;
  CloseObserver* close_observer = nullptr;

  bool stopping = false;              ///< Nothing may begin any more.
  bool starved = false;               ///< The arena had no frame; try again shortly.
  const Activity* at_work = nullptr;  ///< An event of its connection may be on the stack: it is not put to sleep.
  std::uint32_t hand = 0;             ///< The Activity looked at last for one that is quiet.
  std::uint16_t next_port = 32768;    ///< Where the search for an ephemeral port begins.
  std::uint32_t challenge_acks = 0;   ///< Left in the current second.
  std::int64_t challenge_second = -1;

 private:
  void deliver_each_finished();
  bool awaken(Tcb& tcb);
  void put_to_sleep(Activity& activity);
};

}  // namespace windhover::stack::tcp
