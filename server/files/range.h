#pragma once
// Byte ranges (RFC 9110 14).

#include <cstdint>
#include <string_view>

namespace windhover::server::files {

/// What a Range field asks of a representation.
struct ByteRange {
  enum class Kind : std::uint8_t {
    kWhole,          ///< Nothing that is honoured: another unit, several ranges, or malformed.
    kPart,           ///< The bytes [first, first + size).
    kUnsatisfiable,  ///< Begins behind the end: 416.
  };
  Kind kind = Kind::kWhole;
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

/// Reads a Range field's value against a representation of `total` bytes. Of several ranges none is honoured.
ByteRange parse_range(std::string_view value, std::uint64_t total);

}  // namespace windhover::server::files
