#include "stack/tcp/receive_store.h"

#include <algorithm>
#include <cstring>

namespace windhover::stack::tcp {

using wire::Seq;

ReceiveMemory::ReceiveMemory(std::uint32_t blocks)
    : storage_(new std::uint8_t[std::size_t{blocks} * kReceiveBlockSize]), runs_(blocks) {
  free_.reserve(blocks);
  for (std::uint32_t at = blocks; at-- > 0;) free_.push_back(at);
}

std::size_t ReceiveMemory::memory_size() const {
  return runs_.size() * (kReceiveBlockSize + sizeof(Run) + sizeof(std::uint32_t));
}

bool ReceiveStore::insert(ReceiveMemory& memory, Seq start, base::Bytes bytes, std::uint32_t blocks_max) {
  if (bytes.empty()) return true;
  const Seq first = start;
  std::uint32_t previous = kNone;
  std::uint32_t at = head_;
  if (tail_ != kNone && !after(memory.runs_[tail_].start + memory.runs_[tail_].size, start)) {
    previous = tail_;
    at = kNone;
  }
  while (!bytes.empty()) {
    while (at != kNone && !after(memory.runs_[at].start + memory.runs_[at].size, start)) {
      previous = at;
      at = memory.runs_[at].next;
    }
    std::size_t gap = bytes.size();
    if (at != kNone) {
      const std::int32_t distance = memory.runs_[at].start - start;
      gap = distance <= 0 ? 0 : std::min(gap, static_cast<std::size_t>(distance));
    }
    std::size_t step = 0;
    if (gap > 0) {
      step = fill(memory, previous, start, bytes.first(gap), blocks_max);
      if (step == 0) break;
    } else {
      const auto overlap = static_cast<std::size_t>((memory.runs_[at].start + memory.runs_[at].size) - start);
      step = std::min(overlap, bytes.size());
    }
    start = start + static_cast<std::uint32_t>(step);
    bytes = bytes.subspan(step);
  }
  if (start != first) remember(memory, first);
  return bytes.empty();
}

std::uint32_t ReceiveStore::fill(ReceiveMemory& memory, std::uint32_t& previous, Seq start, base::Bytes bytes,
                                 std::uint32_t blocks_max) {
  if (previous != kNone) {
    ReceiveMemory::Run& run = memory.runs_[previous];
    const std::size_t room = kReceiveBlockSize - run.size;
    if (run.start + run.size == start && room > 0) {
      const auto count = static_cast<std::uint32_t>(std::min(room, bytes.size()));
      std::memcpy(memory.data(previous) + run.size, bytes.data(), count);
      run.size += count;
      return count;
    }
  }
  if (memory.free_.empty() || blocks_ >= blocks_max) return 0;
  const std::uint32_t index = memory.free_.back();
  memory.free_.pop_back();
  ++blocks_;
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(kReceiveBlockSize, bytes.size()));
  const std::uint32_t next = previous == kNone ? head_ : memory.runs_[previous].next;
  memory.runs_[index] = {start, count, next};
  std::memcpy(memory.data(index), bytes.data(), count);
  (previous == kNone ? head_ : memory.runs_[previous].next) = index;
  if (next == kNone) tail_ = index;
  previous = index;
  return count;
}

void ReceiveStore::remember(const ReceiveMemory& memory, Seq start) {
  // One of each range: a range that grows must not push the others out.
  const wire::SackBlock range = range_around(memory, start);
  const auto newest = recent_.begin();
  auto kept = std::remove_if(newest, newest + recent_count_,
                             [&](Seq inside) { return !before(inside, range.left) && before(inside, range.right); });
  if (kept == recent_.end()) --kept;
  std::copy_backward(newest, kept, kept + 1);
  recent_[0] = start;
  recent_count_ = static_cast<std::uint8_t>(kept - newest + 1);
}

wire::SackBlock ReceiveStore::range_around(const ReceiveMemory& memory, Seq inside) const {
  wire::SackBlock range{};
  bool found = false;
  for (std::uint32_t at = head_; at != kNone; at = memory.runs_[at].next) {
    const ReceiveMemory::Run& run = memory.runs_[at];
    if (at == head_ || run.start != range.right) {
      if (found) break;
      range.left = run.start;
    }
    range.right = run.start + run.size;
    found |= !before(inside, range.left) && before(inside, range.right);
  }
  return found ? range : wire::SackBlock{inside, inside};
}

Seq ReceiveStore::contiguous_end(const ReceiveMemory& memory, Seq from) const {
  for (std::uint32_t at = head_; at != kNone; at = memory.runs_[at].next) {
    const ReceiveMemory::Run& run = memory.runs_[at];
    if (after(run.start, from)) break;
    if (after(run.start + run.size, from)) from = run.start + run.size;
  }
  return from;
}

base::Bytes ReceiveStore::front(ReceiveMemory& memory, Seq from) const {
  if (head_ == kNone) return {};
  const ReceiveMemory::Run& run = memory.runs_[head_];
  const std::int32_t skip = from - run.start;
  if (skip < 0 || static_cast<std::uint32_t>(skip) >= run.size) return {};
  return {memory.data(head_) + skip, run.size - static_cast<std::uint32_t>(skip)};
}

void ReceiveStore::release_before(ReceiveMemory& memory, Seq upto) {
  while (head_ != kNone && !after(memory.runs_[head_].start + memory.runs_[head_].size, upto)) {
    const std::uint32_t done = head_;
    head_ = memory.runs_[done].next;
    memory.free_.push_back(done);
    --blocks_;
  }
  if (head_ == kNone) {
    tail_ = kNone;
    recent_count_ = 0;
  }
}

std::size_t ReceiveStore::sack_blocks(const ReceiveMemory& memory, Seq rcv_nxt,
                                      std::array<wire::SackBlock, kSackBlocksMax>& blocks) const {
  std::size_t count = 0;
  for (std::size_t newest = 0; newest < recent_count_; ++newest) {
    const Seq inside = recent_[newest];
    if (before(inside, rcv_nxt)) continue;
    const wire::SackBlock range = range_around(memory, inside);
    if (range.left == range.right || !after(range.left, rcv_nxt)) continue;
    const auto same = [&](const wire::SackBlock& block) { return block.left == range.left; };
    if (std::any_of(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(count), same)) continue;
    blocks[count++] = range;
  }
  return count;
}

void ReceiveStore::clear(ReceiveMemory& memory) {
  while (head_ != kNone) {
    const std::uint32_t done = head_;
    head_ = memory.runs_[done].next;
    memory.free_.push_back(done);
  }
  tail_ = kNone;
  blocks_ = 0;
  recent_count_ = 0;
}

}  // namespace windhover::stack::tcp
