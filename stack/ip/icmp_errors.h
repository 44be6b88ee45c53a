#pragma once
// The ICMP errors that we send (RFC 1122 3.2.2, RFC 4443 2.4).
//
// None answers an ICMP error or a redirect, a packet to a group or broadcast address (but for the one case that RFC
// 8200 4.2 asks for), one whose source is no single host, or in IPv4 a fragment other than the first (RFC 8200 4.5
// wants fragments of impossible length told of, whichever they are): such packets are dropped before they come here, or
// are recognised here. What the rate limits hold back counts as kIcmpRateLimited.

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/arrival.h"
#include "stack/ip/icmp_limit.h"
#include "stack/ip/ip.h"
#include "stack/ip/output.h"
#include "stack/ip/reassembly.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"

namespace windhover::stack::ip {

class IcmpErrors {
 public:
  IcmpErrors(const IcmpLimit& limit, const Interface& interface, Output& output, base::Counters& counters)
      : interface_(interface), output_(output), counters_(counters), limit_(limit) {}

  /// Port unreachable for UDP, else protocol unreachable or parameter problem. `packet.frame` must begin with its IP
  /// header again.
  void tell_of_rejection(base::Instant now, const Packet& packet);

  /// The arrival's parameter problem. `frame` begins with its IP header; the arrival's verdict is kProblem.
  void tell_of_problem(base::Instant now, const link::Frame& frame, const Arrival& arrival);

  /// Time exceeded: the rest of a packet's fragments did not come (RFC 1122 3.3.2, RFC 8200 4.5).
  void tell_of_timeout(base::Instant now, const Reassembly::Expired& expired);

 private:
  void send_v4(base::Instant now, base::Bytes about, const wire::Icmpv4Header& header, const Ends& ends);
  void send_v6(base::Instant now, base::Bytes about, const wire::Icmpv6Header& header, const Ends& ends);

  const Interface& interface_;
  Output& output_;
  base::Counters& counters_;
  IcmpLimit limit_;
};

}  // namespace windhover::stack::ip
