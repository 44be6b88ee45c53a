#include "stack/ip/ip.h"

#include <algorithm>
#include <string>

#include "stack/base/setup_error.h"
#include "stack/ip/arp.h"
#include "stack/ip/arrival.h"
#include "stack/ip/icmp.h"
#include "stack/ip/icmp_errors.h"
#include "stack/ip/interface.h"
#include "stack/ip/ndp.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/output.h"
#include "stack/ip/path_mtu.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"
#include "stack/wire/udp.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using base::Event;
using base::SetupError;
using link::Frame;
using link::Medium;
using wire::Address;
using wire::EtherType;
using Verdict = Arrival::Verdict;

bool is_sound_udp(const Packet& packet) {
  const auto view = wire::UdpView::parse(packet.frame.bytes());
  if (!view) return false;
  const link::Checksum checksum = packet.frame.offload().checksum;
  if (checksum == link::Checksum::kEither && view->checksum_begun(packet.source, packet.destination)) return true;
  return !link::needs_verification(checksum) || view->checksum_ok(packet.source, packet.destination);
}

/// What the link header of a frame said; nothing on a medium that has none.
struct LinkHeader {
  std::size_t size = 0;
  bool to_many = false;  ///< To a group or broadcast address.
  wire::MacAddress source{};
};

/// The share of the transmit arena that packets waiting for their neighbours may hold.
constexpr std::uint32_t kWaitingShare = 8;
constexpr std::uint32_t kNeighbourQueueMax = 1024;

void check(const Config& config, const link::Caps& caps) {
  if (config.neighbours_max == 0 || config.neighbours_max > kNeighboursMax) {
    throw SetupError("neighbours_max", 0, "Choose a value from 1 to " + std::to_string(kNeighboursMax) + ".");
  }
  if (config.neighbour_queue_max == 0 || config.neighbour_queue_max > kNeighbourQueueMax) {
    throw SetupError("neighbour_queue_max", 0, "Choose a value from 1 to " + std::to_string(kNeighbourQueueMax) + ".");
  }
  if (config.neighbour_reachable <= base::Duration::zero() || config.neighbour_retransmit <= base::Duration::zero()) {
    throw SetupError("neighbour_reachable and neighbour_retransmit", 0, "Choose times above zero.");
  }
  if (config.ttl == 0) throw SetupError("ttl", 0, "Choose a value from 1 to 255.");
  const bool v6 = std::any_of(config.addresses.begin(), config.addresses.end(),
                              [](const InterfaceAddress& local) { return !local.address.is_v4(); });
  const std::uint16_t needed = v6 ? kMtuMinV6 : kMtuMinV4;
  if (caps.mtu < needed) {
    throw SetupError("mtu " + std::to_string(caps.mtu), 0,
                     "Give the device an MTU of at least " + std::to_string(needed) + ".");
  }
}

Neighbours::Limits limits(const Config& config, const link::FrameArena& arena) {
  const std::uint32_t share = std::max(arena.shape().frame_count / kWaitingShare, config.neighbour_queue_max);
  return {.neighbours_max = config.neighbours_max,
          .queue_max = config.neighbour_queue_max,
          .waiting_max = share,
          .reachable = config.neighbour_reachable,
          .retransmit = config.neighbour_retransmit};
}

}  // namespace

/// The parts of the layer, and the way a received frame takes through them.
struct Ip::Parts final : NeighbourPort {
  Parts(base::Instant now, const Config& config, const link::Caps& device_caps, link::FrameArena& arena,
        base::Counters& lane_counters)
      : caps(device_caps),
        counters(lane_counters),
        interface(config, caps.medium),
        neighbours(now, limits(config, arena), *this, counters),
        output(interface, caps, config.ttl, arena, neighbours, counters),
        path_mtu(caps.mtu),
        arp(interface, neighbours, output, counters),
        ndp(interface, neighbours, output, counters),
        errors(now, config.icmp_errors_per_second, interface, output, counters),
        icmp(interface, ndp, output, counters) {}

  void solicit(const Address& target, const std::optional<wire::MacAddress>& known) override {
    target.is_v4() ? arp.request(target, known) : ndp.solicit(target, known);
  }
  void release(Frame frame, const wire::MacAddress& to) override { output.emit_ip(std::move(frame), to); }

  Input drop(Drop reason) {
    counters.drop(reason);
    return Consumed{};
  }

  Input ethernet_input(base::Instant now, Frame& frame);
  Input ipv4_input(base::Instant now, Frame& frame, const LinkHeader& link);
  Input ipv6_input(base::Instant now, Frame& frame, const LinkHeader& link);
  Input not_ours(base::Instant now, Frame& frame, const Arrival& arrival, std::size_t link_size);
  void announce();

  const link::Caps& caps;
  base::Counters& counters;
  Interface interface;
  Neighbours neighbours;
  Output output;
  PathMtu path_mtu;
  Arp arp;
  Ndp ndp;
  IcmpErrors errors;
  Icmp icmp;
};

Input Ip::Parts::ethernet_input(base::Instant now, Frame& frame) {
  const auto view = wire::EthernetView::parse(frame.bytes());
  if (!view) [[unlikely]] {
    return drop(Drop::kLinkTruncated);
  }
  const wire::MacAddress to = view->destination();
  const bool to_many = to.is_multicast();
  if (!to_many && to != interface.mac()) [[unlikely]] {
    return drop(Drop::kLinkNotForUs);
  }
  // A tag with identifier 0 only carries a priority (IEEE 802.1Q); any other names a network that is not this one.
  const std::size_t link_size = view->header_size();
  if (link_size != wire::EthernetView::kUntaggedSize && view->tag()->id() != 0) [[unlikely]] {
    return Passed{std::move(frame)};
  }
  const EtherType type = view->ether_type();
  const LinkHeader header{link_size, to_many, view->source()};
  frame.trim_front(link_size);
  if (type == EtherType::kIpv4) return ipv4_input(now, frame, header);
  if (type == EtherType::kIpv6) return ipv6_input(now, frame, header);
  if (type != EtherType::kArp) return drop(Drop::kLinkUnknownType);
  arp.input(now, frame.bytes());
  return Consumed{};
}

Input Ip::Parts::ipv4_input(base::Instant now, Frame& frame, const LinkHeader& link) {
  Arrival arrival = arrive_ipv4(interface, frame, link.to_many);
  if (arrival.verdict != Verdict::kOurs) [[unlikely]] {
    arrival.link_source = link.source;
    return not_ours(now, frame, arrival, link.size);
  }
  frame.trim_front(arrival.network_size);
  if (arrival.protocol == wire::kProtocolIcmpv4) {
    arrival.link_source = link.source;
    return icmp.input_v4(now, std::move(frame), arrival);
  }
  return Packet{
      std::move(frame),      arrival.source,       arrival.destination, static_cast<Protocol>(arrival.protocol),
      arrival.traffic_class, arrival.network_size, link.source};
}

Input Ip::Parts::ipv6_input(base::Instant now, Frame& frame, const LinkHeader& link) {
  Arrival arrival = arrive_ipv6(interface, frame, link.to_many);
  if (arrival.verdict != Verdict::kOurs) [[unlikely]] {
    arrival.link_source = link.source;
    return not_ours(now, frame, arrival, link.size);
  }
  frame.trim_front(arrival.network_size);
  if (arrival.protocol == wire::kProtocolIcmpv6) {
    arrival.link_source = link.source;
    return icmp.input_v6(now, std::move(frame), arrival);
  }
  if (arrival.protocol == wire::kProtocolNoNext) [[unlikely]] {
    counters.count(Event::kFramesConsumed);  // RFC 8200 4.7: what follows is to be ignored.
    return Consumed{};
  }
  return Packet{
      std::move(frame),      arrival.source,       arrival.destination, static_cast<Protocol>(arrival.protocol),
      arrival.traffic_class, arrival.network_size, link.source};
}

Input Ip::Parts::not_ours(base::Instant now, Frame& frame, const Arrival& arrival, std::size_t link_size) {
  if (arrival.verdict == Verdict::kForOthers) {
    frame.prepend(link_size);
    return Passed{std::move(frame)};
  }
  if (arrival.verdict == Verdict::kProblem) errors.tell_of_extension(now, frame, arrival);
  return drop(arrival.reason);
}

void Ip::Parts::announce() {
  for (const InterfaceAddress& local : interface.addresses()) {
    if (local.quiet) continue;
    local.address.is_v4() ? arp.announce(local.address) : ndp.announce(local.address);
  }
}

Ip::Ip(base::Instant now, const Config& config, const link::Caps& caps, link::FrameArena& arena,
       base::Counters& counters) {
  check(config, caps);
  parts_ = std::make_unique<Parts>(now, config, caps, arena, counters);
  const Interface& interface = parts_->interface;
  if (interface.gateway_v4()) parts_->neighbours.pin(*interface.gateway_v4());
  if (interface.gateway_v6()) parts_->neighbours.pin(*interface.gateway_v6());
  if (interface.answers_neighbours()) parts_->announce();
}

Ip::~Ip() = default;

Input Ip::input(base::Instant now, Frame frame) {
  link::Checksum& checksum = frame.offload().checksum;
  if (checksum != link::Checksum::kNone && checksum != link::Checksum::kVerified &&
      !parts_->caps.receive_partial_checksum) [[unlikely]] {
    checksum = link::Checksum::kNone;
  }
  if (parts_->interface.medium() == Medium::kEthernet) return parts_->ethernet_input(now, frame);
  if (frame.size() == 0) return parts_->drop(Drop::kLinkTruncated);
  const unsigned version = frame.bytes()[0] >> 4;
  if (version == 4) return parts_->ipv4_input(now, frame, {});
  if (version == 6) return parts_->ipv6_input(now, frame, {});
  return parts_->drop(Drop::kLinkUnknownType);
}

bool Ip::is_local(const Address& address) const { return parts_->interface.is_local(address); }

std::optional<Route> Ip::route(const Address& remote, const std::optional<Address>& source,
                               const wire::MacAddress& heard_from) const {
  const std::optional<Hop> hop = parts_->interface.route(remote, source, heard_from);
  if (!hop) return {};
  return Route{.source = hop->source, .next_hop = hop->next_hop, .link = heard_from};
}

std::uint16_t Ip::transport_mtu(const Address& remote) const {
  const std::size_t header = remote.is_v4() ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
  return static_cast<std::uint16_t>(parts_->path_mtu.find(remote) - header);
}

void Ip::path_mtu(base::Instant now, const Address& remote, std::uint32_t mtu) {
  parts_->path_mtu.lower(now, remote, mtu);
}

std::size_t Ip::headroom(const Address& remote) const { return parts_->output.headroom(remote.is_v4()); }

void Ip::send(base::Instant now, Frame frame, const Address& remote, Protocol protocol, Route& route,
              std::uint8_t traffic_class) {
  parts_->output.send(now, std::move(frame), remote, static_cast<std::uint8_t>(protocol), route, traffic_class);
}

void Ip::reject(base::Instant now, Packet packet) {
  const bool udp = packet.protocol == Protocol::kUdp;
  if (udp && !is_sound_udp(packet)) return parts_->counters.drop(Drop::kUdpMalformed);
  parts_->counters.drop(udp ? Drop::kUdpNoSocket : Drop::kUnknownProtocol);
  packet.frame.prepend(packet.network_size);
  parts_->errors.tell_of_rejection(now, packet);
}

void Ip::output(link::Burst& burst) { parts_->output.queue().output(burst); }

std::size_t Ip::queued() const { return parts_->output.queue().size(); }

void Ip::advance(base::Instant now) {
  parts_->neighbours.advance(now);
  parts_->path_mtu.advance(now);
}

base::Instant Ip::next_deadline() const {
  return std::min(parts_->neighbours.next_deadline(), parts_->path_mtu.next_deadline());
}

void Ip::stop() {
  parts_->neighbours.stop();
  parts_->output.queue().clear();
}

std::size_t Ip::memory_size() const {
  return sizeof(Parts) + parts_->neighbours.memory_size() + parts_->path_mtu.memory_size();
}

}  // namespace windhover::stack::ip
