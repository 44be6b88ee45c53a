#pragma once
// Who has which link address: one table for ARP (IPv4) and Neighbour Discovery (IPv6).
//
// The states are RFC 4861 7.3.2's, used for both families (RFC 1122 2.3.2.1 asks ARP for the same: entries must go
// stale):
//
//   INCOMPLETE  asked for, packets wait; kSolicitationsMax unanswered questions and it is gone, its packets dropped
//   REACHABLE   an answer to our own question is no older than neighbour_reachable
//   STALE       nothing known against it, nothing for it; used as it is
//   DELAY       used while stale; kDelayFirstProbe later it is asked
//   PROBE       being asked at its own link address; kSolicitationsMax unanswered questions and it is gone
//
// What is believed. Only the answer to a question that is open makes an entry REACHABLE. Nothing moves a live entry
// (REACHABLE, STALE, DELAY, PROBE) to another link address: a claim to do so makes us ask the address we know, and only
// when that one keeps silent is the entry dropped and the question put to everybody again. So a forged ARP or
// advertisement costs one probe, and a neighbour that did change its link address is found after kSolicitationsMax
// intervals.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/link/frame.h"
#include "stack/timer/wheel.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// Questions without an answer before a neighbour counts as gone (RFC 4861 10: MAX_MULTICAST_SOLICIT,
/// MAX_UNICAST_SOLICIT).
inline constexpr std::uint32_t kSolicitationsMax = 3;
/// How long a stale entry is used before it is probed (RFC 4861 10: DELAY_FIRST_PROBE_TIME).
inline constexpr base::Duration kDelayFirstProbe = std::chrono::seconds(5);
/// How long an unused STALE entry is kept (an implementation's choice by RFC 1122 2.3.2.1 and RFC 4861 5.3).
inline constexpr base::Duration kStaleMax = std::chrono::minutes(10);
/// Neighbours that can be pinned: two gateways and the routers of a list.
inline constexpr std::size_t kPinnedMax = 8;
/// The largest table that can be configured: entries are found by binary search and inserted in order.
inline constexpr std::uint32_t kNeighboursMax = 16384;

/// How a link address came to be claimed.
enum class Claim : std::uint8_t {
  kQuestion,      ///< In a request or solicitation for one of our addresses: the sender expects us to speak to it.
  kAnswer,        ///< In a reply or solicited advertisement.
  kAnnouncement,  ///< Unasked: gratuitous ARP, unsolicited advertisement.
};

/// What the table needs from those who can send.
class NeighbourPort {
 public:
  /// Asks who has `target`: everybody, or the one at `known`.
  virtual void solicit(const wire::Address& target, const std::optional<wire::MacAddress>& known) = 0;
  /// Sends a frame that waited; it begins with its IP header.
  virtual void release(link::Frame frame, const wire::MacAddress& to) = 0;
  /// `target` has left all questions unanswered and is out of the table.
  virtual void unreachable(base::Instant now, const wire::Address& target) = 0;

 protected:
  ~NeighbourPort() = default;
};

/// Memory is taken at construction. Collision-safe: the index is ordered by address, so that no choice of addresses
/// makes a look-up slow.
///
/// Eviction, when a new neighbour finds no room: INCOMPLETE entries when they hold more than half of the table, else
/// the oldest STALE entry to which nothing was ever sent, else the one that has been STALE longest, else the oldest
/// INCOMPLETE one. The others and pinned ones (gateways) stay. So whoever asks for us from a thousand addresses only
/// drives out others that have merely asked, never those that we speak with. STALE entries older than kStaleMax go by
/// themselves, because an old link address costs its next user the time of a whole probe.
///
/// Forward progress (RFC 4861 7.3.1): a transport whose data was acknowledged may tell progressed(), which stands for
/// the answer to a question. unconfirmed() says when that would help.
class Neighbours {
 public:
  struct Limits {
    std::uint32_t neighbours_max;
    std::uint32_t queue_max;    ///< Frames that wait for one neighbour; the oldest makes room (RFC 4861 7.2.2).
    std::uint32_t waiting_max;  ///< Frames that wait in all, so that silent neighbours cannot hold the whole arena.
    base::Duration reachable;
    base::Duration retransmit;
  };

  Neighbours(base::Instant now, const Limits& limits, NeighbourPort& port, base::Counters& counters);
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  /// The link address to send to, or nullptr when it must be found first. `hint` is where the last look-up ended; it is
  /// checked and put right. Use of a stale entry starts its DELAY.
  const wire::MacAddress* find(base::Instant now, const wire::Address& address, std::uint32_t& hint) {
    if (hint < limits_.neighbours_max && entries_[hint].address == address) [[likely]] {
      const Entry& entry = entries_[hint];
      if (entry.state == State::kReachable || entry.state == State::kDelay || entry.state == State::kProbe) [[likely]] {
        return &entry.mac;
      }
    }
    return find_slowly(now, address, hint);
  }

  /// Keeps a frame (from its IP header on) until `address` is resolved, and asks when nobody has asked yet. Drops are
  /// counted: kNeighbourQueueFull, kNeighbourTableFull. Precondition: find() has just returned nullptr for it.
  void wait(base::Instant now, const wire::Address& address, link::Frame frame);

  /// Somebody says that `address` is at `mac`. A kQuestion makes an entry when there is none. False when the claim is
  /// not believed, or about a neighbour that nobody here asked for.
  bool learn(base::Instant now, const wire::Address& address, const wire::MacAddress& mac, Claim claim);

  /// A solicited advertisement that leaves out the link address (RFC 4861 7.2.5 allows it for a unicast question):
  /// confirms what is known. False when no such question is open.
  bool confirm(base::Instant now, const wire::Address& address);

  /// A neighbour to which segments go has acknowledged new data. Only what is in DELAY or PROBE takes notice.
  void progressed(base::Instant now, const wire::Address& address, std::uint32_t hint);
  /// How many entries would; nothing else makes progressed() worth its call.
  const std::uint32_t& unconfirmed() const { return unconfirmed_; }

  /// Never evicted from now on, whether in the table yet or not. Precondition: fewer than kPinnedMax are.
  void pin(const wire::Address& address);
  void unpin(const wire::Address& address);

  /// The link is another, or was away: whatever was REACHABLE is to be confirmed again when it is used.
  void doubt(base::Instant now);

  /// For IPv6 neighbours instead of Limits' (RFC 4861 6.3.4), from their next state on.
  void set_reachable_v6(base::Duration reachable) { reachable_v6_ = reachable; }
  void set_retransmit_v6(base::Duration retransmit) { retransmit_v6_ = retransmit; }

  void advance(base::Instant now);
  base::Instant next_deadline() const { return wheel_.next_deadline(); }

  /// Lets go of all frames that wait, without counting.
  void stop();

  std::size_t size() const { return order_.size(); }
  std::size_t waiting() const { return waiting_; }
  std::size_t memory_size() const;

 private:
  enum class State : std::uint8_t { kFree, kIncomplete, kReachable, kStale, kDelay, kProbe };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Entry : timer::Timer {
    wire::Address address;
    wire::MacAddress mac{};
    State state = State::kFree;
    bool pinned = false;
    bool used = false;       ///< Something was sent to it since it came into the table.
    std::uint8_t asked = 0;  ///< Questions sent since INCOMPLETE or PROBE began.
    std::uint32_t queued = 0;
    std::uint32_t first_waiting = kNone;  ///< Into waiters_, oldest first.
    std::uint32_t last_waiting = kNone;
    std::uint32_t previous = kNone;  ///< Among the entries of an evictable state.
    std::uint32_t next = kNone;
  };
  struct Waiter {
    link::Frame frame;
    std::uint32_t next = kNone;
  };
  /// Entries linked through previous and next, in the order in which they came.
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t size = 0;
  };

  const wire::MacAddress* find_slowly(base::Instant now, const wire::Address& address, std::uint32_t& hint);
  std::uint32_t lookup(const wire::Address& address) const;
  std::uint32_t position(const wire::Address& address) const;
  std::uint32_t create(const wire::Address& address);
  bool evict();
  void remove(std::uint32_t index);
  void enter(base::Instant now, std::uint32_t index, State state);
  void ask(base::Instant now, std::uint32_t index);
  void expired(base::Instant now, std::uint32_t index);
  void give_up(base::Instant now, std::uint32_t index);
  void believe(base::Instant now, std::uint32_t index, const wire::MacAddress& mac, State state);
  std::uint32_t take_oldest(std::uint32_t index);
  List* list_of(const Entry& entry);
  void set_pinned(const wire::Address& address, bool pinned);
  void link(List& list, std::uint32_t index);
  void unlink(List& list, std::uint32_t index);

  const Limits limits_;
  NeighbourPort& port_;
  base::Counters& counters_;
  timer::Wheel wheel_;
  std::unique_ptr<Entry[]> entries_;
  std::vector<std::uint32_t> order_;  ///< Indices of the entries in use, by address.
  std::vector<std::uint32_t> free_;
  List incomplete_;
  List strangers_;  ///< STALE, and nothing was ever sent to them.
  List stale_;
  std::vector<Waiter> waiters_;
  std::uint32_t free_waiter_ = kNone;
  std::uint32_t waiting_ = 0;
  std::uint32_t unconfirmed_ = 0;  ///< Entries in DELAY or PROBE.
  base::Duration reachable_v6_;
  base::Duration retransmit_v6_;
  std::vector<wire::Address> pinned_;
};

}  // namespace windhover::stack::ip
