#include "stack/tcp/demux.h"

#include <bit>

#include "stack/base/check.h"
#include "stack/tcp/tcb.h"

namespace windhover::stack::tcp {

FlowTable::FlowTable(const base::Pool<Tcb>& pool)
    : pool_(pool), slots_(std::bit_ceil(std::size_t{pool.capacity()} * 2)), mask_(slots_.size() - 1) {
  CHECK(mask_ <= 0xffffffff);  // More of a hash than that is not kept.
}

Tcb* FlowTable::find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) const {
  for (std::size_t at = home(hash); slots_[at].index != kNone; at = (at + 1) & mask_) {
    const Slot& slot = slots_[at];
    if (slot.hash != static_cast<std::uint32_t>(hash)) continue;
    Tcb& tcb = pool_.at(slot.index);
    if (tcb.remote == remote && tcb.local == local) return &tcb;
  }
  return nullptr;
}

void FlowTable::insert(std::uint64_t hash, Tcb& tcb) {
  CHECK(size_ * 2 < slots_.size());
  std::size_t at = home(hash);
  while (slots_[at].index != kNone) at = (at + 1) & mask_;
  slots_[at] = {static_cast<std::uint32_t>(hash), pool_.index_of(&tcb)};
  ++size_;
}

Tcb* FlowTable::any() {
  if (size_ == 0) return nullptr;
  while (slots_[any_].index == kNone) any_ = (any_ + 1) & mask_;
  return &pool_.at(slots_[any_].index);
}

void FlowTable::erase(std::uint64_t hash, const Tcb& tcb) {
  const std::uint32_t index = pool_.index_of(&tcb);
  std::size_t hole = home(hash);
  while (slots_[hole].index != index) {
    CHECK(slots_[hole].index != kNone);
    hole = (hole + 1) & mask_;
  }
  --size_;
  for (std::size_t at = (hole + 1) & mask_; slots_[at].index != kNone; at = (at + 1) & mask_) {
    // An entry may fill the hole unless its home lies after it, cyclically.
    if (((at - home(slots_[at].hash)) & mask_) < ((at - hole) & mask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
}

}  // namespace windhover::stack::tcp
