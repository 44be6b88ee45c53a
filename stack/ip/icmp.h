#pragma once
// ICMP messages that arrive: echo is answered, errors about what we sent are handed up, NDP goes its way.

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/arrival.h"
#include "stack/ip/ip.h"
#include "stack/ip/ndp.h"
#include "stack/ip/output.h"

namespace windhover::stack::ip {

class Icmp {
 public:
  Icmp(const Interface& interface, Ndp& ndp, Output& output, base::Counters& counters)
      : interface_(interface), ndp_(ndp), output_(output), counters_(counters) {}

  /// `frame` holds the message from its first byte. Consumed (and counted), or a TransportError.
  Input input_v4(base::Instant now, link::Frame frame, const Arrival& arrival);
  Input input_v6(base::Instant now, link::Frame frame, const Arrival& arrival);

 private:
  Input drop(base::Drop reason);
  Input echo(base::Instant now, const link::Frame& request, const Arrival& arrival);

  const Interface& interface_;
  Ndp& ndp_;
  Output& output_;
  base::Counters& counters_;
};

}  // namespace windhover::stack::ip
