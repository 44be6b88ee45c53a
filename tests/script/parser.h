#pragma once
// Text to Script, or the first thing that is wrong with it.
//
// Takes any bytes: what it does not understand is an Error, and sizes are bounded by the constants below. README.md
// teaches the language.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "tests/script/script.h"

namespace windhover::script {

inline constexpr std::size_t kTextMax = 256 * 1024;      ///< Bytes of a script.
inline constexpr std::size_t kStepsMax = 10000;          ///< After `each` has been spread out.
inline constexpr std::uint32_t kPayloadMax = 60 * 1024;  ///< Bytes of one segment.
inline constexpr std::uint64_t kWriteMax = 64 << 20;     ///< Bytes of one write.
inline constexpr Duration kTimeMax = std::chrono::hours(24 * 60);

/// Where a script is wrong. Columns and lines count from 1.
struct Error {
  int line = 0;
  int column = 0;
  std::string what;  ///< What stands there and what was expected.

  /// "file:line:column: what".
  std::string to_string(std::string_view file) const;
};

std::variant<Script, Error> parse(std::string_view text);

}  // namespace windhover::script
