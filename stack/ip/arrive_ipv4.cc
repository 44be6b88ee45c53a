#include "stack/ip/arrival.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv4_options.h"

namespace windhover::stack::ip {

using base::Drop;
using Verdict = Arrival::Verdict;

namespace {

/// False when the options forbid to take the packet.
bool accept_options(Arrival& arrival, const wire::Ipv4View& view) {
  const wire::Ipv4Options options = wire::check_options(view.header());
  if (options.verdict == wire::Ipv4Options::Verdict::kSound) return true;
  arrival.reason = Drop::kIpv4Options;
  if (options.verdict == wire::Ipv4Options::Verdict::kMalformed) {
    arrival.verdict = Verdict::kProblem;
    arrival.problem = {.code = 0, .at = options.at};
  }
  return false;
}

}  // namespace

Arrival arrive_ipv4(const Interface& interface, link::Frame& frame, bool to_many) {
  Arrival arrival;
  const auto view = wire::Ipv4View::parse(frame.bytes());
  if (!view) [[unlikely]] {
    arrival.reason = Drop::kIpv4Malformed;
    return arrival;
  }
  if (!view->checksum_ok()) [[unlikely]] {
    arrival.reason = Drop::kIpv4BadChecksum;
    return arrival;
  }
  const std::uint32_t destination = base::load_be<std::uint32_t>(view->header().data() + 16);
  if (!interface.is_local_v4(destination)) [[unlikely]] {
    arrival.reason = Drop::kIpNotForUs;
    if (destination >> 28 == 0xe || interface.is_broadcast_v4(destination)) arrival.verdict = Verdict::kForOthers;
    return arrival;
  }
  // RFC 1122 3.3.6: a unicast packet has no business in a link-layer broadcast.
  if (to_many) [[unlikely]] {
    arrival.reason = Drop::kIpNotForUs;
    return arrival;
  }
  if (interface.is_bad_source_v4(base::load_be<std::uint32_t>(view->header().data() + 12))) [[unlikely]] {
    arrival.reason = Drop::kIpBadSource;
    return arrival;
  }
  arrival.protocol = view->protocol();
  arrival.traffic_class = view->traffic_class();
  arrival.hop_limit = view->ttl();
  arrival.network_size = static_cast<std::uint16_t>(view->header_size());
  arrival.source = view->source();
  arrival.destination = view->destination();
  frame.truncate(view->total_length());
  if (view->has_options() && !accept_options(arrival, *view)) [[unlikely]] {
    return arrival;
  }
  arrival.verdict = view->is_fragment() ? Verdict::kFragment : Verdict::kOurs;
  return arrival;
}

}  // namespace windhover::stack::ip
