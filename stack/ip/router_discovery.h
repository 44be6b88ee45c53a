#pragma once
// Where IPv6 leaves this link: router advertisements believed, and asked for (RFC 4861 6.3, RFC 4191, RFC 7559).
//
// What an advertisement gives us is the default router and its lifetime, the link's MTU, the times of neighbour
// discovery for IPv6, and which prefixes are on this link. It never gives an address: those come from the
// configuration, and SLAAC is not offered. Nor is its hop limit taken: Config::ttl stands, because an advertisement
// with a small one would cut off everybody who is far away. Whoever can send on this link can advertise; a switch that
// guards against that (RFC 6105) is the remedy, here as for every host.
//
// A gateway that was configured stays the gateway whatever is advertised.

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/config.h"
#include "stack/ip/interface.h"
#include "stack/ip/jitter.h"
#include "stack/ip/ndp.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/router_list.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::ip {

/// RFC 4861 10 and RFC 7559 2: RTR_SOLICITATION_INTERVAL is the first interval, and they double up to this.
inline constexpr base::Duration kRouterSolicitationInterval = std::chrono::seconds(4);
inline constexpr base::Duration kRouterSolicitationMax = std::chrono::seconds(3600);
/// Advertised times beyond these are held to them: a link must not be made unusable by a slip, nor loud.
inline constexpr base::Duration kReachableMin = std::chrono::seconds(1);
inline constexpr base::Duration kReachableMax = std::chrono::hours(1);  // RFC 4861 6.2.1.
inline constexpr base::Duration kRetransmitMin = std::chrono::milliseconds(100);
inline constexpr base::Duration kRetransmitMax = std::chrono::seconds(60);

class RouterDiscovery {
 public:
  /// `mtu` is the device's. The others must outlive this.
  RouterDiscovery(const Config& config, std::uint16_t mtu, Interface& interface, Neighbours& neighbours, Ndp& ndp,
                  base::Counters& counters);
  RouterDiscovery(const RouterDiscovery&) = delete;
  RouterDiscovery& operator=(const RouterDiscovery&) = delete;

  /// Begins to ask for routers, unless it has begun; a lane for which another answers only listens. For when an IPv6
  /// address has become usable.
  void begin(base::Instant now);
  /// The link is new: asks again, and keeps what is known meanwhile.
  void begin_again(base::Instant now);

  /// Takes a received router advertisement, its checksum verified, and counts its end: kFramesConsumed, kNdpInvalid or
  /// kIcmpIgnored (none are wanted).
  void advertisement(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope);

  /// Neighbour unreachability detection has given `neighbour` up, which may be a router.
  void unreachable(base::Instant now, const wire::Address& neighbour);
  /// A neighbour says that it is no router, though we may take it for one (RFC 4861 7.2.5).
  void not_a_router(const wire::Address& neighbour);

  /// The largest IPv6 packet that the link takes.
  std::uint16_t mtu() const { return mtu_; }

  void advance(base::Instant now) {
    if (now >= next_) fire(now);
  }
  base::Instant next_deadline() const { return next_; }

 private:
  void take_times(const wire::RouterAdvertisement& told);
  void take_prefixes(base::Instant now, const wire::RouterAdvertisement& told);
  void ask(base::Instant now);
  void stop_asking(base::Instant now);
  void install();
  void find_next();
  void fire(base::Instant now);

  Interface& interface_;
  Neighbours& neighbours_;
  Ndp& ndp_;
  base::Counters& counters_;
  Jitter jitter_;
  std::uint16_t device_mtu_;
  std::uint16_t mtu_;
  bool listens_;
  RouterList list_;
  base::Duration interval_{};  ///< Zero: not asking.
  base::Instant ask_at_ = base::kNever;
  base::Instant next_ = base::kNever;
};

}  // namespace windhover::stack::ip
