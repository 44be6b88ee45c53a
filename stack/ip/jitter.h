#pragma once
// Delays that keep the nodes of a link from speaking all at once.
//
// The RFCs want them random. Nothing in the stack is; but what they are for is only that nodes differ, and link
// addresses do. Nobody gains by foreseeing them.

#include <array>
#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// One sequence of delays for each link address. Copies go on by themselves from where they are.
class Jitter {
 public:
  explicit Jitter(const wire::MacAddress& mac) { mac.store(key_); }

  /// 0 or more, below `range`. Precondition: range > 0.
  base::Duration below(base::Duration range) {
    std::array<std::uint8_t, 8> bytes{};
    base::store_be(bytes.data(), count_++);
    const std::uint64_t drawn = base::siphash(key_, bytes);
    return base::Duration(static_cast<base::Duration::rep>(drawn % static_cast<std::uint64_t>(range.count())));
  }

 private:
  base::SipKey key_{};
  std::uint64_t count_ = 0;
};

}  // namespace windhover::stack::ip
