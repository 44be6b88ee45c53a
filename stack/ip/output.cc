#include "stack/ip/output.h"

#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using link::Frame;
using wire::Address;

constexpr std::size_t kPacketMax = 65535;

/// Offloads are told from the first byte of the frame: they move with it.
base::MutableBytes prepend_shifted(Frame& frame, std::size_t count) {
  link::Offload& offload = frame.offload();
  if (offload.checksum == link::Checksum::kPartial) {
    offload.csum_start = static_cast<std::uint16_t>(offload.csum_start + count);
    if (offload.gso != link::Gso::kNone) offload.header_size = static_cast<std::uint16_t>(offload.header_size + count);
  }
  return frame.prepend(count);
}

}  // namespace

Output::Output(const Interface& interface, const link::Caps& caps, std::uint8_t ttl, link::FrameArena& arena,
               Neighbours& neighbours, base::Counters& counters)
    : interface_(interface),
      caps_(caps),
      arena_(arena),
      neighbours_(neighbours),
      counters_(counters),
      queue_(counters),
      link_headroom_(caps.headroom +
                     (interface.medium() == link::Medium::kEthernet ? wire::EthernetView::kUntaggedSize : 0)),
      ttl_(ttl) {}

Frame Output::make(std::size_t headroom, std::size_t size) {
  Frame frame;
  if (headroom + size <= arena_.shape().frame_size) frame = arena_.allocate();
  if (!frame) {
    counters_.drop(Drop::kTransmitNoFrame);
    return frame;
  }
  frame.clear(headroom);
  frame.append(size);
  return frame;
}

void Output::put_headers(Frame& frame, const Header& header, const wire::MacAddress* to) const {
  const std::size_t size = frame.total_size();
  const std::size_t link_size = to == nullptr ? 0 : wire::EthernetView::kUntaggedSize;
  const bool v4 = header.destination.is_v4();
  const std::size_t ip_size = v4 ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
  CHECK(size <= kPacketMax - (v4 ? ip_size : 0));
  // One step for both headers: this runs for every packet.
  const base::MutableBytes headers = prepend_shifted(frame, link_size + ip_size);
  if (v4) {
    // An atomic datagram needs no identification (RFC 6864 4.1); a device that segments counts up from it.
    wire::Ipv4Header{.traffic_class = header.traffic_class,
                     .payload_size = static_cast<std::uint16_t>(size),
                     .ttl = header.ttl,
                     .protocol = header.protocol,
                     .source = header.source,
                     .destination = header.destination}
        .write(headers.subspan(link_size));
  } else {
    wire::Ipv6Header{.traffic_class = header.traffic_class,
                     .payload_size = static_cast<std::uint16_t>(size),
                     .next_header = header.protocol,
                     .hop_limit = header.ttl,
                     .source = header.source,
                     .destination = header.destination}
        .write(headers.subspan(link_size));
  }
  if (to != nullptr) {
    const wire::EtherType type = v4 ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6;
    wire::EthernetHeader{.destination = *to, .source = interface_.mac(), .tag = {}, .ether_type = type}.write(headers);
  }
}

void Output::send(base::Instant now, Frame& frame, const Header& header, Route& route) {
  const bool resolves = interface_.medium() == link::Medium::kEthernet;
  const wire::MacAddress* to = resolves ? neighbours_.find(now, route.next_hop, route.neighbour) : nullptr;
  put_headers(frame, header, to);
  if (resolves && to == nullptr) [[unlikely]] {
    return neighbours_.wait(now, route.next_hop, std::move(frame));
  }
  queue_.push(std::move(frame));
}

/// For a route that something has happened to since it was made. False when the packet cannot go.
bool Output::renew(const Address& remote, Route& route) {
  if (!interface_.is_local(route.source)) {
    counters_.drop(Drop::kAddressNotUsable);
    return false;
  }
  if (route.next_hop == remote || route.next_hop == interface_.gateway(remote)) return true;
  const std::optional<Hop> hop = interface_.route(remote, route.source);
  if (!hop) {
    counters_.drop(Drop::kNoRoute);
    return false;
  }
  route.next_hop = hop->next_hop;
  return true;
}

void Output::send(base::Instant now, Frame frame, const Address& remote, std::uint8_t protocol, Route& route,
                  std::uint8_t traffic_class) {
  const Header header{route.source, remote, protocol, ttl_, traffic_class};
  if (interface_.routes_stay()) [[likely]] {
    return send(now, frame, header, route);
  }
  if (!interface_.replies_to_sender()) {
    if (renew(remote, route)) send(now, frame, header, route);
    return;
  }
  put_headers(frame, header, &route.link);
  queue_.push(std::move(frame));
}

void Output::answer(base::Instant now, Frame frame, const Ends& ends, std::uint8_t protocol) {
  const std::optional<Hop> hop = interface_.route(ends.to, ends.from, ends.heard_from);
  if (!hop) return counters_.drop(Drop::kNoRoute);
  Route route{.source = hop->source, .next_hop = hop->next_hop, .link = ends.heard_from};
  send(now, std::move(frame), ends.to, protocol, route);
}

void Output::answer_packet(base::Instant now, Frame packet, const Ends& ends) {
  const std::optional<Hop> hop = interface_.route(ends.to, ends.from, ends.heard_from);
  if (!hop) return counters_.drop(Drop::kNoRoute);
  if (interface_.medium() == link::Medium::kIp) return queue_.push(std::move(packet));
  if (interface_.replies_to_sender()) return emit_ip(std::move(packet), ends.heard_from);
  std::uint32_t hint = 0;
  const wire::MacAddress* to = neighbours_.find(now, hop->next_hop, hint);
  if (to == nullptr) return neighbours_.wait(now, hop->next_hop, std::move(packet));
  emit_ip(std::move(packet), *to);
}

void Output::send_on_link(base::Instant now, Frame frame, const Address& source, const Address& destination,
                          std::uint8_t protocol, const std::optional<wire::MacAddress>& to) {
  const Header header{source, destination, protocol, wire::kNdpHopLimit};
  if (!to) {
    Route route{.source = source, .next_hop = destination};
    return send(now, frame, header, route);
  }
  put_headers(frame, header, &*to);
  queue_.push(std::move(frame));
}

void Output::send_to_group(Frame frame, const Address& source, const Address& group, std::uint8_t protocol,
                           std::uint8_t hop_limit) {
  const wire::MacAddress to = wire::multicast_mac(group);
  put_headers(frame, {source, group, protocol, hop_limit}, &to);
  queue_.push(std::move(frame));
}

void Output::emit(Frame frame, wire::EtherType type, const wire::MacAddress& to) {
  wire::EthernetHeader{.destination = to, .source = interface_.mac(), .tag = {}, .ether_type = type}.write(
      prepend_shifted(frame, wire::EthernetView::kUntaggedSize));
  queue_.push(std::move(frame));
}

void Output::emit_ip(Frame frame, const wire::MacAddress& to) {
  const bool v4 = frame.bytes()[0] >> 4 == 4;
  emit(std::move(frame), v4 ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6, to);
}

}  // namespace windhover::stack::ip
