#pragma once
// Immutable bytes that several holders share: a cached file that a thousand clients are being sent, a block of response
// heads that wait for their acknowledgement.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::base {

/// The head of a run of bytes that is shared by reference count.
///
/// Ownership: whoever makes one hands its first reference to a BufferRef; the last reference to go calls `release`.
/// Threads: the count is atomic, so buffers that never change after they are shared may be held by several lanes. A
/// buffer whose `release` returns it to a lane's pool must be held by that lane alone. Invariant: bytes that a Slice
/// names never change while the Slice lives.
class Buffer {
 public:
  using Release = void (*)(Buffer*) noexcept;

  Buffer(const std::uint8_t* data, std::size_t size, Release release) : data_(data), size_(size), release_(release) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  Bytes bytes() const { return {data_, size_}; }

 private:
  friend class BufferRef;

  const std::uint8_t* data_;
  std::size_t size_;
  Release release_;
  std::atomic<std::uint32_t> references_{0};
};

/// A counted reference to a Buffer; empty by default.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* buffer) : buffer_(buffer) { retain(); }
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) { retain(); }
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() {
    if (buffer_ != nullptr && buffer_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      buffer_->release_(buffer_);
  }

  explicit operator bool() const { return buffer_ != nullptr; }
  Buffer* get() const { return buffer_; }
  Bytes bytes() const { return buffer_ == nullptr ? Bytes{} : buffer_->bytes(); }

 private:
  void retain() const {
    if (buffer_ != nullptr) buffer_->references_.fetch_add(1, std::memory_order_relaxed);
  }

  Buffer* buffer_ = nullptr;
};

/// A part of a shared buffer. Sizes in bytes; an empty Slice holds no reference.
struct Slice {
  BufferRef buffer;
  std::size_t offset = 0;
  std::size_t size = 0;

  /// The bytes named; valid while this Slice (or a copy of it) lives.
  Bytes bytes() const { return buffer.bytes().subspan(offset, size); }

  /// The part [from, from + count) of this slice, holding a reference of its own. Precondition: it lies inside.
  Slice part(std::size_t from, std::size_t count) const {
    CHECK(from <= size && count <= size - from);
    return {buffer, offset + from, count};
  }
};

/// A heap copy of `bytes`, freed with its last reference. For set-up and tests: the packet path does not allocate.
Slice copy_to_heap(Bytes bytes);

}  // namespace windhover::stack::base
