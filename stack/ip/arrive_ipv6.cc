#include "stack/ip/arrival.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ndp.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using Verdict = Arrival::Verdict;
using End = wire::Ipv6Chain::End;

constexpr std::uint32_t kRoutingTypeAt = 2;  // RFC 8200 4.4.

void complain(Arrival& arrival, const Problem& problem) {
  arrival.verdict = Verdict::kProblem;
  arrival.problem = problem;
}

/// What becomes of a packet whose extension headers did not lead to an upper protocol.
void stop_at_extension(Arrival& arrival, base::Bytes packet) {
  const wire::Ipv6Chain& chain = arrival.chain;
  arrival.reason = chain.end == End::kTruncated ? Drop::kIpv6Malformed : Drop::kIpv6ExtensionHeader;
  switch (chain.end) {
    case End::kRouting:
      return complain(arrival, {.code = wire::kIcmpv6BadHeaderField, .at = chain.offset + kRoutingTypeAt});
    case End::kMisplaced:
      return complain(arrival, {.code = wire::kIcmpv6UnknownNextHeader, .at = chain.named_at});
    case End::kUnknownOption: {
      // RFC 8200 4.2: the type's two upper bits say what is wanted; 01 is silence, 10 an answer even to a group.
      const unsigned action = packet[chain.offset] >> 6;
      if (action != 2 && action != 3) return;
      return complain(arrival, {.code = wire::kIcmpv6UnknownOption, .at = chain.offset, .even_to_group = action == 2});
    }
    case End::kFragment:
      // Nothing that is said to a group comes in fragments: NDP must not (RFC 6980), the rest has no listener.
      if (!arrival.to_group) arrival.verdict = Verdict::kFragment;
      return;
    case End::kTruncated:
    case End::kTooMany:
    case End::kUpper:
      return;
  }
}

/// Another station that has our address says so from it, on this link and to a group: duplicate address detection must
/// hear that (RFC 4862 5.4.4). ICMPv6 lets through no more than Neighbour Discovery.
bool is_about_us(const Interface& interface, const Arrival& arrival, const wire::Ipv6View& view) {
  return arrival.to_group && view.hop_limit() == wire::kNdpHopLimit && view.next_header() == wire::kProtocolIcmpv6 &&
         interface.is_local(arrival.source);
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
  if (interface.is_bad_source_v6(arrival.source) && !is_about_us(interface, arrival, *view)) [[unlikely]] {
    arrival.reason = Drop::kIpBadSource;
    return arrival;
  }
  arrival.chain = view->chain();
  arrival.protocol = arrival.chain.protocol;
  arrival.fragmented = arrival.chain.atomic;
  if (arrival.chain.end != End::kUpper) [[unlikely]] {
    stop_at_extension(arrival, frame.bytes());
    frame.truncate(view->total_length());
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
