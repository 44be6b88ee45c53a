#pragma once
// An address that the host has on an interface.

#include <cstdint>

#include "stack/wire/address.h"

namespace windhover::backends::host {

struct AssignedAddress {
  stack::wire::Address address;
  std::uint8_t prefix_length = 0;
  bool tentative = false;  ///< IPv6: duplicate address detection has not ended, or has found one.

  bool operator==(const AssignedAddress&) const = default;
};

}  // namespace windhover::backends::host
