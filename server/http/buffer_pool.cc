#include "server/http/buffer_pool.h"

#include <cstring>

#include "stack/base/check.h"

namespace windhover::server::http {

void PooledBuffer::append(stack::base::Bytes bytes) {
  CHECK(bytes.size() <= room());
  if (bytes.empty()) return;
  std::memcpy(data + end, bytes.data(), bytes.size());
  end += static_cast<std::uint32_t>(bytes.size());
}

BufferPool::BufferPool(std::size_t small_size, std::uint32_t small_count, std::size_t large_size,
                       std::uint32_t large_count)
    : small_size_(small_size),
      large_size_(large_size),
      bytes_(small_size * small_count + large_size * large_count),
      buffers_(std::size_t{small_count} + large_count) {
  CHECK(small_size < large_size);
  memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes_);
  small_free_.reserve(small_count);
  large_free_.reserve(large_count);
  std::uint8_t* at = memory_.get();
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const bool small = i < small_count;
    const std::size_t size = small ? small_size : large_size;
    buffers_[i] = {at, static_cast<std::uint32_t>(size), 0, 0};
    (small ? small_free_ : large_free_).push_back(&buffers_[i]);
    at += size;
  }
}

PooledBuffer* BufferPool::take(std::size_t size) {
  std::vector<PooledBuffer*>* free = size <= small_size_ && !small_free_.empty() ? &small_free_ : &large_free_;
  if (size > large_size_ || free->empty()) return nullptr;
  PooledBuffer* buffer = free->back();
  free->pop_back();
  buffer->begin = buffer->end = 0;
  return buffer;
}

void BufferPool::give(PooledBuffer* buffer) {
  if (buffer == nullptr) return;
  (buffer->capacity == small_size_ ? small_free_ : large_free_).push_back(buffer);
}

std::size_t BufferPool::memory_size() const {
  return bytes_ + buffers_.size() * (sizeof(PooledBuffer) + sizeof(PooledBuffer*));
}

}  // namespace windhover::server::http
