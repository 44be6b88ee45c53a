#pragma once
// The numbers that property tests draw: from a fixed seed, the same on every machine.

#include <cstdint>
#include <random>

namespace windhover::stack::tcp::test {

/// Lehmer's generator with 32-bit results.
using Random = std::linear_congruential_engine<std::uint32_t, 48271, 0, 2147483647>;

}  // namespace windhover::stack::tcp::test
