#pragma once
// Values that the configuration writes as text: durations, sizes, URLs.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/base/time.h"

namespace windhover::server::config {

using stack::base::Duration;

/// "130s", "200ms", "1.5h" (units ns, us, ms, s, m, h, d) or "[d.]hh:mm:ss[.fraction]" as .NET writes it. Never
/// negative.
std::optional<Duration> parse_duration(std::string_view text);
/// In the largest unit that makes it a whole number: "130s", "2m", "0s".
std::string print_duration(Duration duration);

/// Bytes: "512", "512B", "8KiB", "1MiB", "4GiB", "1TiB".
std::optional<std::uint64_t> parse_size(std::string_view text);
/// In the largest unit that makes it a whole number: "8KiB", "30000000" (a plain number has no unit).
std::string print_size(std::uint64_t size);

/// The parts of "http://10.66.0.2:8080".
struct Url {
  std::string scheme;  ///< In lower case.
  std::string host;    ///< Without the brackets of an IPv6 address; "*" for every address.
  std::uint16_t port = 0;

  bool operator==(const Url&) const = default;
};

/// An endpoint's URL: scheme http or https, a host, optionally a port (else the scheme's) and one slash; nothing
/// further.
std::optional<Url> parse_url(std::string_view text);
/// With brackets where they are needed; the port always.
std::string print_url(const Url& url);

}  // namespace windhover::server::config
