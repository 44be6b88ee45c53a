#pragma once
// The ICMP errors that we send (RFC 1122 3.2.2, RFC 4443 2.4).
//
// None answers an ICMP error, a packet to a group or broadcast address (but for the one case that RFC 8200 4.2 asks
// for), one whose source is no single host, or a fragment other than the first: such packets are dropped before they
// come here, or are recognised here. All share one rate limit; what it holds back counts as kIcmpRateLimited.

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/arrival.h"
#include "stack/ip/ip.h"
#include "stack/ip/output.h"
#include "stack/ip/token_bucket.h"
#include "stack/wire/icmpv6.h"

namespace windhover::stack::ip {

class IcmpErrors {
 public:
  IcmpErrors(base::Instant now, std::uint32_t per_second, const Interface& interface, Output& output,
             base::Counters& counters)
      : interface_(interface), output_(output), counters_(counters), bucket_(now, per_second) {}

  /// Port unreachable for UDP, else protocol unreachable or parameter problem. `packet.frame` must begin with its IP
  /// header again.
  void tell_of_rejection(base::Instant now, const Packet& packet);

  /// Parameter problem for what stopped the walk through the extension headers, where RFC 8200 4 wants one. `frame`
  /// begins with its IP header; the arrival's verdict is kProblem.
  void tell_of_extension(base::Instant now, const link::Frame& frame, const Arrival& arrival);

 private:
  void send_v4(base::Instant now, base::Bytes about, std::uint8_t code, const Ends& ends);
  void send_v6(base::Instant now, base::Bytes about, const wire::Icmpv6Header& header, const Ends& ends);

  const Interface& interface_;
  Output& output_;
  base::Counters& counters_;
  TokenBucket bucket_;
};

}  // namespace windhover::stack::ip
