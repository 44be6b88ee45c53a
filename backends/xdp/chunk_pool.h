#pragma once
// A run of a UMEM's chunks, and where each of them is.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/xdp/umem.h"
#include "stack/link/frame.h"

namespace windhover::backends::xdp {

/// Every chunk is in one of three places: free in the arena, held as a Frame, or lent to the kernel by its address in
/// the UMEM. What the kernel gives back is checked against that, so that an address which it names twice, or which is
/// none of ours, becomes an empty Frame and never a chunk with two owners.
///
/// Owner: a lane's device. Thread: the lane's. At the end, after the sockets are closed, what was still lent is taken
/// back; the arena then checks that nothing is missing.
class ChunkPool {
 public:
  /// `count` chunks from the `first` on. `umem` must outlive this. `headroom` and `pieces` as in link::ArenaShape.
  ChunkPool(const Umem& umem, std::uint32_t first, std::uint32_t count, std::uint32_t headroom, bool pieces);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  stack::link::FrameArena& arena() { return arena_; }
  const stack::link::FrameArena& arena() const { return arena_; }

  /// Lends a frame's chunk to the kernel and returns where its first linear byte lies in the UMEM. Pieces are let go.
  /// Precondition: the frame is of this pool's arena.
  std::uint64_t lend(stack::link::Frame frame);

  /// The frame that the kernel gives back: `size` linear bytes at `address`. Empty when no chunk was lent there; when
  /// the bytes do not lie in one chunk, the chunk is free again and the frame empty.
  stack::link::Frame take_back(std::uint64_t address, std::size_t size);

  std::size_t lent_count() const { return lent_count_; }
  /// Bytes taken beside the UMEM's.
  std::size_t bookkeeping_size() const;

 private:
  std::uint64_t base_;  // Of the first chunk, in the UMEM.
  std::uint32_t chunk_size_;
  stack::link::FrameArena arena_;
  std::vector<std::uint8_t> lent_;
  std::size_t lent_count_ = 0;
};

}  // namespace windhover::backends::xdp
