#include "stack/tcp/receive_store.h"

#include <algorithm>
#include <cstring>

#include "stack/base/check.h"

namespace windhover::stack::tcp {
namespace {

using wire::SackBlock;
using wire::Seq;
using Bits = std::array<std::uint64_t, kReceiveBlockSize / 64>;

constexpr std::uint32_t offset_of(Seq seq) { return seq.value() % kReceiveBlockSize; }
constexpr Seq block_start(Seq seq) { return seq - offset_of(seq); }
constexpr Seq shelf_start(Seq seq) { return seq - seq.value() % kReceiveShelfSpan; }
constexpr std::uint32_t slot_of(Seq seq) { return seq.value() % kReceiveShelfSpan / kReceiveBlockSize; }

/// The bits [from, to) of word `word`, of a range of bits [from, to) that touches it.
constexpr std::uint64_t mask_of(std::uint32_t word, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t low = std::max(from, word * 64) - word * 64;
  const std::uint32_t high = std::min(to, word * 64 + 64) - word * 64;
  return (~std::uint64_t{0} >> (64 - (high - low))) << low;
}

/// The first bit from `from` on that is set, or with `flip` all ones the first that is not; kReceiveBlockSize: none.
std::uint32_t find_bit(const Bits& bits, std::uint32_t from, std::uint64_t flip) {
  if (from >= kReceiveBlockSize) return kReceiveBlockSize;
  std::uint64_t word = (bits[from / 64] ^ flip) & (~std::uint64_t{0} << (from % 64));
  for (std::uint32_t at = from / 64;;) {
    if (word != 0) return at * 64 + static_cast<std::uint32_t>(std::countr_zero(word));
    if (++at == bits.size()) return kReceiveBlockSize;
    word = bits[at] ^ flip;
  }
}

std::uint32_t first_present(const Bits& bits, std::uint32_t from) { return find_bit(bits, from, 0); }
std::uint32_t first_missing(const Bits& bits, std::uint32_t from) { return find_bit(bits, from, ~std::uint64_t{0}); }

/// Where the run of set bits that ends before `end` begins; `end` when the bit before it is not set.
std::uint32_t run_start(const Bits& bits, std::uint32_t end) {
  while (end > 0) {
    const std::uint32_t word = (end - 1) / 64;
    const std::uint64_t holes = ~bits[word] & mask_of(word, word * 64, end);
    if (holes != 0) return word * 64 + 64 - static_cast<std::uint32_t>(std::countl_zero(holes));
    end = word * 64;
  }
  return 0;
}

/// Adds a run of bytes that were here already to the first such run of a segment, if it continues it.
void note_duplicate(SackBlock& duplicate, Seq left, std::uint32_t size) {
  if (duplicate.left == duplicate.right) {
    duplicate = {left, left + size};
  } else if (duplicate.right == left) {
    duplicate.right = left + size;
  }
}

/// The part of put() for a block that holds some of the bytes already.
std::uint32_t put_missing(Bits& present, std::uint8_t* data, std::uint32_t offset, base::Bytes bytes, Seq start,
                          SackBlock& duplicate) {
  const auto end = offset + static_cast<std::uint32_t>(bytes.size());
  std::uint32_t added = 0;
  for (std::uint32_t word = offset / 64; word * 64 < end; ++word) {
    const std::uint64_t mask = mask_of(word, offset, end);
    for (std::uint64_t here = present[word] & mask; here != 0;) {
      const auto low = static_cast<std::uint32_t>(std::countr_zero(here));
      const auto size = static_cast<std::uint32_t>(std::countr_one(here >> low));
      note_duplicate(duplicate, start + (word * 64 + low - offset), size);
      here &= ~mask_of(0, low, low + size);
    }
    std::uint64_t fresh = mask & ~present[word];
    present[word] |= fresh;
    added += static_cast<std::uint32_t>(std::popcount(fresh));
    for (; fresh != 0; fresh &= fresh - 1) {
      const std::uint32_t at = word * 64 + static_cast<std::uint32_t>(std::countr_zero(fresh));
      data[at] = bytes[at - offset];
    }
  }
  return added;
}

/// Copies to `data` what of `bytes` is not present yet, at `offset`; returns how many bytes that were.
std::uint32_t put(Bits& present, std::uint8_t* data, std::uint32_t offset, base::Bytes bytes, Seq start,
                  SackBlock& duplicate) {
  const auto end = offset + static_cast<std::uint32_t>(bytes.size());
  if (first_present(present, offset) < end) return put_missing(present, data, offset, bytes, start, duplicate);
  for (std::uint32_t word = offset / 64; word * 64 < end; ++word) present[word] |= mask_of(word, offset, end);
  std::memcpy(data + offset, bytes.data(), bytes.size());
  return static_cast<std::uint32_t>(bytes.size());
}

/// Clears the bits [from, to); returns how many were set.
std::uint32_t clear_bits(Bits& present, std::uint32_t from, std::uint32_t to) {
  std::uint32_t cleared = 0;
  for (std::uint32_t word = from / 64; word * 64 < to; ++word) {
    const std::uint64_t gone = present[word] & mask_of(word, from, to);
    cleared += static_cast<std::uint32_t>(std::popcount(gone));
    present[word] &= ~gone;
  }
  return cleared;
}

}  // namespace

ReceiveMemory::ReceiveMemory(std::uint32_t blocks)
    : capacity_(blocks),
      blocks_(std::make_unique_for_overwrite<Block[]>(blocks)),
      shelves_(std::make_unique_for_overwrite<Shelf[]>(blocks)) {
  free_blocks_.reserve(blocks);
  free_shelves_.reserve(blocks);
  for (std::uint32_t at = blocks; at-- > 0;) {
    free_blocks_.push_back(at);
    free_shelves_.push_back(at);
  }
}

std::size_t ReceiveMemory::memory_size() const {
  return std::size_t{capacity_} * (sizeof(Block) + sizeof(Shelf) + 2 * sizeof(std::uint32_t));
}

// Finding.

std::uint32_t ReceiveStore::nearest_shelf(const ReceiveMemory& memory, Seq start) const {
  // The last shelf that does not begin after `start`, or kNone.
  std::uint32_t at = near_ == kNone ? tail_ : near_;
  while (at != kNone && after(memory.shelves_[at].start(), start)) at = memory.shelves_[at].previous;
  if (at == kNone) {
    near_ = head_;
    return kNone;
  }
  for (std::uint32_t next = memory.shelves_[at].next;
       next != kNone && before_or_at(memory.shelves_[next].start(), start); next = memory.shelves_[at].next) {
    at = next;
  }
  near_ = at;
  return at;
}

std::uint32_t ReceiveStore::index_at(const ReceiveMemory& memory, Seq seq) const {
  const Seq start = shelf_start(seq);
  const std::uint32_t at = nearest_shelf(memory, start);
  if (at == kNone) return kNone;
  const ReceiveMemory::Shelf& shelf = memory.shelves_[at];
  const std::uint32_t slot = slot_of(seq);
  return shelf.start() == start && (shelf.held >> slot & 1) != 0 ? shelf.blocks[slot] : kNone;
}

const ReceiveMemory::Block* ReceiveStore::block_at(const ReceiveMemory& memory, Seq seq) const {
  const std::uint32_t index = index_at(memory, seq);
  return index == kNone ? nullptr : &memory.blocks_[index];
}

Seq ReceiveStore::contiguous_end(const ReceiveMemory& memory, Seq from) const {
  for (;;) {
    const ReceiveMemory::Block* const block = block_at(memory, from);
    if (block == nullptr) return from;
    const Seq start = block_start(from);
    const std::uint32_t end =
        block->count == kReceiveBlockSize ? kReceiveBlockSize : first_missing(block->present, offset_of(from));
    from = start + end;
    if (end != kReceiveBlockSize) return from;
  }
}

std::uint32_t ReceiveStore::missing(const ReceiveMemory& memory, Seq from, std::uint32_t size) const {
  std::uint32_t count = 0;
  while (count < size) {
    const Seq at = from + count;
    const ReceiveMemory::Block* const block = block_at(memory, at);
    const std::uint32_t next = block == nullptr ? kReceiveBlockSize : first_present(block->present, offset_of(at));
    count += next - offset_of(at);
    if (next != kReceiveBlockSize) break;
  }
  return std::min(count, size);
}

base::Bytes ReceiveStore::front(const ReceiveMemory& memory, Seq from) const {
  const ReceiveMemory::Block* const block = block_at(memory, from);
  if (block == nullptr) return {};
  const std::uint32_t offset = offset_of(from);
  return {block->data + offset, first_missing(block->present, offset) - offset};
}

// Storing.

Inserted ReceiveStore::insert(ReceiveMemory& memory, Seq start, base::Bytes bytes, std::uint32_t blocks_max) {
  Inserted result;
  const Seq first = start;
  while (!bytes.empty()) {
    ReceiveMemory::Block* const block = take_block(memory, start, blocks_max, result);
    if (block == nullptr) {
      result.whole = false;
      break;
    }
    const std::uint32_t offset = offset_of(start);
    const base::Bytes part = bytes.first(std::min<std::size_t>(bytes.size(), kReceiveBlockSize - offset));
    block->count += put(block->present, block->data, offset, part, start, result.duplicate);
    start += static_cast<std::uint32_t>(part.size());
    bytes = bytes.subspan(part.size());
  }
  if (start != first) remember(memory, {first, start});
  return result;
}

ReceiveMemory::Block* ReceiveStore::take_block(ReceiveMemory& memory, Seq seq, std::uint32_t blocks_max,
                                               Inserted& result) {
  if (const std::uint32_t held = index_at(memory, seq); held != kNone) return &memory.blocks_[held];
  if (blocks_ >= blocks_max || memory.free_blocks_.empty()) {
    if (can_give_up(memory) && after(farthest(memory), seq)) {
      give_up_farthest(memory);
      ++result.given_up;
    } else if (blocks_ < blocks_max && take_from_others(memory)) {
      ++result.taken;
    } else {
      return nullptr;
    }
  }
  ReceiveMemory::Shelf& shelf = take_shelf(memory, shelf_start(seq));
  const std::uint32_t index = memory.free_blocks_.back();
  memory.free_blocks_.pop_back();
  shelf.blocks[slot_of(seq)] = index;
  shelf.held |= std::uint64_t{1} << slot_of(seq);
  if (blocks_++ == 0) join_holders(memory);
  ReceiveMemory::Block& block = memory.blocks_[index];
  block.present.fill(0);
  block.count = 0;
  return &block;
}

ReceiveMemory::Shelf& ReceiveStore::take_shelf(ReceiveMemory& memory, Seq start) {
  const std::uint32_t previous = nearest_shelf(memory, start);
  if (previous != kNone && memory.shelves_[previous].start() == start) return memory.shelves_[previous];
  const std::uint32_t index = memory.free_shelves_.back();
  memory.free_shelves_.pop_back();
  const std::uint32_t next = previous == kNone ? head_ : memory.shelves_[previous].next;
  ReceiveMemory::Shelf& shelf = memory.shelves_[index];
  shelf.origin = start.value();
  shelf.previous = previous;
  shelf.next = next;
  shelf.held = 0;
  (previous == kNone ? head_ : memory.shelves_[previous].next) = index;
  (next == kNone ? tail_ : memory.shelves_[next].previous) = index;
  near_ = index;
  return shelf;
}

// Letting go.

void ReceiveStore::free_block(ReceiveMemory& memory, std::uint32_t at, std::uint32_t slot) {
  ReceiveMemory::Shelf& shelf = memory.shelves_[at];
  shelf.held &= ~(std::uint64_t{1} << slot);
  memory.free_blocks_.push_back(shelf.blocks[slot]);
  if (--blocks_ == 0) leave_holders(memory);
  if (shelf.held != 0) return;
  (shelf.previous == kNone ? head_ : memory.shelves_[shelf.previous].next) = shelf.next;
  (shelf.next == kNone ? tail_ : memory.shelves_[shelf.next].previous) = shelf.previous;
  if (near_ == at) near_ = shelf.previous;
  memory.free_shelves_.push_back(at);
}

void ReceiveStore::promise(Seq upto) {
  if (empty()) {
    promised_ = upto;
  } else {
    promised_ = later(promised_, upto);
  }
}

void ReceiveStore::release_before(ReceiveMemory& memory, Seq upto) {
  promise(upto);
  while (head_ != kNone) {
    const std::uint32_t at = head_;
    const ReceiveMemory::Shelf& shelf = memory.shelves_[at];
    const auto slot = static_cast<std::uint32_t>(std::countr_zero(shelf.held));
    const std::int32_t size = upto - (shelf.start() + slot * kReceiveBlockSize);
    if (size <= 0) break;
    ReceiveMemory::Block& block = memory.blocks_[shelf.blocks[slot]];
    if (static_cast<std::uint32_t>(size) < kReceiveBlockSize) {
      block.count -= clear_bits(block.present, 0, static_cast<std::uint32_t>(size));
      if (block.count == 0) free_block(memory, at, slot);
      break;
    }
    free_block(memory, at, slot);
  }
  if (empty()) recent_count_ = 0;
}

void ReceiveStore::discard_from(ReceiveMemory& memory, Seq from) {
  while (!empty() && !before(farthest(memory), from)) give_up_farthest(memory);
  if (!empty() && offset_of(from) != 0 && farthest(memory) == block_start(from)) {
    ReceiveMemory::Shelf& shelf = memory.shelves_[tail_];
    ReceiveMemory::Block& block = memory.blocks_[shelf.blocks[slot_of(from)]];
    block.count -= clear_bits(block.present, offset_of(from), kReceiveBlockSize);
    if (block.count == 0) free_block(memory, tail_, slot_of(from));
  }
  cut_recent(from);
}

void ReceiveStore::clear(ReceiveMemory& memory) {
  while (!empty()) give_up_farthest(memory);
  recent_count_ = 0;
  duplicate_pending_ = false;
}

// Giving way.

Seq ReceiveStore::farthest(const ReceiveMemory& memory) const {
  const ReceiveMemory::Shelf& shelf = memory.shelves_[tail_];
  const auto slot = static_cast<std::uint32_t>(63 - std::countl_zero(shelf.held));
  return shelf.start() + slot * kReceiveBlockSize;
}

void ReceiveStore::give_up_farthest(ReceiveMemory& memory) {
  const Seq start = farthest(memory);
  free_block(memory, tail_, slot_of(start));
  cut_recent(start);
}

bool ReceiveStore::take_from_others(ReceiveMemory& memory) {
  if (memory.hand_ == nullptr) return false;
  ReceiveStore* most = nullptr;
  for (std::uint32_t count = 0; count < kHoldersMax; ++count) {
    ReceiveStore* const other = memory.hand_;
    memory.hand_ = other->next_holder_;
    // Between equals nothing moves, or two connections would take the same block from each other for ever.
    if (other == this || other->blocks_ <= blocks_ + 1 || !other->can_give_up(memory)) continue;
    if (most == nullptr || other->blocks_ > most->blocks_) most = other;
  }
  if (most == nullptr) return false;
  most->give_up_farthest(memory);
  return true;
}

void ReceiveStore::join_holders(ReceiveMemory& memory) {
  if (memory.hand_ == nullptr) memory.hand_ = previous_holder_ = next_holder_ = this;
  next_holder_ = memory.hand_;
  previous_holder_ = next_holder_->previous_holder_;
  previous_holder_->next_holder_ = next_holder_->previous_holder_ = this;
}

void ReceiveStore::leave_holders(ReceiveMemory& memory) {
  if (memory.hand_ == this) memory.hand_ = next_holder_ == this ? nullptr : next_holder_;
  previous_holder_->next_holder_ = next_holder_;
  next_holder_->previous_holder_ = previous_holder_;
}

// Reporting.

Seq ReceiveStore::scan_right(const ReceiveMemory& memory, Seq from) const {
  for (std::uint32_t count = 0; count < kScanBlocksMax; ++count) {
    const ReceiveMemory::Block* const block = block_at(memory, from);
    if (block == nullptr) break;
    const std::uint32_t end =
        block->count == kReceiveBlockSize ? kReceiveBlockSize : first_missing(block->present, offset_of(from));
    from = block_start(from) + end;
    if (end != kReceiveBlockSize) break;
  }
  return from;
}

Seq ReceiveStore::scan_left(const ReceiveMemory& memory, Seq from) const {
  for (std::uint32_t count = 0; count < kScanBlocksMax; ++count) {
    const Seq inside = from - 1U;
    const ReceiveMemory::Block* const block = block_at(memory, inside);
    if (block == nullptr) break;
    const std::uint32_t start =
        block->count == kReceiveBlockSize ? 0 : run_start(block->present, offset_of(inside) + 1);
    from = block_start(inside) + start;
    if (start != 0) break;
  }
  return from;
}

void ReceiveStore::absorb_recent(SackBlock& range) {
  const auto newest = recent_.begin();
  const auto touches = [&](const SackBlock& other) {
    if (before(other.right, range.left) || after(other.left, range.right)) return false;
    range = {earlier(range.left, other.left), later(range.right, other.right)};
    return true;
  };
  const auto passed = [&](const SackBlock& other) { return !after(other.right, promised_); };
  const auto kept = std::remove_if(newest, newest + recent_count_,
                                   [&](const SackBlock& other) { return touches(other) || passed(other); });
  recent_count_ = static_cast<std::uint8_t>(kept - newest);
}

void ReceiveStore::remember(const ReceiveMemory& memory, SackBlock range) {
  // What the recent ranges know need not be looked for; beyond them lies at most what was forgotten.
  absorb_recent(range);
  range = {scan_left(memory, range.left), scan_right(memory, range.right)};
  absorb_recent(range);
  if (!after(range.left, promised_)) return;  // It is acknowledged before anything is reported.
  if (recent_count_ == recent_.size()) --recent_count_;
  std::copy_backward(recent_.begin(), recent_.begin() + recent_count_, recent_.begin() + recent_count_ + 1);
  recent_[0] = range;
  ++recent_count_;
}

void ReceiveStore::cut_recent(Seq from) {
  std::uint8_t kept = 0;
  for (std::uint8_t at = 0; at < recent_count_; ++at) {
    const SackBlock range{recent_[at].left, earlier(recent_[at].right, from)};
    if (before(range.left, range.right)) recent_[kept++] = range;
  }
  recent_count_ = kept;
}

void ReceiveStore::report_duplicate(const SackBlock& duplicate) {
  duplicate_ = duplicate;
  duplicate_pending_ = true;
}

std::size_t ReceiveStore::sack_blocks(Seq rcv_nxt, std::array<SackBlock, kSackBlocksMax>& blocks) const {
  std::size_t count = 0;
  if (duplicate_pending_) blocks[count++] = duplicate_;
  for (std::uint8_t at = 0; at < recent_count_ && count < blocks.size(); ++at) {
    if (after(recent_[at].left, rcv_nxt)) blocks[count++] = recent_[at];
  }
  return count;
}

}  // namespace windhover::stack::tcp
