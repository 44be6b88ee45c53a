#pragma once
// Bytes that one side has sent and the other has not taken yet.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/bytes.h"

namespace windhover::server::portal {

/// A buffer on loan: the bytes [begin, end) of `size` wait in it.
struct Buffer {
  std::uint8_t* data = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;

  stack::base::Bytes bytes() const { return {data + begin, end - begin}; }
};

/// Buffers of one size. Memory is reserved at construction; a page costs nothing until it is used, and the buffer that
/// was given back last is lent next. Thread: the portal's.
class Buffers {
 public:
  Buffers(std::size_t size, std::uint32_t count);

  /// Empty. Precondition: one is left.
  Buffer* take();
  /// Leaves `buffer` a nullptr; harmless when it is one.
  void give(Buffer*& buffer);
  /// Copies behind the end; what has been used up makes room. Precondition: there is that much.
  void append(Buffer& buffer, stack::base::Bytes bytes) const;

  /// Of each, in bytes.
  std::size_t size() const { return size_; }
  std::size_t taken_count() const { return all_.size() - free_.size(); }
  std::size_t memory_size() const { return all_.size() * (size_ + sizeof(Buffer) + sizeof(Buffer*)); }

 private:
  std::size_t size_;
  std::unique_ptr<std::uint8_t[]> memory_;
  std::vector<Buffer> all_;
  std::vector<Buffer*> free_;
};

}  // namespace windhover::server::portal
