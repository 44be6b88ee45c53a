#include "stack/link/device.h"

namespace windhover::stack::link {

void Burst::drop_front(std::size_t count) {
  CHECK(count <= size_);
  for (std::size_t at = 0; at < count; ++at) frames_[at].reset();
  for (std::size_t at = count; at < size_; ++at) frames_[at - count] = std::move(frames_[at]);
  size_ -= count;
}

}  // namespace windhover::stack::link
