#pragma once
// What has been transmitted and not yet acknowledged: one record for each frame, with the time it left. The SACK
// scoreboard (RFC 2018), RACK's per-segment state (RFC 8985 §5.2) and Karn's rule all live in these records.
//
// A record is in three orders at once. By sequence number: a skip list whose heights follow from the order of sending,
// so that a SACK block is found in a few dozen steps wherever it lies. By time of transmission: loss detection looks at
// the oldest and stops (RFC 8985 §6.2 asks for this). By when it was found lost: what to repair next is the first. And
// what is SACKed joins its neighbours to one record, so that reports said again cost nothing. No acknowledgement costs
// more than a search for each block and a constant for each record that changes, whatever the peer makes up.

#include <array>
#include <cstdint>
#include <vector>

#include "stack/base/time.h"
#include "stack/link/frame.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// One transmission's range of sequence numbers. A super-frame is one record; SACK may split it.
struct FlightRecord {
  enum class State : std::uint8_t {
    kInFlight,
    kSacked,  ///< The peer reported it (RFC 2018).
    kLost,    ///< To be sent again; not counted in the pipe.
  };
  static constexpr std::size_t kHeightMax = 3;

  wire::Seq start{};
  std::uint32_t size = 0;                        ///< Sequence numbers, a FIN included.
  base::Instant sent{};                          ///< Of the latest transmission.
  link::FrameTicket frame{};                     ///< Of the latest transmission.
  std::array<std::uint32_t, kHeightMax> next{};  ///< By sequence number; the first `height` are linked.
  std::uint32_t earlier = 0;                     ///< In the list of those in flight, or of those lost.
  std::uint32_t later = 0;
  std::uint16_t segments = 1;  ///< Reports that a SACKed record stands for.
  State state = State::kInFlight;
  bool retransmitted : 1 = false;  ///< Sent more than once: no RTT sample (Karn).
  std::uint8_t height : 7 = 1;

  wire::Seq end() const { return start + size; }
};

/// The lane's store of records, taken at construction. Thread: one lane.
class FlightMemory {
 public:
  explicit FlightMemory(std::uint32_t records);
  bool empty() const { return free_.empty(); }
  bool all_free() const { return free_.size() == records_.size(); }
  std::uint32_t used() const { return static_cast<std::uint32_t>(records_.size() - free_.size()); }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(records_.size()); }
  std::size_t memory_size() const;

 private:
  friend class Flight;
  std::vector<FlightRecord> records_;
  std::vector<std::uint32_t> free_;
};

/// What an acknowledgement did.
struct FlightAck {
  /// To be set before: what was sent again later than this was acknowledged for an earlier transmission (RFC 8985 §6.2
  /// step 2), and says nothing about when things arrive.
  base::Instant genuine_until = base::kNever;

  std::uint32_t delivered = 0;      ///< Sequence numbers newly acknowledged or newly SACKed.
  bool any = false;                 ///< At least one record was newly delivered.
  bool original = false;            ///< One of them was never sent twice.
  bool retransmitted = false;       ///< One of them was.
  bool timed = false;               ///< newest_* say something.
  base::Instant newest_sent{};      ///< When the most recently sent of those that are genuine left,
  wire::Seq newest_end{};           ///< where it ends.
  wire::Seq highest_end{};          ///< The farthest end among all.
  wire::Seq lowest_original_end{};  ///< The nearest end among those never sent twice.
};

/// One connection's records. The caller releases them with clear() before it dies. Invariants: records are contiguous
/// from snd_una to snd_nxt; no two neighbours are both SACKed.
class Flight {
 public:
  bool empty() const { return heads_[0] == kNone; }
  /// Sequence numbers outstanding: snd_nxt - snd_una.
  std::uint32_t size() const { return size_; }
  /// Sequence numbers believed to be in the network (RFC 6675 "pipe").
  std::uint32_t pipe() const {
    const std::uint32_t out = size_ - sacked_ - lost_;
    return out > reported_ ? out - reported_ : 0;
  }
  std::uint32_t sacked() const { return sacked_; }
  std::uint32_t lost() const { return lost_; }
  /// RFC 8985 RACK.segs_sacked: segments SACKed, for the duplicate threshold.
  std::uint32_t segments_sacked() const { return segments_sacked_; }
  /// Something outstanding has been sent twice.
  bool has_resent() const { return has_resent_; }

  /// Sequence numbers that duplicate acknowledgements without SACK have reported, nobody knows which (RFC 5681 §3.2).
  std::uint32_t reported() const { return reported_; }
  void set_reported(std::uint32_t size) { reported_ = size; }

  /// Records a first transmission at the end. Precondition: !memory.empty().
  void sent(FlightMemory& memory, base::Instant now, wire::Seq start, std::uint32_t size, link::FrameTicket frame = {});

  /// The cumulative acknowledgement: forgets everything before `una`, trimming a record that straddles it.
  void acknowledge(FlightMemory& memory, wire::Seq una, FlightAck& result);

  /// How SACK blocks are taken. Sizes in bytes.
  struct SackRules {
    std::uint32_t segment = 0xffffffff;      ///< Of a full segment: a SACKed super-frame counts as many.
    std::uint32_t records_max = 0xffffffff;  ///< With so many records none is split any more.
  };
  /// One SACK block [start, end): marks what lies inside, splitting records at its edges where memory and the rules
  /// allow (else the straddling record stays unmarked: less is believed, never more).
  void sack(FlightMemory& memory, wire::Seq start, wire::Seq end, const SackRules& rules, FlightAck& result);

  enum class Judgement : std::uint8_t { kLost, kSkip, kStop };
  /// Asks `judge(record)` about what is in flight, the earliest transmission first, until it says kStop. Returns
  /// sequence numbers newly lost.
  template <typename Judge>
  std::uint32_t detect_lost(FlightMemory& memory, Judge&& judge) {
    const std::uint32_t before = lost_;
    for (std::uint32_t at = in_flight_.head; at != kNone;) {
      FlightRecord& record = memory.records_[at];
      const std::uint32_t later = record.later;
      const Judgement judgement = judge(static_cast<const FlightRecord&>(record));
      if (judgement == Judgement::kStop) break;
      if (judgement == Judgement::kLost) lose(memory, at);
      at = later;
    }
    return lost_ - before;
  }
  /// The oldest record by sequence number is lost, unless it is already or is SACKed. Returns its size then.
  std::uint32_t lose_front(FlightMemory& memory);
  /// A timeout: the oldest record is lost, and every other for which `gone(record)` holds; what is lost will be sent in
  /// the order of sequence numbers. With `reneged` what was SACKed is lost too (RFC 2018 §8).
  template <typename Gone>
  void lose_on_timeout(FlightMemory& memory, bool reneged, Gone&& gone) {
    lost_list_ = {};
    if (reneged) sacked_ = segments_sacked_ = 0;
    reported_ = 0;
    for (std::uint32_t at = heads_[0]; at != kNone; at = memory.records_[at].next[0]) {
      FlightRecord& record = memory.records_[at];
      if (record.state == State::kSacked && !reneged) continue;
      if (record.state == State::kInFlight) {
        if (at != heads_[0] && !gone(static_cast<const FlightRecord&>(record))) continue;
        unlink(memory, in_flight_, at);
      }
      if (record.state == State::kSacked) record.retransmitted = true;  // It stands for several.
      if (record.state != State::kLost) lost_ += record.size;
      record.state = State::kLost;
      push_back(memory, lost_list_, at);
    }
  }
  /// What is lost and has not been sent again is in flight after all.
  void find_lost(FlightMemory& memory);

  /// The next record to be sent again, the oldest if it is lost, cut to at most `size_max`; nullptr when none is lost.
  /// The cut needs memory; without it the whole record is returned.
  FlightRecord* first_lost(FlightMemory& memory, std::uint32_t size_max);
  /// The newest record by sequence number, cut from the front to at most `size_max` where memory allows. Precondition:
  /// !empty().
  FlightRecord& last_part(FlightMemory& memory, std::uint32_t size_max);
  /// It has been sent again. Precondition: it is not SACKed.
  void resent(FlightMemory& memory, FlightRecord& record, base::Instant now, link::FrameTicket frame = {});

  /// The oldest record by sequence number. Precondition: !empty().
  const FlightRecord& front(const FlightMemory& memory) const { return memory.records_[heads_[0]]; }

  void clear(FlightMemory& memory);

 private:
  using State = FlightRecord::State;
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kHeightMax = FlightRecord::kHeightMax;

  /// Through FlightRecord::earlier and ::later.
  struct List {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
  };
  /// The last record before some place at each height, or kNone.
  using Path = std::array<std::uint32_t, kHeightMax>;

  static void push_back(FlightMemory& memory, List& list, std::uint32_t at);
  static void insert_after(FlightMemory& memory, List& list, std::uint32_t place, std::uint32_t at);
  static void unlink(FlightMemory& memory, List& list, std::uint32_t at);
  List& list_of(State state) { return state == State::kLost ? lost_list_ : in_flight_; }

  std::uint8_t next_height();
  Path path_to(const FlightMemory& memory, wire::Seq seq) const;
  std::uint32_t after_path(const FlightMemory& memory, const Path& path, std::size_t level) const;
  void link(FlightMemory& memory, const Path& path, std::uint32_t at);
  bool split(FlightMemory& memory, const Path& path, std::uint32_t at, std::uint32_t size);
  std::uint32_t join_or_pass(FlightMemory& memory, Path& path, std::uint32_t at);
  void pop_front(FlightMemory& memory);
  void lose(FlightMemory& memory, std::uint32_t at);
  static void deliver(const FlightRecord& record, wire::Seq end, FlightAck& result);

  std::array<std::uint32_t, kHeightMax> heads_{kNone, kNone, kNone};
  std::array<std::uint32_t, kHeightMax> tails_{kNone, kNone, kNone};
  List in_flight_;  // The earliest transmission first.
  List lost_list_;  // The one that has been lost for longest first.
  std::uint32_t count_ = 0;
  std::uint32_t linked_ = 0;  // Records ever linked: decides heights.
  std::uint32_t size_ = 0;
  std::uint32_t sacked_ = 0;
  std::uint32_t lost_ = 0;
  std::uint32_t segments_sacked_ = 0;
  std::uint32_t reported_ = 0;
  bool has_resent_ = false;
};

}  // namespace windhover::stack::tcp
