#include "tests/script/packet.h"

#include <algorithm>
#include <array>

#include "stack/wire/checksum.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"
#include "stack/wire/tcp.h"

namespace windhover::script {
namespace {

using stack::base::Bytes;
using stack::base::store_be;
namespace wire = stack::wire;

constexpr std::size_t kTcpSize = wire::TcpHeader::kSize;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kJunk = 0xff;  // Differs from the pattern in every bit.

/// Where the payload lies in the stream, whose first byte is right behind the SYN. Modulo 2^32.
std::uint32_t stream_offset(const Segment& segment) {
  const bool syn = segment.flags && (*segment.flags & kSyn) != 0;
  return *segment.seq + (syn ? 1 : 0) - 1;
}

Octets wrap(const stack::tcp::Endpoint& from, const stack::tcp::Endpoint& to, std::uint8_t protocol, Ecn ecn,
            Bytes payload) {
  const auto traffic_class = static_cast<std::uint8_t>(ecn);
  const auto size = static_cast<std::uint16_t>(payload.size());
  Octets packet((from.address.is_v4() ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize) + payload.size());
  if (from.address.is_v4()) {
    wire::Ipv4Header{.traffic_class = traffic_class,
                     .payload_size = size,
                     .protocol = protocol,
                     .source = from.address,
                     .destination = to.address}
        .write(packet);
  } else {
    wire::Ipv6Header{.traffic_class = traffic_class,
                     .payload_size = size,
                     .next_header = protocol,
                     .source = from.address,
                     .destination = to.address}
        .write(packet);
  }
  std::copy(payload.begin(), payload.end(), packet.end() - static_cast<std::ptrdiff_t>(payload.size()));
  return packet;
}

Options usual_options(bool timestamps) {
  if (!timestamps) return {};
  return {{Option::Kind::kNop}, {Option::Kind::kNop}, {Option::Kind::kTimestamps}};
}

std::optional<Option> find(const Options& options, Option::Kind kind) {
  const auto found =
      std::find_if(options.begin(), options.end(), [&](const Option& option) { return option.kind == kind; });
  return found == options.end() ? std::nullopt : std::optional(*found);
}

void learn_from_peer_syn(const Segment& segment, Flow& flow, Duration since_start) {
  const auto timestamps = find(segment.options.value_or(Options{}), Option::Kind::kTimestamps);
  flow.offers_timestamps = timestamps.has_value();
  flow.timestamps = flow.offers_timestamps && (*segment.flags & kAck) != 0 && flow.ts_first;
  if (!timestamps || !timestamps->value) return;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(since_start).count();
  flow.clock_offset = *timestamps->value - static_cast<std::uint32_t>(now);
}

struct View {
  Bytes segment;
  Ecn ecn = Ecn::kNotEct;
  wire::Address source{};
  wire::Address destination{};
};

std::optional<View> view_of(Bytes packet) {
  if (const auto four = wire::Ipv4View::parse(packet); four && four->protocol() == wire::kProtocolTcp) {
    return View{four->payload(), static_cast<Ecn>(four->traffic_class() & 3), four->source(), four->destination()};
  }
  if (const auto six = wire::Ipv6View::parse(packet); six && six->next_header() == wire::kProtocolTcp) {
    return View{six->payload(), static_cast<Ecn>(six->traffic_class() & 3), six->source(), six->destination()};
  }
  return std::nullopt;
}

}  // namespace

OptionNumbers Flow::outgoing() const { return {.sack_base = iss, .value_base = ts_first.value_or(0)}; }

OptionNumbers Flow::incoming(Duration since_start) const {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(since_start).count();
  return {.sack_base = irs,
          .echo_base = ts_first.value_or(0),
          .value_now = clock_offset + static_cast<std::uint32_t>(now),
          .echo_now = timestamps ? ts_newest : 0};
}

Octets build(const Segment& segment, Flow& flow, Duration since_start) {
  const std::uint8_t flags = *segment.flags;
  if ((flags & kSyn) != 0) learn_from_peer_syn(segment, flow, since_start);
  if (segment.window) flow.window = *segment.window;
  const Octets options = encode(segment.options.value_or(usual_options(flow.timestamps)), flow.incoming(since_start));
  Octets octets(kTcpSize + options.size() + segment.size);
  wire::TcpHeader{.source_port = flow.remote.port,
                  .destination_port = flow.local.port,
                  .seq = wire::Seq(flow.iss + *segment.seq),
                  .ack = wire::Seq((flags & kAck) != 0 ? flow.irs + segment.ack.value_or(0) : 0),
                  .flags = {flags},
                  .window = flow.window,
                  .urgent_pointer = segment.urgent.value_or(0)}
      .write(octets, {});
  octets[12] = static_cast<std::uint8_t>((kTcpSize + options.size()) / 4 << 4);
  std::copy(options.begin(), options.end(), octets.begin() + kTcpSize);
  const std::size_t payload = kTcpSize + options.size();
  for (std::uint32_t at = 0; at < segment.size; ++at) {
    octets[payload + at] =
        static_cast<std::uint8_t>(pattern_at(stream_offset(segment) + at) ^ (segment.junk ? kJunk : 0));
  }
  const wire::Sum pseudo =
      wire::pseudo_header_sum(flow.remote.address, flow.local.address, wire::kProtocolTcp, octets.size());
  const std::uint16_t checksum = (pseudo + wire::sum(octets)).finish();
  store_be(&octets[wire::TcpHeader::kChecksumOffset],
           static_cast<std::uint16_t>(checksum ^ (segment.bad_checksum ? 0x0101 : 0)));
  return wrap(flow.remote, flow.local, wire::kProtocolTcp, segment.ecn.value_or(Ecn::kNotEct), octets);
}

Octets build(const IcmpError& error, const Flow& flow) {
  struct Numbers {
    std::uint8_t type4, code4, type6, code6;
  };
  // In the order of IcmpError::Kind. ICMPv6 has no source quench and no unreachable protocol: the nearest.
  static constexpr std::array<Numbers, 8> kNumbers{
      {{3, wire::kIcmpv4FragmentationNeeded, 2, 0},
       {3, wire::kIcmpv4NetUnreachable, 1, wire::kIcmpv6NoRoute},
       {3, wire::kIcmpv4HostUnreachable, 1, wire::kIcmpv6AddressUnreachable},
       {3, wire::kIcmpv4ProtocolUnreachable, 4, 1},
       {3, wire::kIcmpv4PortUnreachable, 1, wire::kIcmpv6PortUnreachable},
       {3, wire::kIcmpv4CommunicationProhibited, 1, wire::kIcmpv6Prohibited},
       {11, 0, 3, 0},
       {4, 0, 3, 0}}};
  Octets quoted(kTcpSize);
  wire::TcpHeader{.source_port = flow.local.port,
                  .destination_port = flow.remote.port,
                  .seq = wire::Seq(flow.irs + error.seq),
                  .ack = wire::Seq(flow.iss + 1),
                  .flags = {kAck}}
      .write(quoted, {});
  const Octets about = wrap(flow.local, flow.remote, wire::kProtocolTcp, Ecn::kNotEct, quoted);
  const Numbers numbers = kNumbers[static_cast<std::size_t>(error.kind)];
  Octets message(wire::Icmpv4Header::kSize + about.size());
  std::copy(about.begin(), about.end(), message.begin() + wire::Icmpv4Header::kSize);
  if (flow.local.address.is_v4()) {
    wire::Icmpv4Header{static_cast<wire::Icmpv4Type>(numbers.type4), numbers.code4, error.mtu}.write(message);
    return wrap(flow.remote, flow.local, wire::kProtocolIcmpv4, Ecn::kNotEct, message);
  }
  wire::Icmpv6Header{static_cast<wire::Icmpv6Type>(numbers.type6), numbers.code6, error.mtu}.write(
      message, flow.remote.address, flow.local.address);
  return wrap(flow.remote, flow.local, wire::kProtocolIcmpv6, Ecn::kNotEct, message);
}

std::optional<std::uint16_t> peer_port_of(Bytes packet) {
  const auto view = view_of(packet);
  if (!view) return std::nullopt;
  const auto tcp = wire::TcpView::parse(view->segment);
  return tcp ? std::optional(tcp->destination_port()) : std::nullopt;
}

Seen read(Bytes packet, Flow& flow, Duration since_start) {
  Seen seen{.at = since_start};
  const View view = view_of(packet).value();
  const wire::TcpView tcp = wire::TcpView::parse(view.segment).value();
  const std::uint8_t flags = tcp.flags().bits;
  const auto stamps = find(decode(tcp.options(), {}), Option::Kind::kTimestamps);
  if (stamps) {
    if (!flow.ts_first) flow.ts_first = stamps->value;
    flow.ts_newest = stamps->value.value_or(0);
  }
  if ((flags & kSyn) != 0) {
    flow.irs = tcp.seq().value();
    if ((flags & kAck) == 0) flow.local.port = tcp.source_port();
    flow.timestamps = flow.offers_timestamps && stamps.has_value();
  }
  seen.peer_port = tcp.destination_port();
  seen.segment = {.flags = flags,
                  .seq = tcp.seq().value() - flow.irs,
                  .size = static_cast<std::uint32_t>(tcp.payload().size()),
                  .ack = (flags & kAck) != 0 ? std::optional(tcp.ack().value() - flow.iss) : std::nullopt,
                  .window = tcp.window(),
                  .urgent = tcp.urgent_pointer(),
                  .ecn = view.ecn,
                  .options = decode(tcp.options(), flow.outgoing())};
  if (!tcp.checksum_ok(view.source, view.destination)) seen.trouble = "its checksum is wrong";
  if (tcp.source_port() != flow.local.port) seen.trouble = "it comes from another port";
  for (std::uint32_t at = 0; at < seen.segment.size && seen.trouble.empty(); ++at) {
    if (tcp.payload()[at] != pattern_at(stream_offset(seen.segment) + at)) {
      seen.trouble =
          "its payload is not what was written, from number " + std::to_string(*seen.segment.seq + at) + " on";
    }
  }
  return seen;
}

}  // namespace windhover::script
