#pragma once
// The Internet checksum (RFC 1071): sums that can be made of parts, and a copy that sums as it goes.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"

namespace windhover::stack::wire {

/// A partial one's-complement sum, kept in 64 bits and in memory order, so that summing is plain loads and additions
/// with end-around carry. Sums of parts may be added in any order. Invariant: zero only when every byte summed was
/// zero, so fold() is exact and not merely congruent.
class Sum {
 public:
  constexpr Sum() = default;
  /// From words as they were loaded from memory.
  constexpr explicit Sum(std::uint64_t loaded) : value_(loaded) {}

  constexpr Sum& operator+=(Sum other) {
    value_ += other.value_;
    value_ += static_cast<std::uint64_t>(value_ < other.value_);
    return *this;
  }
  friend constexpr Sum operator+(Sum a, Sum b) { return a += b; }

  /// What this sum contributes where its first byte lies at an odd offset of the whole (RFC 1071 §2 (B)).
  constexpr Sum at_odd_offset() const { return Sum(std::rotl(value_, 8)); }

  /// The 16-bit sum in host order, not complemented: what a partial checksum field holds.
  constexpr std::uint16_t fold() const {
    const auto upper = static_cast<std::uint32_t>((value_ + std::rotl(value_, 32)) >> 32);
    return base::network_order(static_cast<std::uint16_t>((upper + std::rotl(upper, 16)) >> 16));
  }
  /// The checksum in host order, ready for store_be().
  constexpr std::uint16_t finish() const { return static_cast<std::uint16_t>(~fold()); }
  /// True for a sum over data that includes its correct checksum.
  constexpr bool valid() const { return fold() == 0xffff; }

 private:
  std::uint64_t value_ = 0;
};

/// Inputs at least this long leave the inline path. Bytes.
inline constexpr std::size_t kSumInlineMax = 64;

/// The paths for any length that sum() and copy_and_sum() take for long inputs: vectorised where the processor can.
Sum sum_long(base::Bytes bytes);
Sum copy_and_sum_long(base::MutableBytes to, base::Bytes from);

namespace internal {

template <typename Word>
inline Sum load_sum(const std::uint8_t* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return Sum(word);
}

template <typename Word>
inline Sum copy_sum(std::uint8_t* to, const std::uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(to, &word, sizeof word);
  return Sum(word);
}

/// The last byte of an odd length is the first of its 16-bit word, the second being zero.
inline Sum odd_byte_sum(std::uint8_t byte) {
  return Sum(std::endian::native == std::endian::little ? std::uint64_t{byte} : std::uint64_t{byte} << 8);
}

}  // namespace internal

/// The sum over exactly kSize bytes, unrolled: for headers.
template <std::size_t kSize>
inline Sum sum_fixed(const std::uint8_t* at) {
  static_assert(kSize % 4 == 0 && kSize <= 64);
  Sum total;
  for (std::size_t i = 0; i + 8 <= kSize; i += 8) total += internal::load_sum<std::uint64_t>(at + i);
  if constexpr (kSize % 8 != 0) total += internal::load_sum<std::uint32_t>(at + kSize - 4);
  return total;
}

/// The sum of any number of bytes at any alignment, as if the first lay at an even offset.
inline Sum sum(base::Bytes bytes) {
  if (bytes.size() >= kSumInlineMax) return sum_long(bytes);
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  Sum total;
  for (; left >= 8; left -= 8, at += 8) total += internal::load_sum<std::uint64_t>(at);
  if ((left & 4) != 0) {
    total += internal::load_sum<std::uint32_t>(at);
    at += 4;
  }
  if ((left & 2) != 0) {
    total += internal::load_sum<std::uint16_t>(at);
    at += 2;
  }
  if ((left & 1) != 0) total += internal::odd_byte_sum(*at);
  return total;
}

/// Copies `from` to the front of `to` and returns sum(from). Precondition: to.size() >= from.size(), no overlap.
inline Sum copy_and_sum(base::MutableBytes to, base::Bytes from) {
  CHECK(to.size() >= from.size());
  if (from.size() >= kSumInlineMax) return copy_and_sum_long(to, from);
  const std::uint8_t* at = from.data();
  std::uint8_t* out = to.data();
  std::size_t left = from.size();
  Sum total;
  for (; left >= 8; left -= 8, at += 8, out += 8) total += internal::copy_sum<std::uint64_t>(out, at);
  if ((left & 4) != 0) {
    total += internal::copy_sum<std::uint32_t>(out, at);
    at += 4;
    out += 4;
  }
  if ((left & 2) != 0) {
    total += internal::copy_sum<std::uint16_t>(out, at);
    at += 2;
    out += 2;
  }
  if ((left & 1) != 0) {
    *out = *at;
    total += internal::odd_byte_sum(*at);
  }
  return total;
}

/// The sum of a whole from the sums of its head and of what follows it; only the head's length matters.
constexpr Sum combine(Sum head, std::size_t head_size, Sum tail) {
  return head + (head_size % 2 == 0 ? tail : tail.at_odd_offset());
}

/// The pseudo-header of RFC 9293 §3.1 and RFC 8200 §8.1: `length` is that of the transport header and payload in bytes.
/// One path serves both families: an IPv4 address in its mapped form adds 0xffff, which is zero in one's complement.
/// Precondition: both addresses are of one family.
inline Sum pseudo_header_sum(const Address& source, const Address& destination, std::uint8_t protocol,
                             std::size_t length) {
  return sum_fixed<16>(source.mapped().data()) + sum_fixed<16>(destination.mapped().data()) +
         Sum(base::network_order(static_cast<std::uint32_t>(length + protocol)));
}

}  // namespace windhover::stack::wire
