#pragma once
// Views of bytes, and loads and stores in network order.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace windhover::stack::base {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// The bytes of a text, without copying it.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The text that lies in some bytes, without copying it.
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Converts between host order and network order.
template <std::unsigned_integral T>
constexpr T network_order(T value) {
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
}

/// Reads a big-endian integer at `at`, which needs no alignment. Precondition: sizeof(T) bytes are readable.
template <std::unsigned_integral T>
inline T load_be(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return network_order(value);
}

/// Writes a big-endian integer at `at`, which needs no alignment. Precondition: sizeof(T) bytes are writable.
template <std::unsigned_integral T>
inline void store_be(std::uint8_t* at, T value) {
  value = network_order(value);
  std::memcpy(at, &value, sizeof value);
}

}  // namespace windhover::stack::base
