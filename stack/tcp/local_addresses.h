#pragma once
// Our own addresses by number: a stack has few, so an object that must be small names its own in one byte.

#include <array>
#include <cstdint>
#include <optional>

#include "stack/wire/address.h"

namespace windhover::stack::tcp {

/// The addresses that some objects of one table name, each as long as one does. Up to kMax at once: an interface has
/// far fewer, but those that it has lost may still be named. Thread: one lane.
class LocalAddresses {
 public:
  static constexpr std::size_t kMax = 64;

  /// The number of `address`, held once more; nothing when all numbers are taken by others.
  std::optional<std::uint8_t> hold(const wire::Address& address) {
    std::optional<std::uint8_t> free;
    for (std::uint8_t at = 0; at < kMax; ++at) {
      if (holders_[at] > 0 && addresses_[at] == address) {
        ++holders_[at];
        return at;
      }
      if (holders_[at] == 0 && !free) free = at;
      if (at >= used_) break;
    }
    if (!free) return std::nullopt;
    if (*free >= used_) used_ = *free + 1U;
    addresses_[*free] = address;
    holders_[*free] = 1;
    return free;
  }
  /// Precondition: held.
  void release(std::uint8_t number) { --holders_[number]; }
  /// Precondition: held.
  const wire::Address& operator[](std::uint8_t number) const { return addresses_[number]; }

 private:
  std::array<wire::Address, kMax> addresses_{};
  std::array<std::uint32_t, kMax> holders_{};
  std::size_t used_ = 0;  // No number from here on was ever held.
};

}  // namespace windhover::stack::tcp
