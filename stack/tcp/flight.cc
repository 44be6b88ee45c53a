#include "stack/tcp/flight.h"

#include <algorithm>

#include "stack/base/check.h"

namespace windhover::stack::tcp {

using wire::Seq;

namespace {

/// One record in so many is linked one level higher: three levels make a search among 4,096 records some 50 steps.
constexpr std::uint32_t kFanOut = 16;

constexpr std::uint32_t kSegmentsMax = 0xffff;

}  // namespace

FlightMemory::FlightMemory(std::uint32_t records) : records_(records) {
  free_.reserve(records);
  for (std::uint32_t at = records; at-- > 0;) free_.push_back(at);
}

std::size_t FlightMemory::memory_size() const {
  return records_.size() * (sizeof(FlightRecord) + sizeof(std::uint32_t));
}

// ------------------------------------------------------------------------------------
// the lists by time and by loss

void Flight::insert_after(FlightMemory& memory, List& list, std::uint32_t place, std::uint32_t at) {
  std::uint32_t& place_later = place == kNone ? list.head : memory.records_[place].later;
  memory.records_[at].earlier = place;
  memory.records_[at].later = place_later;
  (place_later == kNone ? list.tail : memory.records_[place_later].earlier) = at;
  place_later = at;
}

void Flight::push_back(FlightMemory& memory, List& list, std::uint32_t at) {
  insert_after(memory, list, list.tail, at);
}

void Flight::unlink(FlightMemory& memory, List& list, std::uint32_t at) {
  const FlightRecord& record = memory.records_[at];
  (record.earlier == kNone ? list.head : memory.records_[record.earlier].later) = record.later;
  (record.later == kNone ? list.tail : memory.records_[record.later].earlier) = record.earlier;
}

// ----------------------------------------------------------------------------------------
// the list by sequence number

std::uint8_t Flight::next_height() {
  std::uint32_t number = ++linked_;
  if (number % kFanOut != 0) [[likely]]
    return 1;
  std::uint8_t height = 1;
  for (; height < kHeightMax && number % kFanOut == 0; number /= kFanOut) ++height;
  return height;
}

Flight::Path Flight::path_to(const FlightMemory& memory, Seq seq) const {
  Path path;
  std::uint32_t at = kNone;
  for (std::size_t level = kHeightMax; level-- > 0;) {
    std::uint32_t next = at == kNone ? heads_[level] : memory.records_[at].next[level];
    while (next != kNone && before(memory.records_[next].start, seq)) {
      at = next;
      next = memory.records_[at].next[level];
    }
    path[level] = at;
  }
  return path;
}

std::uint32_t Flight::after_path(const FlightMemory& memory, const Path& path, std::size_t level) const {
  return path[level] == kNone ? heads_[level] : memory.records_[path[level]].next[level];
}

void Flight::link(FlightMemory& memory, const Path& path, std::uint32_t at) {
  FlightRecord& record = memory.records_[at];
  const auto link_level = [&](std::size_t level) {
    std::uint32_t& place = path[level] == kNone ? heads_[level] : memory.records_[path[level]].next[level];
    record.next[level] = place;
    if (place == kNone) tails_[level] = at;
    place = at;
  };
  record.height = next_height() & 0x7f;
  for (std::size_t level = 1; level < record.height; ++level) link_level(level);
  link_level(0);
  ++count_;
}

void Flight::sent(FlightMemory& memory, base::Instant now, Seq start, std::uint32_t size, link::FrameTicket frame) {
  CHECK(!memory.free_.empty());
  const std::uint32_t index = memory.free_.back();
  memory.free_.pop_back();
  memory.records_[index] = {.start = start, .size = size, .sent = now, .frame = frame};
  link(memory, tails_, index);
  push_back(memory, in_flight_, index);
  size_ += size;
}

/// The second part follows `at` in every order. Precondition: `path` leads to the end of `at`, that itself included.
bool Flight::split(FlightMemory& memory, const Path& path, std::uint32_t at, std::uint32_t size) {
  if (memory.free_.empty()) return false;
  const std::uint32_t index = memory.free_.back();
  memory.free_.pop_back();
  FlightRecord& first = memory.records_[at];
  FlightRecord& second = memory.records_[index];
  second = first;
  second.start = first.start + size;
  second.size = first.size - size;
  first.size = size;
  link(memory, path, index);
  insert_after(memory, list_of(first.state), at, index);
  return true;
}

/// `at` follows `path`. When it and the one before are SACKed they become one, else the path moves past it. Returns the
/// next record.
std::uint32_t Flight::join_or_pass(FlightMemory& memory, Path& path, std::uint32_t at) {
  const FlightRecord& record = memory.records_[at];
  const bool joins =
      record.state == State::kSacked && path[0] != kNone && memory.records_[path[0]].state == State::kSacked;
  if (!joins) {
    for (std::size_t level = 0; level < record.height; ++level) path[level] = at;
    return record.next[0];
  }
  FlightRecord& into = memory.records_[path[0]];
  into.size += record.size;
  into.segments = static_cast<std::uint16_t>(std::min<std::uint32_t>(into.segments + record.segments, kSegmentsMax));
  into.sent = std::max(into.sent, record.sent);
  for (std::size_t level = 0; level < record.height; ++level) {
    (path[level] == kNone ? heads_[level] : memory.records_[path[level]].next[level]) = record.next[level];
    if (tails_[level] == at) tails_[level] = path[level];
  }
  --count_;
  memory.free_.push_back(at);
  return record.next[0];
}

void Flight::pop_front(FlightMemory& memory) {
  const std::uint32_t at = heads_[0];
  const FlightRecord& record = memory.records_[at];
  for (std::size_t level = 1; level < record.height; ++level) {
    heads_[level] = record.next[level];
    if (heads_[level] == kNone) tails_[level] = kNone;
  }
  heads_[0] = record.next[0];
  if (heads_[0] == kNone) tails_[0] = kNone;
  --count_;
  memory.free_.push_back(at);
}

// ---------------------------------------------------------------------------------------------------
// acknowledgements

void Flight::deliver(const FlightRecord& record, Seq end, FlightAck& result) {
  result.delivered += static_cast<std::uint32_t>(end - record.start);
  if (!result.any || after(end, result.highest_end)) result.highest_end = end;
  result.any = true;
  if (record.retransmitted) {
    result.retransmitted = true;
    if (record.sent > result.genuine_until) return;
  } else {
    if (!result.original || before(end, result.lowest_original_end)) result.lowest_original_end = end;
    result.original = true;
  }
  if (result.timed &&
      (record.sent < result.newest_sent || (record.sent == result.newest_sent && !after(end, result.newest_end)))) {
    return;
  }
  result.timed = true;
  result.newest_sent = record.sent;
  result.newest_end = end;
}

void Flight::acknowledge(FlightMemory& memory, Seq una, FlightAck& result) {
  while (heads_[0] != kNone) {
    FlightRecord& record = memory.records_[heads_[0]];
    if (!before(record.start, una)) break;
    const std::uint32_t covered =
        before(una, record.end()) ? static_cast<std::uint32_t>(una - record.start) : record.size;
    const bool whole = covered == record.size;
    size_ -= covered;
    if (record.state == State::kSacked) {
      sacked_ -= covered;
      if (whole) segments_sacked_ -= record.segments;
    } else {
      deliver(record, record.start + covered, result);
      if (record.state == State::kLost) lost_ -= covered;
      if (whole) unlink(memory, list_of(record.state), heads_[0]);
    }
    if (!whole) {
      record.start = una;
      record.size -= covered;
      break;
    }
    pop_front(memory);
  }
  if (heads_[0] == kNone) {
    has_resent_ = false;
    reported_ = 0;
  }
}

void Flight::sack(FlightMemory& memory, Seq start, Seq end, const SackRules& rules, FlightAck& result) {
  Path path = path_to(memory, start);
  if (path[0] != kNone) {
    const FlightRecord& straddling = memory.records_[path[0]];
    if (straddling.state != State::kSacked && after(straddling.end(), start) && count_ < rules.records_max) {
      split(memory, path, path[0], static_cast<std::uint32_t>(start - straddling.start));
    }
  }
  std::uint32_t at = after_path(memory, path, 0);
  while (at != kNone && before(memory.records_[at].start, end)) {
    FlightRecord& record = memory.records_[at];
    if (record.state != State::kSacked) {
      if (after(record.end(), end)) {
        Path through = path;
        for (std::size_t level = 0; level < record.height; ++level) through[level] = at;
        const auto inside = static_cast<std::uint32_t>(end - record.start);
        if (count_ >= rules.records_max || !split(memory, through, at, inside)) return;
      }
      deliver(record, record.end(), result);
      unlink(memory, list_of(record.state), at);
      if (record.state == State::kLost) lost_ -= record.size;
      record.state = State::kSacked;
      record.segments =
          static_cast<std::uint16_t>(std::clamp<std::uint32_t>(record.size / rules.segment, 1, kSegmentsMax));
      sacked_ += record.size;
      segments_sacked_ += record.segments;
    }
    at = join_or_pass(memory, path, at);
  }
  if (at != kNone && memory.records_[at].state == State::kSacked) join_or_pass(memory, path, at);
}

// -------------------------------------------------------------------------------------------------------------
// losses

void Flight::lose(FlightMemory& memory, std::uint32_t at) {
  FlightRecord& record = memory.records_[at];
  unlink(memory, in_flight_, at);
  record.state = State::kLost;
  lost_ += record.size;
  push_back(memory, lost_list_, at);
}

std::uint32_t Flight::lose_front(FlightMemory& memory) {
  if (heads_[0] == kNone || memory.records_[heads_[0]].state != State::kInFlight) return 0;
  lose(memory, heads_[0]);
  return memory.records_[heads_[0]].size;
}

void Flight::find_lost(FlightMemory& memory) {
  while (lost_list_.tail != kNone) {
    const std::uint32_t at = lost_list_.tail;
    unlink(memory, lost_list_, at);
    FlightRecord& record = memory.records_[at];
    record.state = State::kInFlight;
    // Lost is what left early: its place is near the front.
    std::uint32_t place = kNone;
    std::uint32_t next = in_flight_.head;
    while (next != kNone && memory.records_[next].sent < record.sent) {
      place = next;
      next = memory.records_[next].later;
    }
    insert_after(memory, in_flight_, place, at);
  }
  lost_ = 0;
}

FlightRecord* Flight::first_lost(FlightMemory& memory, std::uint32_t size_max) {
  if (lost_list_.head == kNone) return nullptr;
  // Everything else waits for the oldest.
  const bool oldest = memory.records_[heads_[0]].state == State::kLost;
  const std::uint32_t at = oldest ? heads_[0] : lost_list_.head;
  FlightRecord& record = memory.records_[at];
  if (record.size > size_max) split(memory, path_to(memory, record.end()), at, size_max);
  return &record;
}

FlightRecord& Flight::last_part(FlightMemory& memory, std::uint32_t size_max) {
  const FlightRecord& last = memory.records_[tails_[0]];
  if (last.size > size_max && last.state != State::kSacked) {
    split(memory, path_to(memory, last.end()), tails_[0], last.size - size_max);
  }
  return memory.records_[tails_[0]];
}

void Flight::resent(FlightMemory& memory, FlightRecord& record, base::Instant now, link::FrameTicket frame) {
  CHECK(record.state != State::kSacked);
  const auto at = static_cast<std::uint32_t>(&record - memory.records_.data());
  unlink(memory, list_of(record.state), at);
  if (record.state == State::kLost) lost_ -= record.size;
  record.state = State::kInFlight;
  record.retransmitted = true;
  record.sent = now;
  record.frame = frame;
  push_back(memory, in_flight_, at);
  has_resent_ = true;
}

void Flight::clear(FlightMemory& memory) {
  while (heads_[0] != kNone) pop_front(memory);
  *this = {};
}

}  // namespace windhover::stack::tcp
