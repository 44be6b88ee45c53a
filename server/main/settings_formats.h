#pragma once
// Types of the rooms that the configuration writes as text.

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "backends/tun/tun.h"
#include "server/config/reader.h"
#include "stack/ip/config.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::server::main {

/// "10.66.0.2/24" of any struct with an address and its prefix length. The host part may not be all zeros.
template <typename T>
std::optional<T> parse_prefixed(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const auto address = stack::wire::Address::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!address || digits.empty() || digits.size() > 3) return {};
  unsigned length = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return {};
    length = length * 10 + static_cast<unsigned>(digit - '0');
  }
  if (length == 0 || length > (address->is_v4() ? 32U : 128U)) return {};
  if (address->is_unspecified() || address->is_multicast() || address->is_loopback()) return {};
  return T{*address, static_cast<std::uint8_t>(length)};
}

template <typename T>
std::string print_prefixed(const T& value) {
  return value.address.to_string() + "/" + std::to_string(value.prefix_length);
}

template <typename T>
inline constexpr config::TextFormat<T> kPrefixedAddress = {
    "addressWithPrefix", "an address with its prefix length, such as 10.66.0.2/24 or fd66::2/64", &parse_prefixed<T>,
    &print_prefixed<T>};

/// "192.0.2.0/24" of any such struct; the bits behind the prefix do not matter.
template <typename T>
std::optional<T> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {};
  const auto address = stack::wire::Address::parse(text.substr(0, slash));
  if (!address) return {};
  const std::string_view digits = text.substr(slash + 1);
  std::uint8_t length = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return {};
  if (length == 0 || length > (address->is_v4() ? 32 : 128)) return {};
  return T{*address, length};
}

template <typename T>
inline constexpr config::TextFormat<T> kNetwork = {"network", "a network such as 192.0.2.0/24 or 2001:db8::/32",
                                                   &parse_network<T>, &print_prefixed<T>};

inline constexpr config::TextFormat<stack::wire::Address> kAddress = {
    "address", "an IP address such as 10.66.0.2 or fd66::2", &stack::wire::Address::parse,
    [](const stack::wire::Address& value) { return value.to_string(); }};

inline constexpr config::TextFormat<stack::wire::MacAddress> kMacAddress = {
    "macAddress", "the MAC address of one station, such as 02:57:0a:42:00:02",
    [](std::string_view text) {
      auto mac = stack::wire::MacAddress::parse(text);
      if (mac && (mac->is_multicast() || mac->is_zero())) mac.reset();
      return mac;
    },
    [](const stack::wire::MacAddress& value) { return value.to_string(); }};

inline constexpr config::TextFormat<config::Url> kEndpointUrl = {
    "endpointUrl", "an endpoint such as http://10.66.0.2:8080, http://[fd66::2]:8080 or http://*:8080",
    &config::parse_url, &config::print_url};

inline constexpr config::TextFormat<std::string> kText = {
    "text", "text", [](std::string_view text) { return std::optional<std::string>(text); },
    [](const std::string& value) { return value; }};

}  // namespace windhover::server::main
