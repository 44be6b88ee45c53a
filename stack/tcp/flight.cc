#include "stack/tcp/flight.h"

#include <algorithm>

#include "stack/base/check.h"

namespace windhover::stack::tcp {

using wire::Seq;

FlightMemory::FlightMemory(std::uint32_t records) : records_(records) {
  free_.reserve(records);
  for (std::uint32_t at = records; at-- > 0;) free_.push_back(at);
}

std::size_t FlightMemory::memory_size() const {
  return records_.size() * (sizeof(FlightRecord) + sizeof(std::uint32_t));
}

void Flight::sent(FlightMemory& memory, base::Instant now, Seq start, std::uint32_t size) {
  CHECK(!memory.free_.empty());
  const std::uint32_t index = memory.free_.back();
  memory.free_.pop_back();
  memory.records_[index] = {.start = start, .size = size, .sent = now, .next = kNone};
  if (tail_ == kNone) {
    head_ = index;
  } else {
    memory.records_[tail_].next = index;
  }
  tail_ = index;
  size_ += size;
}

void Flight::deliver(FlightRecord& record, FlightAck& result) const {
  result.delivered += record.size;
  result.retransmitted |= record.retransmitted;
  if (sacked_records_ > 0 && !record.retransmitted && before(record.end(), fack_)) result.reordered = true;
  if (!result.any || record.sent > result.newest_sent ||
      (record.sent == result.newest_sent && after(record.end(), result.newest_end))) {
    result.newest_sent = record.sent;
    result.newest_end = record.end();
    result.newest_retransmitted = record.retransmitted;
  }
  result.any = true;
}

void Flight::acknowledge(FlightMemory& memory, Seq una, FlightAck& result) {
  while (head_ != kNone) {
    FlightRecord& record = memory.records_[head_];
    if (!before(record.start, una)) break;
    const std::uint32_t covered =
        before(una, record.end()) ? static_cast<std::uint32_t>(una - record.start) : record.size;
    if (record.sacked) {
      sacked_ -= covered;
    } else {
      FlightRecord part = record;
      part.size = covered;
      deliver(part, result);
      if (record.lost) lost_ -= covered;
    }
    size_ -= covered;
    if (covered < record.size) {
      record.start = una;
      record.size -= covered;
      break;
    }
    if (record.sacked) --sacked_records_;
    const std::uint32_t done = head_;
    head_ = record.next;
    memory.free_.push_back(done);
  }
  if (head_ == kNone) tail_ = kNone;
}

bool Flight::split(FlightMemory& memory, std::uint32_t at, std::uint32_t size) {
  if (memory.free_.empty()) return false;
  const std::uint32_t index = memory.free_.back();
  memory.free_.pop_back();
  FlightRecord& first = memory.records_[at];
  FlightRecord& second = memory.records_[index];
  second = first;
  second.start = first.start + size;
  second.size = first.size - size;
  first.size = size;
  first.next = index;
  if (tail_ == at) tail_ = index;
  if (first.sacked) ++sacked_records_;
  return true;
}

void Flight::sack(FlightMemory& memory, Seq start, Seq end, FlightAck& result) {
  for (std::uint32_t at = head_; at != kNone; at = memory.records_[at].next) {
    if (!before(memory.records_[at].start, end)) break;
    if (memory.records_[at].sacked || !after(memory.records_[at].end(), start)) continue;
    if (before(memory.records_[at].start, start)) {
      split(memory, at, static_cast<std::uint32_t>(start - memory.records_[at].start));
      continue;  // The second half, if there is one, comes next.
    }
    if (after(memory.records_[at].end(), end) &&
        !split(memory, at, static_cast<std::uint32_t>(end - memory.records_[at].start))) {
      break;
    }
    FlightRecord& record = memory.records_[at];
    deliver(record, result);
    if (sacked_records_ == 0 || after(record.end(), fack_)) fack_ = record.end();
    record.sacked = true;
    sacked_ += record.size;
    ++sacked_records_;
    if (record.lost) {
      record.lost = false;
      lost_ -= record.size;
    }
  }
}

FlightRecord* Flight::first_lost(FlightMemory& memory, std::uint32_t size_max) {
  if (lost_ == 0) return nullptr;
  for (std::uint32_t at = head_; at != kNone; at = memory.records_[at].next) {
    if (!memory.records_[at].lost) continue;
    if (memory.records_[at].size > size_max) split(memory, at, size_max);
    return &memory.records_[at];
  }
  return nullptr;
}

void Flight::resent(FlightRecord& record, base::Instant now) {
  if (record.lost) lost_ -= record.size;
  record.lost = false;
  record.retransmitted = true;
  record.sent = now;
}

void Flight::forget_sacks(FlightMemory& memory) {
  for (std::uint32_t at = head_; at != kNone; at = memory.records_[at].next) memory.records_[at].sacked = false;
  sacked_ = 0;
  sacked_records_ = 0;
}

void Flight::clear(FlightMemory& memory) {
  FlightAck ignored;
  if (head_ != kNone) acknowledge(memory, memory.records_[tail_].end(), ignored);
}

}  // namespace windhover::stack::tcp
