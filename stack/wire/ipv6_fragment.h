#pragma once
// The IPv6 fragment header (RFC 8200 §4.5).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::wire {

/// Read, or to be written.
struct Ipv6FragmentHeader {
  static constexpr std::size_t kSize = 8;
  /// Where the field with the offset lies: the pointer of a Parameter Problem about it.
  static constexpr std::size_t kOffsetAt = 2;

  std::uint8_t next_header = 0;
  std::uint16_t offset = 0;  ///< Bytes, a multiple of eight.
  bool more = false;         ///< Fragments follow behind this one.
  std::uint32_t identification = 0;

  /// The packet's only fragment (RFC 6946).
  bool is_atomic() const { return offset == 0 && !more; }

  /// Nothing when there are fewer than kSize bytes.
  static std::optional<Ipv6FragmentHeader> parse(base::Bytes bytes) {
    if (bytes.size() < kSize) return std::nullopt;
    const auto field = base::load_be<std::uint16_t>(&bytes[kOffsetAt]);
    return Ipv6FragmentHeader{.next_header = bytes[0],
                              .offset = static_cast<std::uint16_t>(field & 0xfff8),
                              .more = (field & 1) != 0,
                              .identification = base::load_be<std::uint32_t>(&bytes[4])};
  }

  /// Precondition: to.size() >= kSize, offset is a multiple of eight.
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= kSize && offset % 8 == 0);
    to[0] = next_header;
    to[1] = 0;
    base::store_be(&to[kOffsetAt], static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
    base::store_be(&to[4], identification);
  }
};

}  // namespace windhover::stack::wire
