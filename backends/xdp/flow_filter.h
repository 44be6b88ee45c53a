#pragma once
// Which flows have frames in a ring: a small Bloom filter, so that what takes another way waits only when it must.

#include <array>
#include <cstdint>
#include <cstring>

#include "stack/link/frame.h"

namespace windhover::backends::xdp {

/// May say of a flow that it is there when it is not, never the other way round. Thread: one.
class FlowFilter {
 public:
  void add(const stack::link::Frame& frame) {
    const std::uint32_t bit = bit_of(frame);
    if (bit == kAny) {
      words_.fill(~std::uint64_t{0});
    } else {
      words_[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
  }
  bool may_hold(const stack::link::Frame& frame) const {
    const std::uint32_t bit = bit_of(frame);
    if (bit == kAny) return true;
    return (words_[bit / 64] >> bit % 64 & 1) != 0;
  }
  void clear() { words_ = {}; }

 private:
  static constexpr std::uint32_t kBits = 256;
  static constexpr std::uint32_t kAny = kBits;

  /// By the end of the destination address and by the ports, which lie to both sides of where the checksum starts; what
  /// has no partial checksum may be of any flow.
  static std::uint32_t bit_of(const stack::link::Frame& frame) {
    const stack::link::Offload& offload = frame.offload();
    const std::size_t at = offload.csum_start;
    if (offload.checksum != stack::link::Checksum::kPartial || at < 4 || at + 4 > frame.size()) return kAny;
    std::uint64_t key;
    std::memcpy(&key, frame.bytes().data() + at - 4, sizeof key);
    return static_cast<std::uint32_t>(key * 0x9e3779b97f4a7c15 >> 56);  // Fibonacci hashing: the top eight bits.
  }

  std::array<std::uint64_t, kBits / 64> words_{};
};

}  // namespace windhover::backends::xdp
