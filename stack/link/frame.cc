#include "stack/link/frame.h"

namespace windhover::stack::link {

FrameArena::FrameArena(const ArenaShape& shape) : FrameArena(shape, {}) {
  const std::size_t size = std::size_t{shape.frame_count} * shape.frame_size;
  owned_.reset(new std::uint8_t[size]);  // Uninitialised: pages are touched when a frame first uses them.
  memory_ = {owned_.get(), size};
}

FrameArena::FrameArena(const ArenaShape& shape, base::MutableBytes memory)
    : memory_(memory), shape_(shape), slots_(shape.frame_count), pieces_(shape.pieces ? shape.frame_count : 0) {
  CHECK(shape.headroom <= shape.frame_size);
  CHECK(memory.empty() || memory.size() >= std::size_t{shape.frame_count} * shape.frame_size);
  free_.reserve(shape.frame_count);
  for (std::uint32_t index = shape.frame_count; index-- > 0;) free_.push_back(index);
}

FrameArena::~FrameArena() { CHECK(free_.size() == shape_.frame_count); }

Frame FrameArena::adopt(std::uint32_t index, std::size_t begin, std::size_t size) {
  CHECK(index < shape_.frame_count && begin <= shape_.frame_size && size <= shape_.frame_size - begin);
  Frame frame(this, index);
  frame.clear(begin);
  slots_[index].size = static_cast<std::uint32_t>(size);
  return frame;
}

void FrameArena::drop_pieces(std::uint32_t index) {
  Slot& slot = slots_[index];
  for (std::size_t at = 0; at < slot.piece_count; ++at) pieces_[index][at] = {};
  slot.piece_count = 0;
  slot.pieces_size = 0;
}

std::size_t FrameArena::memory_size() const {
  return std::size_t{shape_.frame_count} * (shape_.frame_size + sizeof(Slot) + sizeof(std::uint32_t)) +
         pieces_.size() * sizeof(pieces_[0]);
}

}  // namespace windhover::stack::link
