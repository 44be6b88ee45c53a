#pragma once
// What a connection has been given to send and the peer has not yet acknowledged: references, never a copy of a file.
//
// Small writes are copied once into blocks of the lane; slices of shared buffers are held by reference. Frames are
// built from the queue at transmit and again at retransmit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/buffer.h"
#include "stack/base/bytes.h"

namespace windhover::stack::tcp {

/// Payload bytes of one block of copied data.
inline constexpr std::uint32_t kSendBlockSize = 2048;

/// The lane's store behind all send queues: blocks for copied bytes and entries for slices, both taken at construction.
/// Thread: one lane. Must outlive every frame that refers to a block (the device's arena goes first).
class SendMemory {
 public:
  SendMemory(std::uint32_t blocks, std::uint32_t entries);
  ~SendMemory();
  SendMemory(const SendMemory&) = delete;
  SendMemory& operator=(const SendMemory&) = delete;

  /// Enough is free that it is worth telling those who wait for some: a sixteenth.
  bool has_room() const {
    return free_blocks_.size() * 16 >= block_count_ && free_entries_.size() * 16 >= entries_.size();
  }
  /// True when every block and entry is back.
  bool all_free() const { return free_blocks_.size() == block_count_ && free_entries_.size() == entries_.size(); }
  std::uint32_t used_blocks() const { return block_count_ - static_cast<std::uint32_t>(free_blocks_.size()); }
  std::uint32_t block_capacity() const { return block_count_; }
  std::uint32_t used_entries() const { return static_cast<std::uint32_t>(entries_.size() - free_entries_.size()); }
  std::uint32_t entry_capacity() const { return static_cast<std::uint32_t>(entries_.size()); }
  std::size_t memory_size() const;

 private:
  friend class SendQueue;

  /// A block of copied bytes. Its last reference may be a frame that still waits in the device.
  class Block final : public base::Buffer {
   public:
    explicit Block(SendMemory& memory);
    std::uint8_t* data() { return data_; }
    std::uint32_t used = 0;  ///< Bytes written; bytes before it never change again while references live.

   private:
    static void give_back(base::Buffer* self) noexcept;
    SendMemory& memory_;
    std::uint8_t data_[kSendBlockSize];
  };

  struct Entry {
    base::Slice slice;
    Block* block = nullptr;  ///< Set when the slice lies in a block that can still grow.
    std::uint32_t next = 0;
  };

  Block* allocate_block();

  std::uint32_t block_count_;
  std::unique_ptr<std::byte[]> storage_;
  std::vector<Block*> free_blocks_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_entries_;
};

/// One connection's queue. Positions are bytes from the oldest unacknowledged one (snd_una).
/// The caller releases everything with clear() before it dies.
class SendQueue {
 public:
  /// Bytes queued and not acknowledged.
  std::uint64_t size() const { return size_; }
  /// Of those, bytes that were copied into blocks.
  std::uint64_t copied() const { return copied_; }
  bool empty() const { return size_ == 0; }

  /// Copies as much as blocks and entries allow; returns how much.
  std::size_t append(SendMemory& memory, base::Bytes bytes);
  /// Queues a reference; false when no entry is free. An empty slice is taken and forgotten.
  bool append(SendMemory& memory, base::Slice slice);

  /// Forgets the first `count` bytes: the peer has them. Precondition: count <= size().
  void acknowledge(SendMemory& memory, std::uint64_t count);

  void clear(SendMemory& memory);

  /// Calls visit(const Slice& whole, offset, count) for each run of [from, from + count), in order, until it returns
  /// false. Sequential reads cost O(1): the place of the last read is remembered. Precondition: the range is queued.
  template <typename Visit>
  void read(SendMemory& memory, std::uint64_t from, std::uint64_t count, Visit&& visit) {
    if (count == 0) return;
    seek(memory, from);
    std::uint32_t at = cursor_;
    std::uint64_t inside = from - cursor_start_;
    while (count > 0) {
      const SendMemory::Entry& entry = memory.entries_[at];
      const std::uint64_t run = std::min<std::uint64_t>(count, entry.slice.size - inside);
      if (!visit(entry.slice, static_cast<std::size_t>(inside), static_cast<std::size_t>(run))) return;
      count -= run;
      inside = 0;
      at = entry.next;
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  bool push(SendMemory& memory, base::Slice slice, SendMemory::Block* block);
  void seek(SendMemory& memory, std::uint64_t from);

  std::uint32_t head_ = kNone;
  std::uint32_t tail_ = kNone;
  std::uint32_t cursor_ = kNone;    // An entry, and
  std::uint64_t cursor_start_ = 0;  // the position of its first byte.
  std::uint64_t size_ = 0;
  std::uint64_t copied_ = 0;
};

}  // namespace windhover::stack::tcp
