#pragma once
// The default routers and on-link prefixes that router advertisements have told of (RFC 4861 6.3.4 to 6.3.6, RFC 4191).
//
// Which router is taken: the one that is preferred most of those not known to be unreachable; among equals the one that
// is taken already, else the one heard first. A router that neighbour unreachability detection gives up is passed over
// until it advertises again; when all are, they are tried in turn.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "stack/base/time.h"
#include "stack/ip/interface.h"
#include "stack/wire/address.h"
#include "stack/wire/router.h"

namespace windhover::stack::ip {

/// RFC 4861 6.3.4 wants at least two. A router beyond that only takes the place of one that is unreachable or preferred
/// less.
inline constexpr std::size_t kRoutersMax = 4;
/// Prefixes beyond that are not believed.
inline constexpr std::size_t kPrefixesMax = 8;

class RouterList {
 public:
  /// A router has advertised itself for `lifetime`; zero takes it out. Returns a router that had to make room for it.
  std::optional<wire::Address> heard(base::Instant now, const wire::Address& router, base::Duration lifetime,
                                     wire::RouterPreference preference);
  /// It is no router (any more). False when it was not in the list.
  bool remove(const wire::Address& router);
  /// It does not answer. False when it is not in the list.
  bool failed(base::Instant now, const wire::Address& router);
  bool contains(const wire::Address& router) const { return find(router) != nullptr; }

  /// The one to take, if there is any.
  const std::optional<wire::Address>& best() const { return best_; }
  /// When the list will be empty unless a router is heard again; kNever when it is.
  base::Instant empty_at() const;

  /// A lifetime of zero takes the prefix out; base::Duration::max() is for ever.
  void heard_prefix(base::Instant now, const Prefix& prefix, base::Duration lifetime);
  std::span<const Prefix> prefixes() const { return {prefixes_.data(), prefix_count_}; }

  /// Takes out one router whose lifetime has passed and returns it; nothing when there is none. Prefixes go as well.
  std::optional<wire::Address> expire(base::Instant now);
  base::Instant next_deadline() const;

 private:
  struct Router {
    wire::Address address;  ///< Unspecified: free.
    wire::RouterPreference preference{};
    base::Instant until{};
    base::Instant failed_at = base::Instant::max();  ///< max(): it has not.
    std::uint64_t heard_as = 0;                      ///< The how-manieth router it was.
  };

  const Router* find(const wire::Address& router) const;
  Router* find(const wire::Address& router) { return const_cast<Router*>(std::as_const(*this).find(router)); }
  bool before(const Router& one, const Router& other) const;
  void choose();
  void remove_prefix(std::size_t index);

  std::array<Router, kRoutersMax> routers_;
  std::uint64_t heard_count_ = 0;
  std::optional<wire::Address> best_;
  std::array<Prefix, kPrefixesMax> prefixes_;
  std::array<base::Instant, kPrefixesMax> prefixes_until_{};
  std::size_t prefix_count_ = 0;
};

}  // namespace windhover::stack::ip
