#include "stack/wire/address.h"

#include <arpa/inet.h>

namespace windhover::stack::wire {
namespace {

constexpr std::size_t kGroups = 8;

std::string v4_text(base::Bytes octets) {
  std::string text = std::to_string(octets[0]);
  for (std::size_t i = 1; i < 4; ++i) text.append(".").append(std::to_string(octets[i]));
  return text;
}

void append_hex(std::string& text, std::uint16_t group) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  bool started = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const auto digit = static_cast<std::size_t>(group >> shift & 0xf);
    started = started || digit != 0 || shift == 0;
    if (started) text.push_back(kDigits[digit]);
  }
}

struct Run {
  std::size_t begin = 0;
  std::size_t size = 0;
};

/// The longest run of zero groups, the first of equals; one group alone is none (RFC 5952 §4.2).
Run longest_zero_run(const std::array<std::uint16_t, kGroups>& groups) {
  Run longest;
  Run run;
  for (std::size_t i = 0; i < kGroups; ++i) {
    run = groups[i] == 0 ? Run{run.begin, run.size + 1} : Run{i + 1, 0};
    if (run.size > longest.size) longest = run;
  }
  return longest.size > 1 ? longest : Run{kGroups, 0};
}

std::string v6_text(base::Bytes octets) {
  std::array<std::uint16_t, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) groups[i] = base::load_be<std::uint16_t>(&octets[2 * i]);
  const Run zeros = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < kGroups;) {
    if (i == zeros.begin) {
      text.append("::");
      i += zeros.size;
      continue;
    }
    if (!text.empty() && text.back() != ':') text.push_back(':');
    append_hex(text, groups[i++]);
  }
  return text;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  // inet_pton wants a terminated string; a NUL inside the text would hide what follows it.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());
  std::array<std::uint8_t, kSize> octets{};
  if (inet_pton(AF_INET, terminated.data(), octets.data()) == 1) return v4(octets);
  if (inet_pton(AF_INET6, terminated.data(), octets.data()) == 1) return v6(octets);
  return std::nullopt;
}

bool Address::is_link_local() const {
  if (is_v4()) return v4_value() >> 16 == 0xa9fe;
  return base::load_be<std::uint16_t>(octets_.data()) >> 6 == 0xfe80 >> 6;
}

bool Address::is_loopback() const {
  if (is_v4()) return octets_[12] == 127;
  return base::load_be<std::uint64_t>(octets_.data()) == 0 && base::load_be<std::uint64_t>(octets_.data() + 8) == 1;
}

bool Address::in_prefix(const Address& network, unsigned prefix_length) const {
  if (is_v4() != network.is_v4()) return false;
  const std::size_t bits = std::min<std::size_t>(prefix_length + (is_v4() ? 96u : 0u), kSize * 8);
  const std::size_t whole = bits / 8;
  if (!std::equal(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(whole), network.octets_.begin()))
    return false;
  const std::size_t rest = bits % 8;
  return rest == 0 || (octets_[whole] ^ network.octets_[whole]) >> (8 - rest) == 0;
}

std::string Address::to_string() const { return is_v4() ? v4_text(octets()) : v6_text(octets()); }

std::string Endpoint::to_string() const {
  const std::string host = address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace windhover::stack::wire
