#pragma once
// The inline half of frame.h: what runs for every packet. Include frame.h, not this.

#include "stack/link/frame.h"

namespace windhover::stack::link {

inline base::MutableBytes Frame::bytes() const {
  const auto& slot = arena_->slots_[index_];
  return {arena_->buffer(index_) + slot.begin, slot.size};
}

inline std::size_t Frame::size() const { return arena_->slots_[index_].size; }

inline std::size_t Frame::total_size() const {
  const auto& slot = arena_->slots_[index_];
  return std::size_t{slot.size} + slot.pieces_size;
}

inline std::size_t Frame::headroom() const { return arena_->slots_[index_].begin; }

inline std::size_t Frame::tailroom() const {
  const auto& slot = arena_->slots_[index_];
  return arena_->shape_.frame_size - slot.begin - slot.size;
}

inline base::MutableBytes Frame::prepend(std::size_t count) {
  auto& slot = arena_->slots_[index_];
  CHECK(count <= slot.begin);
  slot.begin -= static_cast<std::uint32_t>(count);
  slot.size += static_cast<std::uint32_t>(count);
  return {arena_->buffer(index_) + slot.begin, count};
}

inline base::MutableBytes Frame::append(std::size_t count) {
  auto& slot = arena_->slots_[index_];
  CHECK(count <= tailroom());
  std::uint8_t* const end = arena_->buffer(index_) + slot.begin + slot.size;
  slot.size += static_cast<std::uint32_t>(count);
  return {end, count};
}

inline void Frame::trim_front(std::size_t count) {
  auto& slot = arena_->slots_[index_];
  CHECK(count <= slot.size);
  slot.begin += static_cast<std::uint32_t>(count);
  slot.size -= static_cast<std::uint32_t>(count);
}

inline void Frame::truncate(std::size_t count) {
  auto& slot = arena_->slots_[index_];
  CHECK(count <= slot.size);
  slot.size = static_cast<std::uint32_t>(count);
}

inline void Frame::clear(std::size_t headroom) {
  auto& slot = arena_->slots_[index_];
  CHECK(headroom <= arena_->shape_.frame_size);
  if (slot.piece_count != 0) arena_->drop_pieces(index_);
  slot.begin = static_cast<std::uint32_t>(headroom);
  slot.size = 0;
  slot.offload = {};
}

inline Offload& Frame::offload() const { return arena_->slots_[index_].offload; }

inline bool Frame::attach(base::Slice piece) {
  auto& slot = arena_->slots_[index_];
  if (slot.piece_count == kPiecesMax) return false;
  slot.pieces_size += static_cast<std::uint32_t>(piece.size);
  arena_->pieces_[index_][slot.piece_count++] = std::move(piece);
  return true;
}

inline std::span<const base::Slice> Frame::pieces() const {
  const std::size_t count = arena_->slots_[index_].piece_count;
  return count == 0 ? std::span<const base::Slice>{}
                    : std::span<const base::Slice>{arena_->pieces_[index_].data(), count};
}

inline void Frame::reset() {
  if (arena_ == nullptr) return;
  std::exchange(arena_, nullptr)->release(index_);
}

inline std::uint32_t Frame::detach() {
  if (arena_->slots_[index_].piece_count != 0) arena_->drop_pieces(index_);
  arena_ = nullptr;
  return index_;
}

inline FrameTicket Frame::ticket() const { return {index_, arena_->slots_[index_].use}; }

inline Frame FrameArena::allocate() {
  if (free_.empty()) return {};
  const std::uint32_t index = free_.back();
  free_.pop_back();
  slots_[index].begin = shape_.headroom;
  slots_[index].size = 0;
  slots_[index].offload = {};
  return {this, index};
}

inline void FrameArena::release(std::uint32_t index) {
  if (slots_[index].piece_count != 0) drop_pieces(index);
  ++slots_[index].use;
  free_.push_back(index);
}

}  // namespace windhover::stack::link
