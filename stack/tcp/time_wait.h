#pragma once
// TIME-WAIT: what is left of a connection that we closed first (RFC 9293 §3.3.2, §3.10.7.8; RFC 6191).
//
// A small object, not a connection: enough to acknowledge a repeated FIN, to keep old duplicates from a new
// incarnation, and to let a newer SYN reuse the endpoints.

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/time.h"
#include "stack/tcp/app.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// One quiet pair of endpoints.
struct TimeWait {
  Endpoint local;
  Endpoint remote;
  wire::Seq snd_nxt{};
  wire::Seq rcv_nxt{};
  std::uint32_t ts_recent = 0;
  std::uint32_t ts_offset = 0;
  bool timestamps = false;
};

/// All of a lane's TIME-WAITs: a hash table for segments and, since all wait equally long, a queue in order of expiry.
/// Bounded: when full the oldest gives way. Thread: one lane. Memory is taken at construction.
class TimeWaitTable {
 public:
  TimeWaitTable(std::uint32_t entries_max, base::Duration wait);

  /// Adds one; returns false when the oldest had to be cut short for it (count it).
  bool insert(base::Instant now, std::uint64_t hash, const TimeWait& entry);

  /// The entry for these endpoints, valid until the table changes; nullptr when there is none.
  TimeWait* find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote);

  /// Begins the wait again. Precondition: `entry` came from find().
  void restart(base::Instant now, TimeWait& entry);
  /// Forgets it. Precondition: `entry` came from find().
  void erase(TimeWait& entry);

  void advance(base::Instant now);
  base::Instant next_deadline() const;

  std::size_t size() const { return size_; }
  std::size_t memory_size() const { return nodes_.size() * sizeof(Node) + buckets_.size() * sizeof(std::uint32_t); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Node {
    TimeWait entry;
    base::Instant expires{};
    std::uint32_t bucket = 0;
    std::uint32_t chain = kNone;     // The next of the same bucket, or of the free list.
    std::uint32_t previous = kNone;  // In order of expiry.
    std::uint32_t next = kNone;
  };

  void unlink(std::uint32_t index);
  void append(std::uint32_t index);
  std::uint32_t index_of(const TimeWait& entry) const;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> buckets_;
  base::Duration wait_;
  std::uint32_t free_ = 0;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace windhover::stack::tcp
