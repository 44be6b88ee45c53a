#pragma once
// An IP address of either family, and an endpoint.

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "stack/base/bytes.h"

namespace windhover::stack::wire {

/// An IPv4 or IPv6 address. IPv4 is held as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so one type serves flow tables and
/// routes.
class Address {
 public:
  static constexpr std::size_t kSize = 16;

  /// The unspecified address "::".
  constexpr Address() = default;

  /// From four octets in network order. Precondition: octets.size() >= 4.
  static Address v4(base::Bytes octets) {
    Address address;
    address.octets_[10] = address.octets_[11] = 0xff;
    std::copy_n(octets.begin(), 4, address.octets_.begin() + 12);
    return address;
  }
  /// From a value in host order: 0x0a420002 is 10.66.0.2.
  static Address v4(std::uint32_t value) {
    std::array<std::uint8_t, 4> octets{};
    base::store_be(octets.data(), value);
    return v4(octets);
  }
  /// From sixteen octets in network order. Precondition: octets.size() >= 16.
  static Address v6(base::Bytes octets) {
    Address address;
    std::copy_n(octets.begin(), kSize, address.octets_.begin());
    return address;
  }
  /// "10.66.0.2" or "fd66::2" (RFC 4291 §2.2); nothing for anything else.
  static std::optional<Address> parse(std::string_view text);

  bool is_v4() const {
    return base::load_be<std::uint64_t>(octets_.data()) == 0 &&
           base::load_be<std::uint32_t>(octets_.data() + 8) == 0xffff;
  }
  bool is_unspecified() const { return *this == Address{} || (is_v4() && v4_value() == 0); }
  /// 224.0.0.0/4 or ff00::/8.
  bool is_multicast() const { return is_v4() ? (octets_[12] >> 4) == 0xe : octets_[0] == 0xff; }
  /// fe80::/10 or 169.254.0.0/16.
  bool is_link_local() const;
  bool is_loopback() const;

  /// The IPv4 address in host order. Precondition: is_v4().
  std::uint32_t v4_value() const { return base::load_be<std::uint32_t>(octets_.data() + 12); }
  /// Network order: four octets of an IPv4 address, else sixteen.
  base::Bytes octets() const { return is_v4() ? base::Bytes{octets_}.subspan(12) : base::Bytes{octets_}; }
  /// Always sixteen octets, the mapped form for IPv4: for hashing and for flow tables.
  const std::array<std::uint8_t, kSize>& mapped() const { return octets_; }

  /// True when the first `prefix_length` bits agree (of 32 for IPv4, of 128 for IPv6) and the families are the same.
  bool in_prefix(const Address& network, unsigned prefix_length) const;

  /// RFC 5952 text for IPv6, dotted quad for IPv4.
  std::string to_string() const;

  std::strong_ordering operator<=>(const Address&) const = default;
  /// Two words, no call: flow tables ask for every packet.
  bool operator==(const Address& other) const { return word(0) == other.word(0) && word(8) == other.word(8); }

 private:
  std::uint64_t word(std::size_t offset) const {
    std::uint64_t value = 0;
    std::memcpy(&value, octets_.data() + offset, sizeof value);
    return value;
  }

  std::array<std::uint8_t, kSize> octets_{};
};

/// An address and a TCP or UDP port (host order).
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  /// "10.66.0.2:8080" or "[fd66::2]:8080".
  std::string to_string() const;
  std::strong_ordering operator<=>(const Endpoint&) const = default;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace windhover::stack::wire
