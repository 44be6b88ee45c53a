#pragma once
// ICMP messages that arrive: echo is answered, errors about what we sent are handed up, NDP and MLD go their way.

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/arrival.h"
#include "stack/ip/fragmenter.h"
#include "stack/ip/ip.h"
#include "stack/ip/mld.h"
#include "stack/ip/ndp.h"
#include "stack/ip/output.h"
#include "stack/ip/path_mtu.h"
#include "stack/ip/router_discovery.h"

namespace windhover::stack::ip {

class Icmp {
 public:
  Icmp(const Interface& interface, Ndp& ndp, RouterDiscovery& routers, Mld& mld, Output& output, Fragmenter& fragmenter,
       const PathMtu& path_mtu, base::Counters& counters)
      : interface_(interface),
        ndp_(ndp),
        routers_(routers),
        mld_(mld),
        output_(output),
        fragmenter_(fragmenter),
        path_mtu_(path_mtu),
        counters_(counters) {}

  /// `frame` holds the message from its first byte. Consumed (and counted), or a TransportError.
  Input input_v4(base::Instant now, link::Frame frame, const Arrival& arrival);
  Input input_v6(base::Instant now, link::Frame frame, const Arrival& arrival);

 private:
  Input drop(base::Drop reason);
  Input echo(base::Instant now, const link::Frame& request, const Arrival& arrival);
  void answer_large_echo(base::Instant now, base::MutableBytes request, const Ends& ends, std::size_t room);

  const Interface& interface_;
  Ndp& ndp_;
  RouterDiscovery& routers_;
  Mld& mld_;
  Output& output_;
  Fragmenter& fragmenter_;
  const PathMtu& path_mtu_;
  base::Counters& counters_;
};

}  // namespace windhover::stack::ip
