#pragma once
// The lane's bounded store for bytes that a connection cannot use up at once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/bytes.h"

namespace windhover::server::http {

/// A buffer on loan from a pool, with the bytes [begin, end) in it.
struct PooledBuffer {
  std::uint8_t* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  stack::base::Bytes bytes() const { return {data + begin, std::size_t{end} - begin}; }
  std::size_t room() const { return capacity - end; }
  /// Copies behind the end. Precondition: bytes.size() <= room().
  void append(stack::base::Bytes bytes);
};

/// Buffers of two sizes. Thread: one lane. Nothing allocates after construction.
class BufferPool {
 public:
  BufferPool(std::size_t small_size, std::uint32_t small_count, std::size_t large_size, std::uint32_t large_count);

  /// The smallest free buffer that holds `size` bytes, empty; nullptr when there is none (backpressure).
  PooledBuffer* take(std::size_t size);
  /// Gives one back; harmless for nullptr.
  void give(PooledBuffer* buffer);

  std::size_t large_size() const { return large_size_; }
  /// Buffers on loan.
  std::size_t taken_count() const { return buffers_.size() - small_free_.size() - large_free_.size(); }
  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  std::size_t small_size_;
  std::size_t large_size_;
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t bytes_;
  std::vector<PooledBuffer> buffers_;
  std::vector<PooledBuffer*> small_free_;
  std::vector<PooledBuffer*> large_free_;
};

}  // namespace windhover::server::http
