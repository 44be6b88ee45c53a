#include "stack/base/siphash.h"

namespace windhover::stack::base {

std::uint64_t siphash(const SipKey& key, Bytes bytes) {
  internal::SipState state(key);
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56;
  while (bytes.size() >= 8) {
    state.absorb(internal::SipState::load_le(bytes.data()));
    bytes = bytes.subspan(8);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) last |= std::uint64_t{bytes[i]} << (8 * i);
  state.absorb(last);
  return state.finish();
}

}  // namespace windhover::stack::base
