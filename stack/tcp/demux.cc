#include "stack/tcp/demux.h"

#include <bit>

#include "stack/base/check.h"
#include "stack/tcp/tcb.h"

namespace windhover::stack::tcp {

FlowTable::FlowTable(std::uint32_t connections_max)
    : slots_(std::bit_ceil(std::size_t{connections_max} * 2)), mask_(slots_.size() - 1) {}

Tcb* FlowTable::find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) const {
  for (std::size_t at = home(hash); slots_[at].tcb != nullptr; at = (at + 1) & mask_) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.tcb->remote == remote && slot.tcb->local == local) return slot.tcb;
  }
  return nullptr;
}

void FlowTable::insert(std::uint64_t hash, Tcb& tcb) {
  CHECK(size_ * 2 < slots_.size());
  std::size_t at = home(hash);
  while (slots_[at].tcb != nullptr) at = (at + 1) & mask_;
  slots_[at] = {hash, &tcb};
  ++size_;
}

Tcb* FlowTable::any() {
  if (size_ == 0) return nullptr;
  while (slots_[any_].tcb == nullptr) any_ = (any_ + 1) & mask_;
  return slots_[any_].tcb;
}

void FlowTable::erase(std::uint64_t hash, const Tcb& tcb) {
  std::size_t hole = home(hash);
  while (slots_[hole].tcb != &tcb) {
    CHECK(slots_[hole].tcb != nullptr);
    hole = (hole + 1) & mask_;
  }
  --size_;
  for (std::size_t at = (hole + 1) & mask_; slots_[at].tcb != nullptr; at = (at + 1) & mask_) {
    // An entry may fill the hole unless its home lies after it, cyclically.
    if (((at - home(slots_[at].hash)) & mask_) < ((at - hole) & mask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
}

}  // namespace windhover::stack::tcp
