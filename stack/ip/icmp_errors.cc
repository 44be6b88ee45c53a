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
using wire::Icmpv6Header;
using wire::Icmpv6Type;
using End = wire::Ipv6Chain::End;

/// An error must fit the packet that everybody can receive (RFC 1812 4.3.2.3, RFC 4443 2.4 c); the rest is quotation.
constexpr std::size_t kQuoteMaxV4 = kMtuMinV4 - wire::Ipv4Header::kSize - wire::Icmpv4Header::kSize;
constexpr std::size_t kQuoteMaxV6 = kMtuMinV6 - wire::Ipv6Header::kSize - wire::Icmpv6Header::kSize;

constexpr std::size_t kRoutingTypeOffset = 2;  // RFC 8200 4.4.

/// RFC 4443 2.4 e.1. Steps over extension headers without looking into them; the walk is as bounded as wire's own.
bool carries_icmpv6_error(Bytes packet) {
  std::uint8_t next = packet[6];
  std::size_t at = wire::Ipv6View::kHeaderSize;
  for (std::size_t step = 0; step <= wire::Ipv6View::kExtensionHeadersMax && at + 2 <= packet.size(); ++step) {
    if (next == wire::kProtocolIcmpv6) return packet[at] < 128;
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

}  // namespace

void IcmpErrors::tell_of_rejection(base::Instant now, const Packet& packet) {
  const Bytes about = packet.frame.bytes();
  const bool udp = packet.protocol == Protocol::kUdp;
  const Ends ends{packet.destination, packet.source, packet.link_source};
  if (packet.source.is_v4()) {
    const std::uint8_t code = udp ? wire::kIcmpv4PortUnreachable : wire::kIcmpv4ProtocolUnreachable;
    return send_v4(now, about, code, ends);
  }
  Icmpv6Header header{.type = Icmpv6Type::kUnreachable, .code = wire::kIcmpv6PortUnreachable};
  if (!udp) {
    const auto view = wire::Ipv6View::parse(about);
    CHECK(view);
    header = {Icmpv6Type::kParameterProblem, wire::kIcmpv6UnknownNextHeader, view->chain().named_at};
  }
  send_v6(now, about, header, ends);
}

void IcmpErrors::tell_of_extension(base::Instant now, const link::Frame& frame, const Arrival& arrival) {
  const Bytes about = frame.bytes();
  const wire::Ipv6Chain& chain = arrival.chain;
  Icmpv6Header header{.type = Icmpv6Type::kParameterProblem};
  bool even_to_group = false;
  switch (chain.end) {
    case End::kUnknownOption: {
      // RFC 8200 4.2: the type's two upper bits say what is wanted; 01 is silence, 10 an answer even to a group.
      const unsigned action = about[chain.offset] >> 6;
      if (action != 2 && action != 3) return;
      even_to_group = action == 2;
      header.code = wire::kIcmpv6UnknownOption;
      header.rest = chain.offset;
      break;
    }
    case End::kRouting:
      header.code = wire::kIcmpv6BadHeaderField;
      header.rest = static_cast<std::uint32_t>(chain.offset + kRoutingTypeOffset);
      break;
    case End::kMisplaced:
      header.code = wire::kIcmpv6UnknownNextHeader;
      header.rest = chain.named_at;
      break;
    default:
      return;
  }
  if (arrival.source.is_unspecified() || (arrival.to_group && !even_to_group) || carries_icmpv6_error(about)) return;
  const auto from = arrival.to_group ? interface_.source_for(arrival.source) : arrival.destination;
  if (from) send_v6(now, about, header, {*from, arrival.source, arrival.link_source});
}

void IcmpErrors::send_v4(base::Instant now, Bytes about, std::uint8_t code, const Ends& ends) {
  if (!bucket_.take(now)) return counters_.drop(Drop::kIcmpRateLimited);
  const Bytes quote = about.first(std::min(about.size(), kQuoteMaxV4));
  link::Frame frame = output_.make(output_.headroom(true), wire::Icmpv4Header::kSize + quote.size());
  if (!frame) return;
  std::copy(quote.begin(), quote.end(), frame.bytes().begin() + wire::Icmpv4Header::kSize);
  seal_icmpv4(frame, output_.caps(), {.type = wire::Icmpv4Type::kUnreachable, .code = code});
  counters_.count(Event::kErrorsSent);
  output_.answer(now, std::move(frame), ends, wire::kProtocolIcmpv4);
}

void IcmpErrors::send_v6(base::Instant now, Bytes about, const Icmpv6Header& header, const Ends& ends) {
  if (!bucket_.take(now)) return counters_.drop(Drop::kIcmpRateLimited);
  const Bytes quote = about.first(std::min(about.size(), kQuoteMaxV6));
  link::Frame frame = output_.make(output_.headroom(false), Icmpv6Header::kSize + quote.size());
  if (!frame) return;
  std::copy(quote.begin(), quote.end(), frame.bytes().begin() + Icmpv6Header::kSize);
  seal_icmpv6(frame, output_.caps(), header, ends.from, ends.to);
  counters_.count(Event::kErrorsSent);
  output_.answer(now, std::move(frame), ends, wire::kProtocolIcmpv6);
}

}  // namespace windhover::stack::ip
