#pragma once
// ARP for our IPv4 addresses (RFC 826, RFC 1122 2.3.2, RFC 5227).

#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/interface.h"
#include "stack/ip/link_listener.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/output.h"
#include "stack/wire/arp.h"

namespace windhover::stack::ip {

class Arp {
 public:
  /// All must outlive this; `listener` need not be there before the first packet.
  Arp(const Interface& interface, Neighbours& neighbours, Output& output, LinkListener& listener,
      base::Counters& counters)
      : interface_(interface), neighbours_(neighbours), output_(output), listener_(listener), counters_(counters) {}

  /// Takes a received ARP packet and counts its end: kFramesConsumed, kArpMalformed or kArpIgnored.
  void input(base::Instant now, base::Bytes packet);

  /// Asks who has `target`: everybody, or the one at `known` (RFC 1122 2.3.2.1 (2), a unicast poll).
  void request(const wire::Address& target, const std::optional<wire::MacAddress>& known);

  /// Asks whether anybody has `address`, and teaches nobody anything (RFC 5227 2.1.1).
  void probe(const wire::Address& address);

  /// Tells everybody that `address` is ours (RFC 5227 2.3).
  void announce(const wire::Address& address);

 private:
  void send(const wire::ArpMessage& message, const wire::MacAddress& to);

  const Interface& interface_;
  Neighbours& neighbours_;
  Output& output_;
  LinkListener& listener_;
  base::Counters& counters_;
};

}  // namespace windhover::stack::ip
