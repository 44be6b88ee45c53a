#pragma once
// Neighbour solicitations and advertisements for our IPv6 addresses (RFC 4861 7.2), and the questions of duplicate
// address detection and router discovery. What advertisements of routers say is router_discovery.h's business.

#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/interface.h"
#include "stack/ip/link_listener.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/output.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::ip {

class Ndp {
 public:
  /// All must outlive this; `listener` need not be there before the first packet.
  Ndp(const Interface& interface, Neighbours& neighbours, Output& output, LinkListener& listener,
      base::Counters& counters)
      : interface_(interface), neighbours_(neighbours), output_(output), listener_(listener), counters_(counters) {}

  /// Take a received ICMPv6 message of their type, its checksum verified, and count its end: kFramesConsumed,
  /// kNdpInvalid or kIcmpIgnored. `heard_from` is the frame's link source.
  void solicitation(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope,
                    const wire::MacAddress& heard_from);
  void advertisement(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope,
                     const wire::MacAddress& heard_from);

  /// Asks who has `target`: its solicited-node group, or the one at `known`.
  void solicit(const wire::Address& target, const std::optional<wire::MacAddress>& known);

  /// Asks whether anybody has `address`, from nobody (RFC 4862 5.4.2).
  void probe(const wire::Address& address);

  /// Asks all routers to advertise themselves (RFC 4861 6.3.7): from an address of ours if one is usable.
  void solicit_routers();

  /// Tells all nodes that `address` is ours (RFC 4861 7.2.6).
  void announce(const wire::Address& address);

 private:
  /// Neighbours are known by their link addresses here, and it is we who speak for our addresses.
  bool takes_part() const { return interface_.medium() == link::Medium::kEthernet && !interface_.replies_to_sender(); }
  void ask(const wire::Address& target, const wire::Address& source, const wire::Address& to,
           const wire::MacAddress& mac);

  const Interface& interface_;
  Neighbours& neighbours_;
  Output& output_;
  LinkListener& listener_;
  base::Counters& counters_;
};

}  // namespace windhover::stack::ip
