#include "server/files/range.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "server/http/request.h"

namespace windhover::server::files {
namespace {

/// Decimal digits; what does not fit counts as the largest number.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() ? value : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

ByteRange parse_range(std::string_view value, std::uint64_t total) {
  constexpr std::string_view kUnit = "bytes=";
  if (value.size() < kUnit.size() || !http::equals_ignoring_case(value.substr(0, kUnit.size()), kUnit)) return {};
  value.remove_prefix(kUnit.size());
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = parse_position(value.substr(0, dash));
  const auto last = parse_position(value.substr(dash + 1));

  if (dash == 0) {
    if (!last) return {};
    const std::uint64_t size = std::min(*last, total);
    if (size == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    return {ByteRange::Kind::kPart, total - size, size};
  }
  const bool open = dash + 1 == value.size();
  if (!first || (!open && (!last || *last < *first))) return {};
  if (*first >= total) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
  const std::uint64_t end = open ? total : std::min(*last, total - 1) + 1;
  return {ByteRange::Kind::kPart, *first, end - *first};
}

}  // namespace windhover::server::files
