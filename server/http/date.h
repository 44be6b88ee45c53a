#pragma once
// Dates in header fields (RFC 9110 5.6.7).

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace windhover::server::http {

/// Seconds since 1970-01-01 00:00:00 UTC.
using UnixSeconds = std::int64_t;

inline constexpr std::size_t kDateSize = 29;
using DateText = std::array<char, kDateSize>;

/// IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT". Precondition: a year from 0 to 9999.
DateText format_date(UnixSeconds time);

/// Reads IMF-fixdate, the RFC 850 form and asctime's; nothing for anything else, a date that no calendar has included.
/// The day's name must be one but need not be the right one. A two-digit year is the one within 50 years after and 49
/// before `now`.
std::optional<UnixSeconds> parse_date(std::string_view text, UnixSeconds now);

}  // namespace windhover::server::http
