#pragma once
// TIME-WAIT: what is left of a connection that we closed first (RFC 9293 §3.3.2, §3.10.7.8; RFC 6191).
//
// A small object, not a connection: enough to acknowledge a repeated FIN, to keep old duplicates from a new
// incarnation, and to let a newer SYN reuse the endpoints.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/app.h"
#include "stack/tcp/local_addresses.h"
#include "stack/tcp/object_table.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// One quiet pair of endpoints, as its table keeps it.
struct TimeWait {
  base::Instant expires{};
  ObjectLinks links{};
  wire::Address remote_address{};
  wire::Seq snd_nxt{};
  wire::Seq rcv_nxt{};
  std::uint32_t ts_recent = 0;
  std::uint32_t answered_ms = 0;  ///< Before `expires`, when may_answer() last said yes; zero: never.
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint16_t window = 0;  ///< As on the wire.
  std::uint8_t local_number = 0;
  bool timestamps = false;
};
static_assert(sizeof(TimeWait) <= 64, "a busy server has tens of thousands");

/// All of a lane's TIME-WAITs: a hash table for segments and, since all wait equally long, a queue in order of expiry.
/// Bounded: when full the oldest gives way. Thread: one lane. Memory is taken at construction.
class TimeWaitTable {
 public:
  TimeWaitTable(std::uint32_t entries_max, base::Duration wait);

  /// Adds one for these endpoints with snd_nxt, rcv_nxt, ts_recent, timestamps and window of `entry`; returns false
  /// when it or the oldest had to be cut short (count it). Precondition: find() finds none.
  bool insert(base::Instant now, std::uint64_t hash, const Endpoint& local, const Endpoint& remote,
              const TimeWait& entry);

  /// The entry for these endpoints, valid until the table changes; nullptr when there is none.
  TimeWait* find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote);

  /// Begins the wait again. Precondition: `entry` came from find().
  void restart(base::Instant now, TimeWait& entry);
  /// Whether a segment may be answered that an answer of ours may have caused: after kAnswerInterval again.
  /// Precondition: `entry` came from find().
  bool may_answer(base::Instant now, TimeWait& entry);
  /// Forgets it. Precondition: `entry` came from find().
  void erase(TimeWait& entry);

  void advance(base::Instant now);
  base::Instant next_deadline() const;

  std::size_t size() const { return table_.size(); }
  std::size_t memory_size() const { return table_.memory_size() + sizeof locals_; }

 private:
  ObjectTable<TimeWait> table_;
  LocalAddresses locals_;
  ObjectQueue queue_;
  base::Duration wait_;
};

}  // namespace windhover::stack::tcp
