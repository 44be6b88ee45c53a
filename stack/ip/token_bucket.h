#pragma once
// A rate limit that allows short bursts (RFC 4443 2.4 f, RFC 1812 4.3.2.8).

#include <algorithm>
#include <cstdint>

#include "stack/base/time.h"

namespace windhover::stack::ip {

/// Lets `per_second` through in the long run and a tenth of that, at least one, at once. Zero lets nothing through.
class TokenBucket {
 public:
  TokenBucket(base::Instant now, std::uint32_t per_second)
      : interval_(per_second == 0 ? base::Duration::zero() : base::Duration(std::chrono::seconds(1)) / per_second),
        full_(interval_ * std::max<std::uint32_t>(per_second / 10, 1)),
        empty_at_(now - full_) {}

  /// Takes `count` tokens when there is at least one, and owes what is missing; false when there is none.
  bool take(base::Instant now, std::uint32_t count = 1) {
    if (interval_ == base::Duration::zero()) return false;
    const base::Instant from = std::max(empty_at_, now - full_);
    if (now - from < interval_) return false;
    empty_at_ = from + interval_ * count;
    return true;
  }

 private:
  base::Duration interval_;  ///< One token's time.
  base::Duration full_;
  base::Instant empty_at_;  ///< The bucket holds what has accrued since then, up to full_.
};

}  // namespace windhover::stack::ip
