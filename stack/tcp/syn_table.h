#pragma once
// SYN objects: what is kept of a connection that a peer has begun to open, until its acknowledgement proves that the
// peer is there (RFC 4987 §3.3). A connection's full state is made only then.

#include <array>
#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/app.h"
#include "stack/tcp/local_addresses.h"
#include "stack/tcp/object_table.h"
#include "stack/tcp/peer_syn.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::tcp {

struct Config;

/// One half-open connection. The table fills it; others read, and write where it says so.
struct SynObject {
  ObjectLinks links{};
  wire::Address remote_address{};
  wire::Seq irs{};
  wire::Seq iss{};
  std::uint32_t ts_recent = 0;  ///< Written by whoever takes the peer's segments.
  std::uint32_t sent_us = 0;    ///< When the SYN-ACK left last, on the table's clock.
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint16_t mss = 0;
  wire::MacAddress link{};  ///< Where the SYN came from, for ip::Config::reply_to_sender. Written like ts_recent.
  std::uint8_t local_number = 0;
  std::uint8_t timeouts = 0;  ///< Retransmissions of the SYN-ACK by the timer.
  std::uint8_t answers = 0;   ///< To the peer's segments since the last timeout. Written by whoever answers.
  std::uint8_t wscale : 4 = PeerSyn::kNoScaling;
  bool sack : 1 = false;
  bool timestamps : 1 = false;
  bool ecn : 1 = false;     ///< Cleared when the peer repeats its SYN without (RFC 3168 §6.1.1.1).
  bool resent : 1 = false;  ///< The SYN-ACK has left more than once: no round trip can be read from it (Karn).

  Endpoint remote() const { return {remote_address, remote_port}; }
  PeerSyn peer() const;
};
static_assert(sizeof(SynObject) <= 64, "a flood is paid for in these");

/// All SYN objects of a lane: a keyed hash for segments and, since all that have timed out equally often wait equally
/// long, a queue for each such number in order of expiry. Thread: one lane. Memory is taken at construction.
class SynTable {
 public:
  /// Reads half_open_max, rto_initial, rto_max and syn_retransmissions_max, which counts at most as kTimeoutsMax.
  SynTable(base::Instant start, const Config& config);

  static constexpr std::uint8_t kTimeoutsMax = 15;

  /// The object of these endpoints, valid until the table changes; nullptr when there is none.
  SynObject* find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote);

  /// Adds one whose SYN-ACK leaves now; nullptr when there is no room. Precondition: find() finds none.
  SynObject* insert(base::Instant now, std::uint64_t hash, const Endpoint& local, const Endpoint& remote,
                    const PeerSyn& syn, wire::Seq iss, const wire::MacAddress& link);

  /// Precondition for these: `object` came from find() or insert().
  void erase(SynObject& object);
  Endpoint local_of(const SynObject& object) const { return {locals_[object.local_number], object.local_port}; }
  /// How long ago the SYN-ACK left last, in whole microseconds.
  base::Duration since_sent(base::Instant now, const SynObject& object) const;
  /// The SYN-ACK has left again at the peer's wish: the wait begins anew.
  void sent_again(base::Instant now, SynObject& object);

  /// The first object whose wait is over, with its wait begun anew, `timeouts` and `resent` up to date and `answers`
  /// back at zero; or, when it has timed out often enough already, with `given_up` set: the caller then erases it.
  /// nullptr when there is none.
  SynObject* take_expired(base::Instant now, bool& given_up);
  /// When take_expired() has something to give at the earliest; kNever when the table is empty.
  base::Instant next_deadline() const;

  /// Erases all objects of one local port for which `goes(Endpoint local)` holds. For the end of a listener: it visits
  /// every object.
  template <typename Goes>
  void erase_if(Goes&& goes) {
    for (std::size_t level = 0; level <= timeouts_max_; ++level) {
      SynObject* at = queues_[level].empty() ? nullptr : &table_.oldest(queues_[level]);
      while (at != nullptr) {
        SynObject& object = *at;
        at = table_.younger(object);
        if (goes(local_of(object))) erase(object);
      }
    }
  }

  bool full() const { return table_.full(); }
  std::size_t size() const { return table_.size(); }
  std::size_t memory_size() const { return table_.memory_size() + sizeof locals_; }

 private:
  /// Microseconds since the start, modulo 2^32: an hour, which no wait reaches.
  std::uint32_t microseconds(base::Instant at) const;
  void queue(base::Instant now, SynObject& object);

  base::Instant start_;
  std::uint8_t timeouts_max_;
  ObjectTable<SynObject> table_;
  LocalAddresses locals_;
  std::array<ObjectQueue, kTimeoutsMax + 1> queues_;        // By `timeouts`.
  std::array<std::uint32_t, kTimeoutsMax + 1> waits_us_{};  // The wait of each queue.
  base::Instant now_;  // The latest that was heard of: next_deadline() counts from it.
};

}  // namespace windhover::stack::tcp
