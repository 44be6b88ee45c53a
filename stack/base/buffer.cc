#include "stack/base/buffer.h"

#include <vector>

namespace windhover::stack::base {
namespace {

/// A buffer that owns its bytes on the heap.
class HeapBuffer final : public Buffer {
 public:
  explicit HeapBuffer(std::vector<std::uint8_t> bytes)
      : Buffer(bytes.data(), bytes.size(), [](Buffer* self) noexcept { delete static_cast<HeapBuffer*>(self); }),
        bytes_(std::move(bytes)) {}

 private:
  std::vector<std::uint8_t> bytes_;  // Moving a vector keeps its storage, so the base's pointer stays good.
};

}  // namespace

Slice copy_to_heap(Bytes bytes) {
  if (bytes.empty()) return {};
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the reference count owns it from here.
  return {BufferRef(new HeapBuffer({bytes.begin(), bytes.end()})), 0, bytes.size()};
}

}  // namespace windhover::stack::base
