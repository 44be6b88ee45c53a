#include "stack/ip/arrival.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using Verdict = Arrival::Verdict;
using End = wire::Ipv6Chain::End;

/// What becomes of a packet whose extension headers did not lead to an upper protocol.
void stop_at_extension(Arrival& arrival) {
  switch (arrival.chain.end) {
    case End::kRouting:
    case End::kUnknownOption:
    case End::kMisplaced:
      arrival.verdict = Verdict::kProblem;
      arrival.reason = Drop::kIpv6ExtensionHeader;
      return;
    case End::kTruncated:
      arrival.reason = Drop::kIpv6Malformed;
      return;
    case End::kFragment:
    case End::kTooMany:
    case End::kUpper:
      arrival.reason = Drop::kIpv6ExtensionHeader;
      return;
  }
}

}  // namespace

Arrival arrive_ipv6(const Interface& interface, link::Frame& frame, bool to_many) {
  Arrival arrival;
  const auto view = wire::Ipv6View::parse(frame.bytes());
  if (!view) [[unlikely]] {
    arrival.reason = Drop::kIpv6Malformed;
    return arrival;
  }
  arrival.source = view->source();
  arrival.destination = view->destination();
  if (!interface.is_local(arrival.destination)) [[unlikely]] {
    if (!arrival.destination.is_multicast() || !interface.in_group_v6(arrival.destination)) {
      arrival.reason = Drop::kIpNotForUs;
      if (arrival.destination.is_multicast()) arrival.verdict = Verdict::kForOthers;
      return arrival;
    }
    arrival.to_group = true;
  } else if (to_many) [[unlikely]] {
    arrival.reason = Drop::kIpNotForUs;
    return arrival;
  }
  if (interface.is_bad_source_v6(arrival.source)) [[unlikely]] {
    arrival.reason = Drop::kIpBadSource;
    return arrival;
  }
  arrival.chain = view->chain();
  arrival.protocol = arrival.chain.protocol;
  if (arrival.chain.end != End::kUpper) [[unlikely]] {
    stop_at_extension(arrival);
    if (arrival.verdict == Verdict::kProblem) frame.truncate(view->total_length());
    return arrival;
  }
  // Only a node that has no address yet may hide it, and all that it can say is ICMPv6 (RFC 4862 5.4, RFC 4861 4.1).
  if (arrival.source.is_unspecified() && arrival.protocol != wire::kProtocolIcmpv6) [[unlikely]] {
    arrival.reason = Drop::kIpBadSource;
    return arrival;
  }
  if (arrival.to_group && arrival.protocol != wire::kProtocolIcmpv6) [[unlikely]] {
    arrival.verdict = Verdict::kForOthers;
    return arrival;
  }
  frame.truncate(view->total_length());
  arrival.verdict = Verdict::kOurs;
  arrival.traffic_class = view->traffic_class();
  arrival.hop_limit = view->hop_limit();
  arrival.network_size = static_cast<std::uint16_t>(arrival.chain.offset);
  return arrival;
}

}  // namespace windhover::stack::ip
