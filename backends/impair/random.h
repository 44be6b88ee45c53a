#pragma once
// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): the same numbers from a
// seed on every machine, which the distributions of <random> do not promise.

#include <cstdint>

namespace windhover::backends::impair {

/// Not for secrets.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }

  /// A number in 0..bound-1, by multiplication of the upper 32 bits. Precondition: 0 < bound <= 2^32.
  constexpr std::uint64_t below(std::uint64_t bound) { return (next() >> 32) * bound >> 32; }

  /// True with this probability, 0..1, in steps of 2^-32. Draws always, so that what follows does not depend on it.
  constexpr bool chance(double probability) {
    return (next() >> 32) < static_cast<std::uint64_t>(probability * 4294967296.0);
  }

 private:
  std::uint64_t state_;
};

}  // namespace windhover::backends::impair
