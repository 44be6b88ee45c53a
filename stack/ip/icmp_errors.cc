#include "stack/ip/icmp_errors.h"

#include <algorithm>

#include "stack/ip/icmp_message.h"
#include "stack/ip/path_mtu.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

using base::Bytes;
using base::Drop;
using base::Event;
using wire::Icmpv4Type;
using wire::Icmpv6Header;
using wire::Icmpv6Type;

/// An error must fit the packet that everybody can receive (RFC 1812 4.3.2.3, RFC 4443 2.4 c); the rest is quotation.
constexpr std::size_t kQuoteMaxV4 = kMtuMinV4 - wire::Ipv4Header::kSize - wire::Icmpv4Header::kSize;
constexpr std::size_t kQuoteMaxV6 = kMtuMinV6 - wire::Ipv6Header::kSize - wire::Icmpv6Header::kSize;

/// RFC 4443 2.4 e.1 and e.2. Steps over extension headers without looking into them; the walk is as bounded as wire's
/// own.
bool carries_icmpv6_error(Bytes packet) {
  std::uint8_t next = packet[6];
  std::size_t at = wire::Ipv6View::kHeaderSize;
  for (std::size_t step = 0; step <= wire::Ipv6View::kExtensionHeadersMax && at + 2 <= packet.size(); ++step) {
    if (next == wire::kProtocolIcmpv6) {
      return packet[at] < 128 || packet[at] == static_cast<std::uint8_t>(Icmpv6Type::kRedirect);
    }
    if (next == wire::kProtocolFragment) {
      next = packet[at];
      at += 8;
    } else if (next == wire::kProtocolHopByHop || next == wire::kProtocolRouting ||
               next == wire::kProtocolDestinationOptions) {
      next = packet[at];
      at += (packet[at + 1] + std::size_t{1}) * 8;
    } else {
      return false;
    }
  }
  return false;
}

/// RFC 1122 3.2.2: an ICMP error, or a fragment other than the first. Source quench and redirect are errors there.
bool is_never_answered_v4(Bytes packet) {
  const auto view = wire::Ipv4View::parse_quoted(packet);
  if (!view || view->fragment_offset() != 0) return true;
  if (view->protocol() != wire::kProtocolIcmpv4) return false;
  if (view->payload().empty()) return true;
  switch (static_cast<Icmpv4Type>(view->payload()[0])) {
    case Icmpv4Type::kUnreachable:
    case Icmpv4Type::kSourceQuench:
    case Icmpv4Type::kRedirect:
    case Icmpv4Type::kTimeExceeded:
    case Icmpv4Type::kParameterProblem:
      return true;
    default:
      return false;
  }
}

}  // namespace

void IcmpErrors::tell_of_rejection(base::Instant now, const Packet& packet) {
  const Bytes about = packet.frame.bytes();
  const bool udp = packet.protocol == Protocol::kUdp;
  const Ends ends{packet.destination, packet.source, packet.link_source};
  if (packet.source.is_v4()) {
    const std::uint8_t code = udp ? wire::kIcmpv4PortUnreachable : wire::kIcmpv4ProtocolUnreachable;
    return send_v4(now, about, {.type = Icmpv4Type::kUnreachable, .code = code}, ends);
  }
  Icmpv6Header header{.type = Icmpv6Type::kUnreachable, .code = wire::kIcmpv6PortUnreachable};
  if (!udp) {
    const auto view = wire::Ipv6View::parse(about);
    CHECK(view);
    header = {Icmpv6Type::kParameterProblem, wire::kIcmpv6UnknownNextHeader, view->chain().named_at};
  }
  send_v6(now, about, header, ends);
}

void IcmpErrors::tell_of_problem(base::Instant now, const link::Frame& frame, const Arrival& arrival) {
  const Bytes about = frame.bytes();
  const Problem& problem = arrival.problem;
  if (arrival.source.is_v4()) {
    if (is_never_answered_v4(about)) return;
    const wire::Icmpv4Header header{Icmpv4Type::kParameterProblem, problem.code, problem.at << 24};
    return send_v4(now, about, header, {arrival.destination, arrival.source, arrival.link_source});
  }
  if (arrival.source.is_unspecified() || carries_icmpv6_error(about)) return;
  if (arrival.to_group && !problem.even_to_group) return;
  const auto from = arrival.to_group ? interface_.source_for(arrival.source) : arrival.destination;
  const Icmpv6Header header{Icmpv6Type::kParameterProblem, problem.code, problem.at};
  if (from) send_v6(now, about, header, {*from, arrival.source, arrival.link_source});
}

void IcmpErrors::tell_of_timeout(base::Instant now, const Reassembly::Expired& expired) {
  const Ends ends{expired.destination, expired.source, expired.link_source};
  if (expired.source.is_v4()) {
    if (is_never_answered_v4(expired.quote)) return;
    return send_v4(now, expired.quote, {Icmpv4Type::kTimeExceeded, wire::kIcmpv4ReassemblyTime}, ends);
  }
  if (carries_icmpv6_error(expired.quote)) return;
  send_v6(now, expired.quote, {Icmpv6Type::kTimeExceeded, wire::kIcmpv6ReassemblyTime}, ends);
}

void IcmpErrors::send_v4(base::Instant now, Bytes about, const wire::Icmpv4Header& header, const Ends& ends) {
  if (!limit_.take(now, ends.to)) return counters_.drop(Drop::kIcmpRateLimited);
  const Bytes quote = about.first(std::min(about.size(), kQuoteMaxV4));
  link::Frame frame = output_.make(output_.headroom(true), wire::Icmpv4Header::kSize + quote.size());
  if (!frame) return;
  std::copy(quote.begin(), quote.end(), frame.bytes().begin() + wire::Icmpv4Header::kSize);
  seal_icmpv4(frame, output_.caps(), header);
  counters_.count(Event::kErrorsSent);
  output_.answer(now, std::move(frame), ends, wire::kProtocolIcmpv4);
}

void IcmpErrors::send_v6(base::Instant now, Bytes about, const Icmpv6Header& header, const Ends& ends) {
  if (!limit_.take(now, ends.to)) return counters_.drop(Drop::kIcmpRateLimited);
  const Bytes quote = about.first(std::min(about.size(), kQuoteMaxV6));
  link::Frame frame = output_.make(output_.headroom(false), Icmpv6Header::kSize + quote.size());
  if (!frame) return;
  std::copy(quote.begin(), quote.end(), frame.bytes().begin() + Icmpv6Header::kSize);
  seal_icmpv6(frame, output_.caps(), header, ends.from, ends.to);
  counters_.count(Event::kErrorsSent);
  output_.answer(now, std::move(frame), ends, wire::kProtocolIcmpv6);
}

}  // namespace windhover::stack::ip
