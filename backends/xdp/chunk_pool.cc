#include "backends/xdp/chunk_pool.h"

#include <utility>

namespace windhover::backends::xdp {

using stack::link::Frame;

ChunkPool::ChunkPool(const Umem& umem, std::uint32_t first, std::uint32_t count, std::uint32_t headroom, bool pieces)
    : base_(std::uint64_t{first} * umem.shape().chunk_size),
      chunk_size_(umem.shape().chunk_size),
      arena_({count, chunk_size_, headroom, pieces}, umem.memory().subspan(base_, std::size_t{count} * chunk_size_)),
      lent_(count) {}

ChunkPool::~ChunkPool() {
  for (std::uint32_t index = 0; index < lent_.size(); ++index)
    if (lent_[index] != 0) arena_.adopt(index, 0, 0).reset();
}

std::uint64_t ChunkPool::lend(Frame frame) {
  const std::size_t begin = frame.headroom();
  const std::uint32_t index = frame.detach();
  CHECK(lent_[index] == 0);
  lent_[index] = 1;
  ++lent_count_;
  return base_ + std::uint64_t{index} * chunk_size_ + begin;
}

Frame ChunkPool::take_back(std::uint64_t address, std::size_t size) {
  const std::uint64_t at = address - base_;
  const std::uint64_t chunk = at / chunk_size_;
  if (chunk >= lent_.size() || lent_[chunk] == 0) return {};
  lent_[chunk] = 0;
  --lent_count_;
  const auto index = static_cast<std::uint32_t>(chunk);
  const std::size_t begin = at % chunk_size_;
  if (size > chunk_size_ - begin) {
    arena_.adopt(index, 0, 0).reset();
    return {};
  }
  return arena_.adopt(index, begin, size);
}

std::size_t ChunkPool::bookkeeping_size() const { return arena_.memory_size() - arena_.memory().size() + lent_.size(); }

}  // namespace windhover::backends::xdp
