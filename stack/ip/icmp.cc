#include "stack/ip/icmp.h"

#include <algorithm>
#include <optional>

#include "stack/ip/icmp_message.h"
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
using wire::Address;
using wire::Icmpv4Type;
using wire::Icmpv4View;
using wire::Icmpv6Type;
using wire::Icmpv6View;
using Kind = TransportError::Kind;

/// What an error must quote of the transport header (RFC 792): TCP's ports and sequence number.
constexpr std::size_t kQuotedTransport = 8;

/// What an error says, before it is known what it is about.
struct Notice {
  Kind kind{};
  std::uint32_t mtu = 0;
};

Notice notice_of(const Icmpv4View& message) {
  switch (message.type()) {
    case Icmpv4Type::kTimeExceeded:
      return {Kind::kTimeExceeded};
    case Icmpv4Type::kParameterProblem:
      return {Kind::kParameterProblem};
    default:
      break;
  }
  switch (message.code()) {
    case wire::kIcmpv4FragmentationNeeded:
      return {Kind::kTooBig, message.next_hop_mtu()};
    case wire::kIcmpv4ProtocolUnreachable:
    case wire::kIcmpv4PortUnreachable:
    case wire::kIcmpv4NetProhibited:
    case wire::kIcmpv4HostProhibited:
    case wire::kIcmpv4CommunicationProhibited:
      return {Kind::kRefused};
    default:
      return {Kind::kUnreachable};
  }
}

/// Types that RFC 4443 does not know must still be handed up (2.4 a): as the mildest of all.
Notice notice_of(const Icmpv6View& message) {
  constexpr std::uint8_t kPolicyFailed = 5;
  constexpr std::uint8_t kRouteRejected = 6;
  switch (message.type()) {
    case Icmpv6Type::kPacketTooBig:
      return {Kind::kTooBig, message.mtu()};
    case Icmpv6Type::kTimeExceeded:
      return {Kind::kTimeExceeded};
    case Icmpv6Type::kParameterProblem:
      return {Kind::kParameterProblem};
    case Icmpv6Type::kUnreachable:
      break;
    default:
      return {Kind::kUnreachable};
  }
  const std::uint8_t code = message.code();
  const bool refused = code == wire::kIcmpv6Prohibited || code == wire::kIcmpv6PortUnreachable ||
                       code == kPolicyFailed || code == kRouteRejected;
  return {refused ? Kind::kRefused : Kind::kUnreachable};
}

bool is_ndp(Icmpv6Type type) { return type >= Icmpv6Type::kRouterSolicitation && type <= Icmpv6Type::kRedirect; }

/// The flow that a quoted packet belongs to. We send neither options nor extension headers, so a quotation that has
/// some is not of ours, though IPv4 options may have been added on the way.
struct Quote {
  std::uint8_t protocol = 0;
  Address source;
  Address destination;
  Bytes transport;  ///< At least kQuotedTransport bytes.
};

std::optional<Quote> quote_v4(Bytes quoted) {
  if (quoted.size() < wire::Ipv4Header::kSize || quoted[0] >> 4 != 4) return {};
  const std::size_t header_size = (quoted[0] & 0xfU) * 4;
  if (header_size < wire::Ipv4Header::kSize || quoted.size() < header_size + kQuotedTransport) return {};
  if ((base::load_be<std::uint16_t>(&quoted[6]) & 0x1fff) != 0)
    return {};  // The transport header is in another fragment.
  return Quote{quoted[9], Address::v4(quoted.subspan(12)), Address::v4(quoted.subspan(16)),
               quoted.subspan(header_size)};
}

std::optional<Quote> quote_v6(Bytes quoted) {
  constexpr std::size_t kHeaderSize = wire::Ipv6Header::kSize;
  if (quoted.size() < kHeaderSize + kQuotedTransport || quoted[0] >> 4 != 6) return {};
  return Quote{quoted[6], Address::v6(quoted.subspan(8)), Address::v6(quoted.subspan(24)), quoted.subspan(kHeaderSize)};
}

/// Nothing when the quoted packet cannot have come from the address that the error was sent to.
std::optional<TransportError> error_about(const Quote& quote, const Arrival& arrival, const Notice& notice) {
  const bool tcp = quote.protocol == wire::kProtocolTcp;
  if ((!tcp && quote.protocol != wire::kProtocolUdp) || arrival.to_group) return {};
  if (quote.source != arrival.destination || quote.destination.is_v4() != quote.source.is_v4()) return {};
  const std::uint8_t* transport = quote.transport.data();
  return TransportError{.kind = notice.kind,
                        .protocol = static_cast<Protocol>(quote.protocol),
                        .local = {quote.source, base::load_be<std::uint16_t>(transport)},
                        .remote = {quote.destination, base::load_be<std::uint16_t>(transport + 2)},
                        .sequence = tcp ? base::load_be<std::uint32_t>(transport + 4) : 0,
                        .mtu = notice.mtu};
}

}  // namespace

Input Icmp::drop(Drop reason) {
  counters_.drop(reason);
  return Consumed{};
}

Input Icmp::input_v4(base::Instant now, link::Frame frame, const Arrival& arrival) {
  const auto message = Icmpv4View::parse(frame.bytes());
  if (!message) return drop(Drop::kIcmpMalformed);
  const link::Checksum checksum = frame.offload().checksum;
  const bool begun = checksum == link::Checksum::kEither && message->checksum_begun();
  if (link::needs_verification(checksum) && !begun && !message->checksum_ok()) return drop(Drop::kIcmpBadChecksum);
  if (message->type() == Icmpv4Type::kEchoRequest) return echo(now, frame, arrival);
  if (message->type() == Icmpv4Type::kRedirect) return drop(Drop::kIcmpRedirect);
  if (!message->is_error()) return drop(Drop::kIcmpIgnored);
  const std::optional<Quote> quote = quote_v4(message->body());
  if (!quote) return drop(Drop::kIcmpMalformed);
  const auto error = error_about(*quote, arrival, notice_of(*message));
  return error ? Input{*error} : drop(Drop::kIcmpIgnored);
}

Input Icmp::input_v6(base::Instant now, link::Frame frame, const Arrival& arrival) {
  const auto message = Icmpv6View::parse(frame.bytes());
  if (!message) return drop(Drop::kIcmpMalformed);
  const link::Checksum checksum = frame.offload().checksum;
  const bool begun =
      checksum == link::Checksum::kEither && message->checksum_begun(arrival.source, arrival.destination);
  if (link::needs_verification(checksum) && !begun && !message->checksum_ok(arrival.source, arrival.destination)) {
    return drop(Drop::kIcmpBadChecksum);
  }
  // RFC 6980 5: what is to be believed without a signature must at least be seen whole by whoever watches the link.
  if (arrival.fragmented && is_ndp(message->type())) return drop(Drop::kNdpInvalid);
  const wire::NdpEnvelope envelope{arrival.source, arrival.destination, arrival.hop_limit};
  switch (message->type()) {
    case Icmpv6Type::kNeighbourSolicitation:
      ndp_.solicitation(now, frame.bytes(), envelope, arrival.link_source);
      return Consumed{};
    case Icmpv6Type::kNeighbourAdvertisement:
      ndp_.advertisement(now, frame.bytes(), envelope, arrival.link_source);
      return Consumed{};
    case Icmpv6Type::kRouterAdvertisement:
      routers_.advertisement(now, frame.bytes(), envelope);
      return Consumed{};
    default:
      break;
  }
  // Only the two above may say something about an address of ours (arrive_ipv6()).
  if (interface_.is_local(arrival.source)) return drop(Drop::kIpBadSource);
  if (message->type() == Icmpv6Type::kEchoRequest) {
    return arrival.source.is_unspecified() ? drop(Drop::kIpBadSource) : echo(now, frame, arrival);
  }
  if (message->type() == Icmpv6Type::kMldQuery) {
    frame.prepend(arrival.network_size);
    mld_.query(now, frame.bytes(), base::Bytes(frame.bytes()).subspan(arrival.network_size), arrival);
    return Consumed{};
  }
  if (message->type() == Icmpv6Type::kRedirect) return drop(Drop::kIcmpRedirect);
  if (!message->is_error()) return drop(Drop::kIcmpIgnored);
  const std::optional<Quote> quote = quote_v6(message->body());
  if (!quote) return drop(Drop::kIcmpMalformed);
  const auto error = error_about(*quote, arrival, notice_of(*message));
  return error ? Input{*error} : drop(Drop::kIcmpIgnored);
}

Input Icmp::echo(base::Instant now, const link::Frame& request, const Arrival& arrival) {
  const bool v4 = arrival.source.is_v4();
  const base::MutableBytes asked = request.bytes();
  const std::size_t header = v4 ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
  const auto source = arrival.to_group ? interface_.source_for(arrival.source) : arrival.destination;
  if (!source) return drop(Drop::kIcmpIgnored);

  counters_.count(Event::kFramesConsumed);
  const Ends ends{*source, arrival.source, arrival.link_source};
  const std::size_t mtu =
      v4 ? path_mtu_.find(arrival.source) : std::min(path_mtu_.find(arrival.source), routers_.mtu());
  const std::size_t room = std::min(mtu, output_.frame_room());
  if (header + asked.size() > room) {
    answer_large_echo(now, asked, ends, room);
    return Consumed{};
  }
  link::Frame reply = output_.make(output_.headroom(v4), asked.size());
  if (!reply) return Consumed{};
  std::copy(asked.begin(), asked.end(), reply.bytes().begin());
  const std::uint32_t rest = base::load_be<std::uint32_t>(&asked[4]);
  if (v4) {
    seal_icmpv4(reply, output_.caps(), {.type = Icmpv4Type::kEchoReply, .rest = rest});
  } else {
    seal_icmpv6(reply, output_.caps(), {.type = Icmpv6Type::kEchoReply, .rest = rest}, *source, arrival.source);
  }
  counters_.count(Event::kEchoReplies);
  output_.answer(now, std::move(reply), ends, v4 ? wire::kProtocolIcmpv4 : wire::kProtocolIcmpv6);
  return Consumed{};
}

/// Makes the reply where the request lies: it is larger than the path or a frame to transmit allows.
void Icmp::answer_large_echo(base::Instant now, base::MutableBytes request, const Ends& ends, std::size_t room) {
  const std::uint32_t rest = base::load_be<std::uint32_t>(&request[4]);
  if (ends.to.is_v4()) {
    wire::Icmpv4Header{.type = Icmpv4Type::kEchoReply, .rest = rest}.write(request);
  } else {
    wire::Icmpv6Header{.type = Icmpv6Type::kEchoReply, .rest = rest}.write(request, ends.from, ends.to);
  }
  counters_.count(Event::kEchoReplies);
  fragmenter_.answer(now, request, ends, ends.to.is_v4() ? wire::kProtocolIcmpv4 : wire::kProtocolIcmpv6, room);
}

}  // namespace windhover::stack::ip
