#pragma once
// Classes of bytes in HTTP's grammar.

#include <array>
#include <cstdint>
#include <string_view>

namespace windhover::server::http {

/// Classes that a byte may belong to, as bits.
enum CharacterClass : std::uint8_t {
  kToken = 1,           ///< tchar, RFC 9110 5.6.2.
  kNotTarget = 2,       ///< Never in a request target: controls, SP, '#', '\', DEL, beyond ASCII.
  kTargetQuestion = 4,  ///< '?'
  kTargetPercent = 8,   ///< '%'
  kTargetDot = 16,      ///< '.'
  kHostText = 32,       ///< unreserved and sub-delims, RFC 3986 2.
  kHexDigit = 64,
  kNotValue = 128,  ///< Never in a field value: controls except HT, DEL.
};

/// CharacterClass bits by byte.
inline constexpr std::array<std::uint8_t, 256> kCharacters = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view bytes, std::uint8_t bits) {
    for (const char c : bytes) classes[static_cast<std::uint8_t>(c)] |= bits;
  };
  constexpr std::string_view kAlphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  mark(kAlphanumeric, kToken | kHostText);
  mark("!#$%&'*+-.^_`|~", kToken);
  mark("-._~!$&'()*+,;=", kHostText);
  mark("0123456789abcdefABCDEF", kHexDigit);
  mark("#\\", kNotTarget);
  mark("?", kTargetQuestion);
  mark("%", kTargetPercent);
  mark(".", kTargetDot);
  for (unsigned c = 0; c < 256; ++c) {
    if (c <= 0x20 || c >= 0x7f) classes[c] |= kNotTarget;
    if ((c < 0x20 && c != '\t') || c == 0x7f) classes[c] |= kNotValue;
  }
  return classes;
}();

inline bool is_class(std::uint8_t byte, std::uint8_t classes) { return (kCharacters[byte] & classes) != 0; }
inline bool is_class(char c, std::uint8_t classes) { return is_class(static_cast<std::uint8_t>(c), classes); }

/// True when every byte is of one of the classes.
inline bool all_of_class(std::string_view text, std::uint8_t classes) {
  for (const char c : text) {
    if (!is_class(c, classes)) return false;
  }
  return true;
}

/// The value of a hexadecimal digit. Precondition: is_class(c, kHexDigit).
inline std::uint8_t hex_value(std::uint8_t c) {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

}  // namespace windhover::server::http
