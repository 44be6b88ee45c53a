#include "stack/wire/ethernet.h"

namespace windhover::stack::wire {
namespace {

constexpr std::size_t kTextSize = 3 * MacAddress::kSize - 1;

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  MacAddress address;
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto high = hex_digit(text[3 * i]);
    const auto low = hex_digit(text[3 * i + 1]);
    if (!high || !low) return std::nullopt;
    if (i + 1 < kSize && text[3 * i + 2] != ':') return std::nullopt;
    address.octets[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return address;
}

std::string MacAddress::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kTextSize, ':');
  for (std::size_t i = 0; i < kSize; ++i) {
    text[3 * i] = kDigits[octets[i] >> 4];
    text[3 * i + 1] = kDigits[octets[i] & 0xf];
  }
  return text;
}

}  // namespace windhover::stack::wire
