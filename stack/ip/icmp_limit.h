#pragma once
// How often ICMP errors may be sent (RFC 1812 4.3.2.8, RFC 4443 2.4 f).
//
// Two limits, as Linux has them. One for all errors together: it bounds what a flood of bad packets costs. What an
// error takes from it is none, one or two tokens, by chance: were it always one, an outsider who counts the errors that
// are left for himself could learn whether forged packets had been answered to somebody else, and so which ports are
// open (CVE-2020-25705). And one for each destination, so that nobody is flooded with answers to questions that another
// asked in his name.

#include <array>
#include <cstdint>

#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/ip/token_bucket.h"
#include "stack/wire/address.h"

namespace windhover::stack::ip {

/// Places for destinations. Two that share one, which an outsider who does not know the key cannot bring about, share
/// its limit.
inline constexpr std::size_t kIcmpDestinations = 1024;
/// Errors that a destination may get at once, as in Linux.
inline constexpr std::uint32_t kIcmpDestinationBurst = 6;

class IcmpLimit {
 public:
  /// `per_second` errors in all, 0: none ever. One for each `interval` to one destination (IPv6: to one /64 prefix), 0:
  /// without such a limit.
  IcmpLimit(base::Instant now, std::uint32_t per_second, base::Duration interval, const base::SipKey& key);

  /// Takes leave to send one error to `to`; false when there is none.
  bool take(base::Instant now, const wire::Address& to);

 private:
  std::uint64_t hash(std::uint64_t word, std::uint64_t label) const;

  base::SipKey key_;
  base::Duration interval_;
  TokenBucket all_;
  std::uint64_t taken_ = 0;
  /// A destination's leave is what has accrued since then.
  std::array<base::Instant, kIcmpDestinations> empty_at_;
};

}  // namespace windhover::stack::ip
