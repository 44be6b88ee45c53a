#pragma once
// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that an attacker who does not know the key cannot steer.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "stack/base/bytes.h"

namespace windhover::stack::base {

/// Sixteen secret bytes, random in production.
using SipKey = std::array<std::uint8_t, 16>;

/// The 64-bit hash of any number of bytes.
std::uint64_t siphash(const SipKey& key, Bytes bytes);

namespace internal {

/// The four words of SipHash's state.
class SipState {
 public:
  explicit SipState(const SipKey& key) {
    const std::uint64_t k0 = load_le(key.data());
    const std::uint64_t k1 = load_le(key.data() + 8);
    v0_ = k0 ^ 0x736f6d6570736575;
    v1_ = k1 ^ 0x646f72616e646f6d;
    v2_ = k0 ^ 0x6c7967656e657261;
    v3_ = k1 ^ 0x7465646279746573;
  }

  void absorb(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  std::uint64_t finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

  static std::uint64_t load_le(const std::uint8_t* at) { return __builtin_bswap64(load_be<std::uint64_t>(at)); }

 private:
  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32) + v3_;
    v2_ += v1_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace internal

/// The hash of kCount words, inline and unrolled: for keys of fixed size such as a flow's. Equal to siphash() over the
/// words' little-endian bytes.
template <std::size_t kCount>
inline std::uint64_t siphash(const SipKey& key, const std::array<std::uint64_t, kCount>& words) {
  internal::SipState state(key);
  for (const std::uint64_t word : words) state.absorb(word);
  state.absorb(std::uint64_t{kCount * 8 % 256} << 56);
  return state.finish();
}

}  // namespace windhover::stack::base
