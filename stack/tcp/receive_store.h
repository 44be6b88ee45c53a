#pragma once
// Received bytes that cannot be handed to the application yet: they came out of order, or the application has paused.
//
// Bytes are copied out of the device's frames into blocks of the lane, so that a slow peer or reader never pins the
// receive ring. The bound is memory, not bytes: a segment of one byte costs at most one block, and neighbours share
// blocks.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

/// Payload bytes of one block.
inline constexpr std::uint32_t kReceiveBlockSize = 2048;

/// The lane's store behind all receive stores, taken at construction. Thread: one lane.
class ReceiveMemory {
 public:
  explicit ReceiveMemory(std::uint32_t blocks);
  bool all_free() const { return free_.size() == runs_.size(); }
  std::size_t memory_size() const;

 private:
  friend class ReceiveStore;
  struct Run {
    wire::Seq start{};
    std::uint32_t size = 0;
    std::uint32_t next = 0;
  };
  std::uint8_t* data(std::uint32_t index) { return storage_.get() + std::size_t{index} * kReceiveBlockSize; }

  std::unique_ptr<std::uint8_t[]> storage_;
  std::vector<Run> runs_;
  std::vector<std::uint32_t> free_;
};

/// One connection's store. The caller releases it with clear() before it dies.
/// Invariant: runs are ordered and do not overlap. What was stored first is kept when segments overlap.
class ReceiveStore {
 public:
  static constexpr std::size_t kSackBlocksMax = wire::TcpOptions::kSackBlocksMax;

  bool empty() const { return head_ == kNone; }
  /// Blocks held.
  std::uint32_t blocks() const { return blocks_; }

  /// Keeps what of `bytes` (at `start`) is not here yet, using up to `blocks_max` blocks; false when something had no
  /// room.
  bool insert(ReceiveMemory& memory, wire::Seq start, base::Bytes bytes, std::uint32_t blocks_max);

  /// How far the bytes reach without a gap, beginning at `from`; `from` itself when the byte there is missing.
  wire::Seq contiguous_end(const ReceiveMemory& memory, wire::Seq from) const;

  /// The bytes at `from` as far as the first block holds them; empty when they are missing.
  base::Bytes front(ReceiveMemory& memory, wire::Seq from) const;

  /// Forgets everything before `upto`.
  void release_before(ReceiveMemory& memory, wire::Seq upto);

  /// Ranges beyond `rcv_nxt` to report, the most recently changed first (RFC 2018 §4).
  std::size_t sack_blocks(const ReceiveMemory& memory, wire::Seq rcv_nxt,
                          std::array<wire::SackBlock, kSackBlocksMax>& blocks) const;

  void clear(ReceiveMemory& memory);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::uint32_t fill(ReceiveMemory& memory, std::uint32_t& previous, wire::Seq start, base::Bytes bytes,
                     std::uint32_t blocks_max);
  void remember(const ReceiveMemory& memory, wire::Seq start);
  /// The bytes without a gap that `inside` is one of; an empty range there when it is missing.
  wire::SackBlock range_around(const ReceiveMemory& memory, wire::Seq inside) const;

  std::uint32_t head_ = kNone;
  std::uint32_t tail_ = kNone;
  std::uint32_t blocks_ = 0;
  std::array<wire::Seq, kSackBlocksMax> recent_{};  // A byte inside each of the latest ranges, newest first.
  std::uint8_t recent_count_ = 0;
};

}  // namespace windhover::stack::tcp
