#pragma once
// Tells everybody on the link, unasked and more than once, that an address is ours: gratuitous ARP (RFC 5227 2.3) and
// unsolicited advertisements (RFC 4861 7.2.6). When an address becomes usable, and when a carrier returns.

#include <array>
#include <cstdint>

#include "stack/base/time.h"
#include "stack/ip/arp.h"
#include "stack/ip/config.h"
#include "stack/ip/interface.h"
#include "stack/ip/ndp.h"

namespace windhover::stack::ip {

/// Between two announcements of an IPv4 address (RFC 5227 1.1: ANNOUNCE_INTERVAL); of an IPv6 address it is
/// Config::neighbour_retransmit.
inline constexpr base::Duration kAnnounceInterval = std::chrono::seconds(2);

class Announcer {
 public:
  Announcer(const Config& config, const Interface& interface, Arp& arp, Ndp& ndp)
      : interface_(interface),
        arp_(arp),
        ndp_(ndp),
        count_(config.announcements),
        interval_v6_(config.neighbour_retransmit) {}

  /// Announces `address` now and, Config::announcements times in all, later. Nothing is told of a quiet address, nor by
  /// a lane for which another answers. Precondition: the address is ours.
  void begin(base::Instant now, const wire::Address& address);
  /// The same for every usable address.
  void begin_all(base::Instant now);

  void advance(base::Instant now) {
    if (now >= next_) fire(now);
  }
  base::Instant next_deadline() const { return next_; }

  /// Tells it once, now.
  void tell(const wire::Address& address) { address.is_v4() ? arp_.announce(address) : ndp_.announce(address); }

 private:
  struct Entry {
    std::uint32_t left = 0;
    base::Instant due = base::kNever;
  };

  void step(base::Instant now, std::size_t index);
  void fire(base::Instant now);

  const Interface& interface_;
  Arp& arp_;
  Ndp& ndp_;
  std::uint32_t count_;
  base::Duration interval_v6_;
  std::array<Entry, kAddressesMax> entries_;  ///< In the order of Interface::configured().
  base::Instant next_ = base::kNever;
};

}  // namespace windhover::stack::ip
