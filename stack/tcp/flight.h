#pragma once
// What has been transmitted and not yet acknowledged: one record for each frame, with the time it left. The SACK
// scoreboard (RFC 2018), RACK's per-segment state (RFC 8985 §5.2) and Karn's rule all live in these records.

#include <cstdint>
#include <vector>

#include "stack/base/time.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// One transmission's range of sequence numbers. A super-frame is one record; SACK may split it.
struct FlightRecord {
  wire::Seq start{};
  std::uint32_t size = 0;  ///< Sequence numbers, a FIN included.
  base::Instant sent{};    ///< Of the latest transmission.
  std::uint32_t next = 0;
  bool sacked = false;         ///< The peer reported it (RFC 2018).
  bool lost = false;           ///< To be sent again; not counted in the pipe.
  bool retransmitted = false;  ///< Sent more than once: no RTT sample (Karn).

  wire::Seq end() const { return start + size; }
};

/// The lane's store of records, taken at construction. Thread: one lane.
class FlightMemory {
 public:
  explicit FlightMemory(std::uint32_t records);
  bool empty() const { return free_.empty(); }
  bool all_free() const { return free_.size() == records_.size(); }
  std::size_t memory_size() const;

 private:
  friend class Flight;
  std::vector<FlightRecord> records_;
  std::vector<std::uint32_t> free_;
};

/// What an acknowledgement did.
struct FlightAck {
  std::uint32_t delivered = 0;        ///< Sequence numbers newly acknowledged or newly SACKed.
  bool retransmitted = false;         ///< A record that was sent twice was among them.
  base::Instant newest_sent{};        ///< When the most recently sent of them left,
  wire::Seq newest_end{};             ///< where it ended,
  bool newest_retransmitted = false;  ///< and whether it had been sent twice.
  bool any = false;                   ///< At least one record was newly delivered.
  bool reordered = false;             ///< One that was never sent twice arrived after later ones had.
};

/// One connection's records in order of sequence. The caller releases them with clear() before it dies.
/// Invariant: records are contiguous from snd_una to snd_nxt.
class Flight {
 public:
  bool empty() const { return head_ == kNone; }
  /// Sequence numbers outstanding: snd_nxt - snd_una.
  std::uint32_t size() const { return size_; }
  /// Sequence numbers believed to be in the network (RFC 6675 "pipe").
  std::uint32_t pipe() const { return size_ - sacked_ - lost_; }
  std::uint32_t sacked() const { return sacked_; }
  std::uint32_t lost() const { return lost_; }
  /// SACKed records, for the duplicate threshold.
  std::uint32_t sacked_records() const { return sacked_records_; }

  /// Records a first transmission at the end. Precondition: !memory.empty().
  void sent(FlightMemory& memory, base::Instant now, wire::Seq start, std::uint32_t size);

  /// The cumulative acknowledgement: forgets everything before `una`, trimming a record that straddles it.
  void acknowledge(FlightMemory& memory, wire::Seq una, FlightAck& result);

  /// One SACK block [start, end): marks what lies inside, splitting records at its edges where memory allows (else the
  /// straddling record stays unmarked: less is believed, never more).
  void sack(FlightMemory& memory, wire::Seq start, wire::Seq end, FlightAck& result);

  /// Marks as lost every record that is neither SACKed nor lost and for which `is_lost(record)` holds. Returns sequence
  /// numbers newly marked.
  template <typename IsLost>
  std::uint32_t mark_lost(FlightMemory& memory, IsLost&& is_lost) {
    const std::uint32_t before = lost_;
    for (std::uint32_t at = head_; at != kNone; at = memory.records_[at].next) {
      FlightRecord& record = memory.records_[at];
      if (record.sacked || record.lost || !is_lost(record)) continue;
      record.lost = true;
      lost_ += record.size;
    }
    return lost_ - before;
  }

  /// The first record to be sent again, cut to at most `size_max`; nullptr when none is lost. The cut needs memory;
  /// without it the whole record is returned.
  FlightRecord* first_lost(FlightMemory& memory, std::uint32_t size_max);
  /// It has been sent again.
  void resent(FlightRecord& record, base::Instant now);

  /// The oldest record, or the newest. Precondition: !empty().
  FlightRecord& front(FlightMemory& memory) const { return memory.records_[head_]; }
  FlightRecord& back(FlightMemory& memory) const { return memory.records_[tail_]; }

  /// Forgets SACK marks: after a timeout the peer may have reneged (RFC 2018 §8).
  void forget_sacks(FlightMemory& memory);

  void clear(FlightMemory& memory);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  bool split(FlightMemory& memory, std::uint32_t at, std::uint32_t size);
  void deliver(FlightRecord& record, FlightAck& result) const;

  std::uint32_t head_ = kNone;
  std::uint32_t tail_ = kNone;
  std::uint32_t size_ = 0;
  std::uint32_t sacked_ = 0;
  std::uint32_t lost_ = 0;
  std::uint32_t sacked_records_ = 0;
  wire::Seq
      fack_{};  // The end of the highest record delivered (RFC 8985 RACK.fack); meaningful once something was SACKed.
};

}  // namespace windhover::stack::tcp
