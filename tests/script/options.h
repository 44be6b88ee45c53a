#pragma once
// Lists of TCP options: as a script writes them, as octets, and as patterns. Order and padding are part of them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stack/base/bytes.h"
#include "tests/script/cursor.h"
#include "tests/script/script.h"

namespace windhover::script {

/// What relative numbers in options count from, and what is due where a script leaves a timestamp to us.
struct OptionNumbers {
  std::uint32_t sack_base = 0;
  std::uint32_t value_base = 0;  ///< Of TSval.
  std::uint32_t echo_base = 0;   ///< Of TSecr.
  std::uint32_t value_now = 0;   ///< Raw.
  std::uint32_t echo_now = 0;
};

/// Reads "<mss 1460,...>" from its bracket on; "<>" is no option at all.
Options parse_options(Cursor& cursor);

/// Octets that encode() makes, padding included.
std::size_t encoded_size(const Options& options);
/// Padded with end-of-list to a multiple of four.
std::vector<std::uint8_t> encode(const Options& options, const OptionNumbers& numbers);
/// Never fails: what has an impossible length ends the list as kRaw. Padding after end-of-list is left out.
Options decode(stack::base::Bytes octets, const OptionNumbers& numbers);

/// Whether `actual` is what `pattern` says; a pattern's missing numbers match any, kRest matches all that follows.
bool matches(const Options& pattern, const Options& actual);

/// "<mss 1460,sackOK>".
std::string to_text(const Options& options);

}  // namespace windhover::script
