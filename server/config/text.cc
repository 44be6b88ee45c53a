#include "server/config/text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace windhover::server::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first: printing takes the first that divides.
constexpr std::array<Unit, 7> kDurationUnits = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 5> kSizeUnits = {
    {{"TiB", std::int64_t{1} << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};

/// Takes digits from the front: nothing without one or beyond 63 bits.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Takes ".25" from the front, as a part of `unit`, rounded down; 0 when there is none.
std::optional<std::int64_t> take_fraction(std::string_view& text, std::int64_t unit) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  constexpr std::size_t kDigitsMax = 9;
  std::int64_t value = 0;
  std::int64_t scale = 1;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
    if (digits >= kDigitsMax) return {};
    value = value * 10 + (text.front() - '0');
    scale *= 10;
  }
  if (digits == 0) return {};
  return unit / scale * value + unit % scale * value / scale;  // Both products stay below 2^63.
}

std::optional<std::int64_t> scaled(std::int64_t value, std::int64_t factor, std::int64_t plus) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(value, factor, &product) || __builtin_add_overflow(product, plus, &product)) return {};
  return product;
}

std::optional<Duration> parse_clock(std::string_view text) {
  auto first = take_number(text);
  std::int64_t days = 0;
  if (first && text.starts_with('.')) {
    days = *first;
    text.remove_prefix(1);
    first = take_number(text);
  }
  if (!first || *first > 23 || !text.starts_with(':')) return {};
  text.remove_prefix(1);
  const auto minutes = take_number(text);
  if (!minutes || *minutes > 59 || !text.starts_with(':')) return {};
  text.remove_prefix(1);
  const auto seconds = take_number(text);
  if (!seconds || *seconds > 59) return {};
  const auto fraction = take_fraction(text, 1'000'000'000);
  if (!fraction || !text.empty()) return {};
  const std::int64_t rest = ((*first * 60 + *minutes) * 60 + *seconds) * 1'000'000'000 + *fraction;
  const auto total = scaled(days, 86'400'000'000'000, rest);
  if (!total) return {};
  return Duration(*total);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_clock(text);
  const std::size_t unit_at = text.find_first_not_of("0123456789.");
  if (unit_at == std::string_view::npos) return {};
  for (const Unit& unit : kDurationUnits) {
    if (text.substr(unit_at) != unit.name) continue;
    std::string_view digits = text.substr(0, unit_at);
    const auto whole = take_number(digits);
    if (!whole) return {};
    const auto fraction = take_fraction(digits, unit.factor);
    if (!fraction || !digits.empty()) return {};
    const auto total = scaled(*whole, unit.factor, *fraction);
    if (!total) return {};
    return Duration(*total);
  }
  return {};
}

std::string print_duration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  for (const Unit& unit : kDurationUnits) {
    if (duration.count() % unit.factor == 0) return fmt::format("{}{}", duration.count() / unit.factor, unit.name);
  }
  return fmt::format("{}ns", duration.count());
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return {};
  if (text.empty()) return static_cast<std::uint64_t>(*number);
  for (const Unit& unit : kSizeUnits) {
    if (text != unit.name) continue;
    const auto total = scaled(*number, unit.factor, 0);
    if (!total) return {};
    return static_cast<std::uint64_t>(*total);
  }
  return {};
}

std::string print_size(std::uint64_t size) {
  for (const Unit& unit : kSizeUnits) {
    const auto factor = static_cast<std::uint64_t>(unit.factor);
    if (factor > 1 && size != 0 && size % factor == 0) return fmt::format("{}{}", size / factor, unit.name);
  }
  return std::to_string(size);
}

std::optional<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("http://")) {
    url = {"http", {}, 80};
  } else if (text.starts_with("https://")) {
    url = {"https", {}, 443};
  } else {
    return {};
  }
  text.remove_prefix(url.scheme.size() + 3);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    url.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
  } else {
    url.host = text.substr(0, text.find(':'));
    text.remove_prefix(url.host.size());
  }
  if (url.host.empty() || url.host.find_first_of("/?#@[] \t") != std::string::npos) return {};
  if (text.empty()) return url;
  if (text.front() != ':') return {};
  text.remove_prefix(1);
  const auto port = take_number(text);
  if (!port || *port == 0 || *port > 65535 || !text.empty()) return {};
  url.port = static_cast<std::uint16_t>(*port);
  return url;
}

std::string print_url(const Url& url) {
  const bool brackets = url.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", url.scheme, brackets ? "[" : "", url.host, brackets ? "]" : "", url.port);
}

}  // namespace windhover::server::config
