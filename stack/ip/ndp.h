#pragma once
// Neighbour solicitations and advertisements for our IPv6 addresses (RFC 4861 7.2).
//
// Router advertisements and duplicate address detection are not spoken: addresses and gateways come from the
// configuration.

#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/interface.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/output.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::ip {

class Ndp {
 public:
  Ndp(const Interface& interface, Neighbours& neighbours, Output& output, base::Counters& counters)
      : interface_(interface), neighbours_(neighbours), output_(output), counters_(counters) {}

  /// Take a received ICMPv6 message of their type, its checksum verified, and count its end: kFramesConsumed,
  /// kNdpInvalid or kIcmpIgnored.
  void solicitation(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope);
  void advertisement(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope);

  /// Asks who has `target`: its solicited-node group, or the one at `known`.
  void solicit(const wire::Address& target, const std::optional<wire::MacAddress>& known);

  /// Tells all nodes that `address` is ours (RFC 4861 7.2.6).
  void announce(const wire::Address& address);

 private:
  const Interface& interface_;
  Neighbours& neighbours_;
  Output& output_;
  base::Counters& counters_;
};

}  // namespace windhover::stack::ip
