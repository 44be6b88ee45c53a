#include "stack/ip/router_list.h"

#include <algorithm>
#include <utility>

namespace windhover::stack::ip {

using wire::Address;

const RouterList::Router* RouterList::find(const Address& router) const {
  const auto found =
      std::find_if(routers_.begin(), routers_.end(), [&](const Router& each) { return each.address == router; });
  return found == routers_.end() ? nullptr : &*found;
}

/// Whether `one` is to be taken rather than `other`.
bool RouterList::before(const Router& one, const Router& other) const {
  const bool one_failed = one.failed_at != base::Instant::max();
  const bool other_failed = other.failed_at != base::Instant::max();
  if (one_failed != other_failed) return other_failed;
  if (one_failed) return one.failed_at < other.failed_at;
  if (one.preference != other.preference) return one.preference > other.preference;
  if (best_ && (one.address == *best_) != (other.address == *best_)) return one.address == *best_;
  return one.heard_as < other.heard_as;
}

void RouterList::choose() {
  const Router* best = nullptr;
  for (const Router& router : routers_) {
    if (router.address.is_unspecified()) continue;
    if (best == nullptr || before(router, *best)) best = &router;
  }
  best_ = best == nullptr ? std::nullopt : std::optional(best->address);
}

std::optional<Address> RouterList::heard(base::Instant now, const Address& router, base::Duration lifetime,
                                         wire::RouterPreference preference) {
  if (lifetime <= base::Duration::zero()) {
    remove(router);
    return {};
  }
  std::optional<Address> displaced;
  Router* entry = find(router);
  if (entry == nullptr) {
    entry = find(Address{});
    if (entry == nullptr) {
      entry = &routers_.front();
      for (Router& other : routers_) {
        if (before(*entry, other)) entry = &other;
      }
      const bool gives_way = entry->failed_at != base::Instant::max() || entry->preference < preference;
      if (!gives_way) return {};
      displaced = entry->address;
    }
    *entry = {.address = router, .heard_as = ++heard_count_};
  }
  entry->preference = preference;
  entry->until = now + lifetime;
  entry->failed_at = base::Instant::max();
  choose();
  return displaced;
}

bool RouterList::remove(const Address& router) {
  Router* const entry = find(router);
  if (entry == nullptr || router.is_unspecified()) return false;
  *entry = {};
  choose();
  return true;
}

bool RouterList::failed(base::Instant now, const Address& router) {
  Router* const entry = find(router);
  if (entry == nullptr || router.is_unspecified()) return false;
  entry->failed_at = now;
  choose();
  return true;
}

base::Instant RouterList::empty_at() const {
  base::Instant last = base::Instant::min();
  for (const Router& router : routers_) {
    if (!router.address.is_unspecified()) last = std::max(last, router.until);
  }
  return last == base::Instant::min() ? base::kNever : last;
}

void RouterList::heard_prefix(base::Instant now, const Prefix& prefix, base::Duration lifetime) {
  const auto same = [&](const Prefix& known) {
    return known.length == prefix.length && known.network.in_prefix(prefix.network, prefix.length);
  };
  const auto end = prefixes_.begin() + static_cast<std::ptrdiff_t>(prefix_count_);
  const auto index = static_cast<std::size_t>(std::find_if(prefixes_.begin(), end, same) - prefixes_.begin());
  if (lifetime <= base::Duration::zero()) {
    if (index < prefix_count_) remove_prefix(index);
    return;
  }
  if (index == kPrefixesMax) return;
  if (index == prefix_count_) prefixes_[prefix_count_++] = prefix;
  prefixes_until_[index] = lifetime == base::Duration::max() ? base::kNever : now + lifetime;
}

void RouterList::remove_prefix(std::size_t index) {
  --prefix_count_;
  prefixes_[index] = prefixes_[prefix_count_];
  prefixes_until_[index] = prefixes_until_[prefix_count_];
}

std::optional<Address> RouterList::expire(base::Instant now) {
  for (std::size_t at = prefix_count_; at-- > 0;) {
    if (prefixes_until_[at] <= now) remove_prefix(at);
  }
  for (const Router& router : routers_) {
    if (router.address.is_unspecified() || router.until > now) continue;
    const Address gone = router.address;
    remove(gone);
    return gone;
  }
  return {};
}

base::Instant RouterList::next_deadline() const {
  base::Instant next = base::kNever;
  for (const Router& router : routers_) {
    if (!router.address.is_unspecified()) next = std::min(next, router.until);
  }
  for (std::size_t at = 0; at < prefix_count_; ++at) next = std::min(next, prefixes_until_[at]);
  return next;
}

}  // namespace windhover::stack::ip
