#include "stack/tcp/send_queue.h"

#include <cstring>
#include <new>
#include <utility>

#include "stack/base/check.h"

namespace windhover::stack::tcp {

SendMemory::Block::Block(SendMemory& memory) : Buffer(data_, kSendBlockSize, &give_back), memory_(memory) {}

void SendMemory::Block::give_back(base::Buffer* self) noexcept {
  auto* const block = static_cast<Block*>(self);
  block->used = 0;
  block->memory_.free_blocks_.push_back(block);
}

SendMemory::SendMemory(std::uint32_t blocks, std::uint32_t entries)
    : block_count_(blocks),
      storage_(new std::byte[std::size_t{blocks} * sizeof(Block) + alignof(Block)]),
      entries_(entries) {
  static_assert(alignof(Block) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  free_blocks_.reserve(blocks);
  for (std::uint32_t at = blocks; at-- > 0;) {
    free_blocks_.push_back(new (storage_.get() + std::size_t{at} * sizeof(Block)) Block(*this));
  }
  free_entries_.reserve(entries);
  for (std::uint32_t at = entries; at-- > 0;) free_entries_.push_back(at);
}

SendMemory::~SendMemory() {
  CHECK(all_free());
  for (Block* block : free_blocks_) block->~Block();
}

std::size_t SendMemory::memory_size() const {
  return std::size_t{block_count_} * (sizeof(Block) + sizeof(Block*)) +
         entries_.size() * (sizeof(Entry) + sizeof(std::uint32_t));
}

SendMemory::Block* SendMemory::allocate_block() {
  if (free_blocks_.empty()) return nullptr;
  Block* const block = free_blocks_.back();
  free_blocks_.pop_back();
  return block;
}

std::size_t SendQueue::append(SendMemory& memory, base::Bytes bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    SendMemory::Entry* tail = tail_ == kNone ? nullptr : &memory.entries_[tail_];
    if (tail == nullptr || tail->block == nullptr || tail->block->used == kSendBlockSize) {
      if (memory.free_entries_.empty()) break;
      SendMemory::Block* const block = memory.allocate_block();
      if (block == nullptr) break;
      push(memory, {base::BufferRef(block), 0, 0}, block);
      tail = &memory.entries_[tail_];
    }
    SendMemory::Block& block = *tail->block;
    const std::size_t run = std::min<std::size_t>(bytes.size() - taken, kSendBlockSize - block.used);
    std::memcpy(block.data() + block.used, bytes.data() + taken, run);
    block.used += static_cast<std::uint32_t>(run);
    tail->slice.size += run;
    taken += run;
  }
  size_ += taken;
  copied_ += taken;
  return taken;
}

bool SendQueue::append(SendMemory& memory, base::Slice slice) {
  if (slice.size == 0) return true;
  const std::size_t size = slice.size;
  if (!push(memory, std::move(slice), nullptr)) return false;
  size_ += size;
  return true;
}

bool SendQueue::push(SendMemory& memory, base::Slice slice, SendMemory::Block* block) {
  if (memory.free_entries_.empty()) return false;
  const std::uint32_t index = memory.free_entries_.back();
  memory.free_entries_.pop_back();
  memory.entries_[index] = {std::move(slice), block, kNone};
  if (tail_ == kNone) {
    head_ = index;
  } else {
    memory.entries_[tail_].next = index;
  }
  tail_ = index;
  return true;
}

void SendQueue::acknowledge(SendMemory& memory, std::uint64_t count) {
  CHECK(count <= size_);
  size_ -= count;
  cursor_start_ = cursor_start_ > count ? cursor_start_ - count : 0;
  while (count > 0) {
    SendMemory::Entry& entry = memory.entries_[head_];
    const auto run = static_cast<std::size_t>(std::min<std::uint64_t>(count, entry.slice.size));
    if (entry.block != nullptr) copied_ -= run;
    entry.slice.offset += run;
    entry.slice.size -= run;
    count -= run;
    if (entry.slice.size != 0) break;
    const std::uint32_t done = head_;
    if (cursor_ == done) cursor_ = kNone;
    head_ = entry.next;
    entry.slice = {};
    memory.free_entries_.push_back(done);
    if (head_ == kNone) tail_ = kNone;
  }
}

void SendQueue::clear(SendMemory& memory) { acknowledge(memory, size_); }

void SendQueue::seek(SendMemory& memory, std::uint64_t from) {
  if (cursor_ == kNone || from < cursor_start_) {
    cursor_ = head_;
    cursor_start_ = 0;
  }
  while (from - cursor_start_ >= memory.entries_[cursor_].slice.size) {
    cursor_start_ += memory.entries_[cursor_].slice.size;
    cursor_ = memory.entries_[cursor_].next;
  }
}

}  // namespace windhover::stack::tcp
