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

void Output::put_header(Frame& frame, const Address& source, const Address& destination, std::uint8_t protocol,
                        std::uint8_t ttl) const {
  const std::size_t size = frame.total_size();
  if (destination.is_v4()) {
    CHECK(size <= kPacketMax - wire::Ipv4Header::kSize);
    // An atomic datagram needs no identification (RFC 6864 4.1); a device that segments counts up from it.
    wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(size),
                     .ttl = ttl,
                     .protocol = protocol,
                     .source = source,
                     .destination = destination}
        .write(prepend_shifted(frame, wire::Ipv4Header::kSize));
  } else {
    CHECK(size <= kPacketMax);
    wire::Ipv6Header{.payload_size = static_cast<std::uint16_t>(size),
                     .next_header = protocol,
                     .hop_limit = ttl,
                     .source = source,
                     .destination = destination}
        .write(prepend_shifted(frame, wire::Ipv6Header::kSize));
  }
}

void Output::send(base::Instant now, Frame frame, const Address& remote, std::uint8_t protocol, Route& route) {
  put_header(frame, route.source, remote, protocol, ttl_);
  if (interface_.medium() == link::Medium::kIp) return queue_.push(std::move(frame));
  resolve(now, std::move(frame), route.next_hop, route.neighbour);
}

void Output::resolve(base::Instant now, Frame frame, const Address& next_hop, std::uint32_t& hint) {
  const wire::MacAddress* to = neighbours_.find(now, next_hop, hint);
  if (to == nullptr) return neighbours_.wait(now, next_hop, std::move(frame));
  emit_ip(std::move(frame), *to);
}

void Output::send_from(base::Instant now, Frame frame, const Address& source, const Address& remote,
                       std::uint8_t protocol) {
  const std::optional<Hop> hop = interface_.route(remote, source);
  if (!hop) return counters_.drop(Drop::kNoRoute);
  Route route{.source = hop->source, .next_hop = hop->next_hop};
  send(now, std::move(frame), remote, protocol, route);
}

void Output::send_on_link(base::Instant now, Frame frame, const Address& source, const Address& destination,
                          std::uint8_t protocol, const std::optional<wire::MacAddress>& to) {
  put_header(frame, source, destination, protocol, wire::kNdpHopLimit);
  if (to) return emit(std::move(frame), wire::EtherType::kIpv6, *to);
  std::uint32_t hint = 0;
  resolve(now, std::move(frame), destination, hint);
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
