#pragma once
// Received bytes that cannot be handed to the application yet: they came out of order, or the application has paused.
//
// Bytes are copied out of the device's frames into blocks of the lane, so that a slow peer or reader never pins the
// receive ring. A block stands for one aligned stretch of the sequence space and has a bit for each of its bytes.
// That makes the bound one of memory: whatever the pattern of the segments, however tiny they are and in whatever
// order, a connection holds at most a block for each kReceiveBlockSize of its window, and one for the edge.
//
// Cost: finding a block walks at most one shelf for each kReceiveShelfSpan of window, from the place found last;
// everything else is linear in the bytes of the segment at hand, never in what is stored.
//
// Who gives way when there is no block left, of this connection's share or of the lane:
//   1. the connection's own block farthest from delivery, unless the new bytes lie farther still;
//   2. the farthest block of a connection that holds more than this one does, if it is the lane that has none left;
//   3. the new bytes.
// Bytes that have been acknowledged are never given up. Those that were only reported by SACK may be (RFC 2018 §8): a
// sender keeps them until they are acknowledged, and sends them again after its retransmission timeout at the latest,
// so that reneging costs a connection time and never data.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

class ReceiveStore;

/// Payload bytes of one block; a power of two.
inline constexpr std::uint32_t kReceiveBlockSize = 2048;
/// Blocks of one shelf, a bit each in a word, and the sequence numbers that it stands for.
inline constexpr std::uint32_t kReceiveShelfBlocks = 64;
inline constexpr std::uint32_t kReceiveShelfSpan = kReceiveBlockSize * kReceiveShelfBlocks;

/// The lane's store behind all receive stores, taken at construction; pages are first touched when first used. Thread:
/// one lane.
class ReceiveMemory {
 public:
  explicit ReceiveMemory(std::uint32_t blocks);

  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t used() const { return capacity_ - static_cast<std::uint32_t>(free_blocks_.size()); }
  bool all_free() const { return used() == 0; }
  std::size_t memory_size() const;

 private:
  friend class ReceiveStore;

  struct Block {
    std::uint8_t data[kReceiveBlockSize];
    std::array<std::uint64_t, kReceiveBlockSize / 64> present;  // A bit for each byte.
    std::uint32_t count;                                        // Of bits set.
  };
  /// A stretch of the sequence space and the blocks in it.
  struct Shelf {
    wire::Seq start() const { return wire::Seq(origin); }
    std::uint32_t origin;  // As a number, so that making the array does not touch it.
    std::uint32_t previous;
    std::uint32_t next;
    std::uint64_t held;  // A bit for each block.
    std::array<std::uint32_t, kReceiveShelfBlocks> blocks;
  };

  std::uint32_t capacity_;
  std::unique_ptr<Block[]> blocks_;
  std::unique_ptr<Shelf[]> shelves_;  // As many as blocks: a shelf without any goes back.
  std::vector<std::uint32_t> free_blocks_;
  std::vector<std::uint32_t> free_shelves_;
  ReceiveStore* hand_ =
      nullptr;  // In the circle of stores that hold a block: where to look next for one that gives way.
};

/// What became of a segment's bytes.
struct Inserted {
  bool whole = true;            ///< All of it is stored; otherwise a prefix is.
  wire::SackBlock duplicate{};  ///< The first run of bytes that were here before (RFC 2883 §4.2.3); empty: none.
  std::uint32_t given_up = 0;   ///< Blocks that the connection's own farther bytes gave up for it,
  std::uint32_t taken = 0;      ///< and blocks that other connections did.
};

/// One connection's store. The caller releases it with clear() before it dies, and it never moves.
/// Invariant: what was stored first is kept when segments overlap.
class ReceiveStore {
 public:
  static constexpr std::size_t kSackBlocksMax = wire::TcpOptions::kSackBlocksMax;

  ReceiveStore() = default;
  ReceiveStore(const ReceiveStore&) = delete;
  ReceiveStore& operator=(const ReceiveStore&) = delete;

  bool empty() const { return blocks_ == 0; }
  /// Blocks held.
  std::uint32_t blocks() const { return blocks_; }

  /// Keeps what of `bytes` (at `start`) is not here yet, with at most `blocks_max` blocks in all. Precondition:
  /// promise() has said how far bytes are acknowledged, and `start` is not before that.
  Inserted insert(ReceiveMemory& memory, wire::Seq start, base::Bytes bytes, std::uint32_t blocks_max);

  /// Bytes before `upto` are acknowledged: they will not be given up.
  void promise(wire::Seq upto);

  /// How far the bytes reach without a gap, beginning at `from`; `from` itself when the byte there is missing.
  wire::Seq contiguous_end(const ReceiveMemory& memory, wire::Seq from) const;
  /// How many of the `size` bytes at `from` are missing before the first that is here.
  std::uint32_t missing(const ReceiveMemory& memory, wire::Seq from, std::uint32_t size) const;

  /// The bytes at `from` as far as their block holds them; empty when they are missing.
  base::Bytes front(const ReceiveMemory& memory, wire::Seq from) const;

  /// Forgets everything before `upto`, which is promised; or everything from `from` on, because the stream ends there.
  void release_before(ReceiveMemory& memory, wire::Seq upto);
  void discard_from(ReceiveMemory& memory, wire::Seq from);

  /// A duplicate for the next acknowledgement to report (RFC 2883), once: until reported().
  void report_duplicate(const wire::SackBlock& duplicate);
  bool has_duplicate() const { return duplicate_pending_; }
  void reported() { duplicate_pending_ = false; }

  /// Anything for a SACK option to say.
  bool has_report() const { return recent_count_ != 0 || duplicate_pending_; }
  /// What it says: a pending duplicate, then ranges beyond `rcv_nxt`, the most recently changed first (RFC 2018 §4). A
  /// range that has been out of this list for long may be reported in part when it comes back (see kScanBlocksMax).
  std::size_t sack_blocks(wire::Seq rcv_nxt, std::array<wire::SackBlock, kSackBlocksMax>& blocks) const;

  void clear(ReceiveMemory& memory);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  /// How far a range is followed into what the list of recent ranges has forgotten, each way. Less is said then than
  /// could be, never anything wrong.
  static constexpr std::uint32_t kScanBlocksMax = 64;
  /// Other connections looked at for one that gives way.
  static constexpr std::uint32_t kHoldersMax = 8;

  std::uint32_t index_at(const ReceiveMemory& memory, wire::Seq seq) const;
  const ReceiveMemory::Block* block_at(const ReceiveMemory& memory, wire::Seq seq) const;
  std::uint32_t nearest_shelf(const ReceiveMemory& memory, wire::Seq start) const;
  ReceiveMemory::Block* take_block(ReceiveMemory& memory, wire::Seq seq, std::uint32_t blocks_max, Inserted& result);
  ReceiveMemory::Shelf& take_shelf(ReceiveMemory& memory, wire::Seq start);
  void free_block(ReceiveMemory& memory, std::uint32_t shelf, std::uint32_t slot);

  wire::Seq farthest(const ReceiveMemory& memory) const;
  bool can_give_up(const ReceiveMemory& memory) const { return !empty() && !before(farthest(memory), promised_); }
  void give_up_farthest(ReceiveMemory& memory);
  bool take_from_others(ReceiveMemory& memory);
  void join_holders(ReceiveMemory& memory);
  void leave_holders(ReceiveMemory& memory);

  void remember(const ReceiveMemory& memory, wire::SackBlock range);
  void absorb_recent(wire::SackBlock& range);
  void cut_recent(wire::Seq from);
  wire::Seq scan_left(const ReceiveMemory& memory, wire::Seq from) const;
  wire::Seq scan_right(const ReceiveMemory& memory, wire::Seq from) const;

  std::uint32_t head_ = kNone;  // Shelves, in order.
  std::uint32_t tail_ = kNone;
  mutable std::uint32_t near_ = kNone;  // The one found last.
  std::uint32_t blocks_ = 0;
  wire::Seq promised_{};
  std::uint8_t recent_count_ = 0;
  bool duplicate_pending_ = false;
  std::array<wire::SackBlock, kSackBlocksMax> recent_{};  // The latest ranges, newest first; none touches another.
  wire::SackBlock duplicate_{};
  ReceiveStore* previous_holder_ = nullptr;  // The circle of stores that hold a block.
  ReceiveStore* next_holder_ = nullptr;
};

}  // namespace windhover::stack::tcp
