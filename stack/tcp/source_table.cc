#include "stack/tcp/source_table.h"

#include <array>
#include <bit>

#include "stack/base/check.h"

namespace windhover::stack::tcp {
namespace {

/// An IPv4 address in its mapped form begins where no /64 in use does.
std::uint64_t source_of(const wire::Address& address) {
  const std::size_t offset = address.is_v4() ? 8 : 0;
  return base::load_be<std::uint64_t>(address.mapped().data() + offset);
}

}  // namespace

SourceTable::SourceTable(const base::SipKey& key, std::uint32_t cap, std::uint32_t connections_max)
    : key_(key), cap_(cap), slots_(cap == 0 ? 0 : std::bit_ceil(std::size_t{connections_max} * 2)) {}

std::size_t SourceTable::home(std::uint64_t source) const {
  return base::siphash(key_, std::array<std::uint64_t, 1>{source}) & (slots_.size() - 1);
}

std::size_t SourceTable::place(std::uint64_t source) const {
  std::size_t at = home(source);
  while (slots_[at].count != 0 && slots_[at].source != source) at = (at + 1) & (slots_.size() - 1);
  return at;
}

std::uint32_t SourceTable::count(const wire::Address& source) const {
  return cap_ == 0 ? 0 : slots_[place(source_of(source))].count;
}

bool SourceTable::admits(const wire::Address& source) const { return cap_ == 0 || count(source) < cap_; }

void SourceTable::add(const wire::Address& source) {
  if (cap_ == 0) return;
  const std::uint64_t key = source_of(source);
  Slot& slot = slots_[place(key)];
  slot.source = key;
  ++slot.count;
}

void SourceTable::remove(const wire::Address& source) {
  if (cap_ == 0) return;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = place(source_of(source));
  CHECK(slots_[hole].count > 0);
  if (--slots_[hole].count > 0) return;
  for (std::size_t at = (hole + 1) & mask; slots_[at].count != 0; at = (at + 1) & mask) {
    // An entry may fill the hole unless its home lies after it, cyclically.
    if (((at - home(slots_[at].source)) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    slots_[at] = {};
    hole = at;
  }
}

}  // namespace windhover::stack::tcp
