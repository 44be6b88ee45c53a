#include "server/portal/buffers.h"

#include <cstring>
#include <utility>

#include "stack/base/check.h"

namespace windhover::server::portal {

Buffers::Buffers(std::size_t size, std::uint32_t count)
    : size_(size), memory_(std::make_unique_for_overwrite<std::uint8_t[]>(size * count)), all_(count) {
  free_.reserve(count);
  for (std::uint32_t i = count; i > 0; --i) {
    all_[i - 1].data = memory_.get() + (i - 1) * size;
    free_.push_back(&all_[i - 1]);
  }
}

Buffer* Buffers::take() {
  CHECK(!free_.empty());
  Buffer* const buffer = free_.back();
  free_.pop_back();
  buffer->begin = buffer->end = 0;
  return buffer;
}

void Buffers::give(Buffer*& buffer) {
  if (buffer != nullptr) free_.push_back(std::exchange(buffer, nullptr));
}

void Buffers::append(Buffer& buffer, stack::base::Bytes bytes) const {
  if (size_ - buffer.end < bytes.size()) {
    std::memmove(buffer.data, buffer.data + buffer.begin, buffer.bytes().size());
    buffer.end -= std::exchange(buffer.begin, 0);
  }
  CHECK(size_ - buffer.end >= bytes.size());
  std::memcpy(buffer.data + buffer.end, bytes.data(), bytes.size());
  buffer.end += bytes.size();
}

}  // namespace windhover::server::portal
