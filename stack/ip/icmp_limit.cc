#include "stack/ip/icmp_limit.h"

#include <algorithm>

namespace windhover::stack::ip {
namespace {

constexpr std::uint64_t kDestination = 1;
constexpr std::uint64_t kCost = 2;
constexpr std::uint32_t kCosts = 3;  // 0, 1 or 2 tokens: one on the average.

}  // namespace

IcmpLimit::IcmpLimit(base::Instant now, std::uint32_t per_second, base::Duration interval, const base::SipKey& key)
    : key_(key), interval_(interval), all_(now, per_second) {
  empty_at_.fill(now - interval * kIcmpDestinationBurst);
}

std::uint64_t IcmpLimit::hash(std::uint64_t word, std::uint64_t label) const {
  return base::siphash(key_, std::array<std::uint64_t, 2>{word, label});
}

bool IcmpLimit::take(base::Instant now, const wire::Address& to) {
  const std::uint64_t prefix = to.is_v4() ? to.v4_value() : base::load_be<std::uint64_t>(to.mapped().data());
  base::Instant& empty_at = empty_at_[hash(prefix, kDestination) % kIcmpDestinations];
  const base::Instant from = std::max(empty_at, now - interval_ * kIcmpDestinationBurst);
  if (now - from < interval_) return false;
  if (!all_.take(now, static_cast<std::uint32_t>(hash(taken_++, kCost) % kCosts))) return false;
  empty_at = from + interval_;
  return true;
}

}  // namespace windhover::stack::ip
