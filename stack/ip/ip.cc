#include "stack/ip/ip.h"

#include <algorithm>
#include <string>

#include "stack/base/setup_error.h"
#include "stack/ip/arp.h"
#include "stack/ip/arrival.h"
#include "stack/ip/fragmenter.h"
#include "stack/ip/icmp.h"
#include "stack/ip/icmp_errors.h"
#include "stack/ip/interface.h"
#include "stack/ip/ndp.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/output.h"
#include "stack/ip/path_mtu.h"
#include "stack/ip/presence.h"
#include "stack/ip/reassembly.h"
#include "stack/link/steering.h"
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

/// What is wrong with a datagram by itself.
std::optional<Drop> flaw_of_udp(const Packet& packet) {
  const auto view = wire::UdpView::parse(packet.frame.bytes());
  if (!view) return Drop::kUdpMalformed;
  const link::Checksum checksum = packet.frame.offload().checksum;
  if (!link::needs_verification(checksum)) return {};
  if (checksum == link::Checksum::kEither && view->checksum_begun(packet.source, packet.destination)) return {};
  return view->checksum_ok(packet.source, packet.destination) ? std::nullopt : std::optional(Drop::kUdpBadChecksum);
}

/// What the link header of a frame said; nothing on a medium that has none.
struct LinkHeader {
  std::size_t size = 0;
  bool to_many = false;  ///< To a group or broadcast address.
  wire::MacAddress source{};
  bool fragmented = false;  ///< No frame came so: it was put together.
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
  if (config.reassembly_memory < kReassemblyMemoryMin) {
    throw SetupError("reassembly_memory", 0,
                     "Choose a value of at least " + std::to_string(kReassemblyMemoryMin) + ".");
  }
  if (config.reassembly_packets_max < kReassemblySourceShare || config.reassembly_packets_max > kReassemblyPacketsMax) {
    throw SetupError("reassembly_packets_max", 0,
                     "Choose a value from " + std::to_string(kReassemblySourceShare) + " to " +
                         std::to_string(kReassemblyPacketsMax) + ".");
  }
  if (config.reassembly_fragments_max == 0) throw SetupError("reassembly_fragments_max", 0, "Choose a value above 0.");
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

Reassembly::Limits reassembly_limits(const Config& config) {
  // A packet that is handed up is taken at once; those for other lanes wait until the burst that completed them is
  // done.
  constexpr std::uint32_t kFramesMin = 2;
  return {.memory = config.reassembly_memory,
          .packets_max = config.reassembly_packets_max,
          .fragments_max = config.reassembly_fragments_max,
          .frames = config.lane_count == 1 ? kFramesMin : static_cast<std::uint32_t>(link::kBurstMax) + kFramesMin};
}

}  // namespace

/// The parts of the layer, and the way a received frame takes through them.
struct Ip::Parts final : NeighbourPort {
  Parts(base::Instant now, const Config& config, const link::Caps& device_caps, link::FrameArena& arena,
        base::Counters& lane_counters, const base::SipKey& key)
      : caps(device_caps),
        counters(lane_counters),
        lane(config.lane),
        lane_count(config.lane_count),
        interface(config, caps.medium),
        neighbours(now, limits(config, arena), *this, counters),
        output(interface, caps, config.ttl, arena, neighbours, counters),
        path_mtu(caps.mtu),
        arp(interface, neighbours, output, presence, counters),
        ndp(interface, neighbours, output, presence, counters),
        presence(config, caps.mtu, interface, neighbours, output, arp, ndp, counters),
        reassembly(reassembly_limits(config), key, counters),
        fragmenter(output, key),
        errors({now, config.icmp_errors_per_second, config.icmp_error_interval, key}, interface, output, counters),
        icmp(interface, ndp, presence.routers(), presence.mld(), output, fragmenter, path_mtu, counters) {}

  void solicit(const Address& target, const std::optional<wire::MacAddress>& known) override {
    target.is_v4() ? arp.request(target, known) : ndp.solicit(target, known);
  }
  void release(Frame frame, const wire::MacAddress& to) override { output.emit_ip(std::move(frame), to); }
  void unreachable(base::Instant now, const Address& target) override { presence.routers().unreachable(now, target); }

  Input drop(Drop reason) {
    counters.drop(reason);
    return Consumed{};
  }

  Input ethernet_input(base::Instant now, Frame& frame);
  Input ipv4_input(base::Instant now, Frame& frame, const LinkHeader& link);
  Input ipv6_input(base::Instant now, Frame& frame, const LinkHeader& link);
  Input not_ours(base::Instant now, Frame& frame, Arrival& arrival, const LinkHeader& link);
  Input fragment_input(base::Instant now, const Frame& frame, Arrival& arrival);
  bool is_elsewhere(base::Bytes packet) const;

  const link::Caps& caps;
  base::Counters& counters;
  const std::uint32_t lane;
  const std::uint32_t lane_count;
  Interface interface;
  Neighbours neighbours;
  Output output;
  PathMtu path_mtu;
  Arp arp;
  Ndp ndp;
  Presence presence;
  Reassembly reassembly;
  Fragmenter fragmenter;
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
    return not_ours(now, frame, arrival, link);
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
    return not_ours(now, frame, arrival, link);
  }
  frame.trim_front(arrival.network_size);
  if (arrival.protocol == wire::kProtocolIcmpv6) {
    arrival.link_source = link.source;
    arrival.fragmented = arrival.fragmented || link.fragmented;
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

Input Ip::Parts::not_ours(base::Instant now, Frame& frame, Arrival& arrival, const LinkHeader& link) {
  if (arrival.verdict == Verdict::kForOthers) {
    frame.prepend(link.size);
    return Passed{std::move(frame)};
  }
  // What was put together holds no fragment any more: the first one would have been refused.
  if (arrival.verdict == Verdict::kFragment && !link.fragmented) return fragment_input(now, frame, arrival);
  if (arrival.verdict == Verdict::kProblem) errors.tell_of_problem(now, frame, arrival);
  return drop(arrival.reason);
}

Input Ip::Parts::fragment_input(base::Instant now, const Frame& frame, Arrival& arrival) {
  const auto fragment = read_fragment(frame.bytes(), arrival);
  if (!fragment) {
    if (arrival.verdict == Verdict::kProblem) errors.tell_of_problem(now, frame, arrival);
    return drop(arrival.reason);
  }
  Frame whole = reassembly.input(now, *fragment);
  if (!whole) return Consumed{};
  const bool v4 = arrival.source.is_v4();
  if (lane_count > 1 && is_elsewhere(whole.bytes())) {
    if (interface.medium() == Medium::kEthernet) {
      const base::MutableBytes header = whole.prepend(wire::EthernetView::kUntaggedSize);
      wire::EthernetHeader{.destination = interface.mac(),
                           .source = arrival.link_source,
                           .tag = {},
                           .ether_type = v4 ? EtherType::kIpv4 : EtherType::kIpv6}
          .write(header);
    }
    return Elsewhere{std::move(whole)};
  }
  const LinkHeader link{.size = 0, .to_many = false, .source = arrival.link_source, .fragmented = true};
  return v4 ? ipv4_input(now, whole, link) : ipv6_input(now, whole, link);
}

bool Ip::Parts::is_elsewhere(base::Bytes packet) const {
  const std::uint32_t owner = link::owner_of(packet, Medium::kIp, lane_count);
  return owner != lane && owner != link::kEveryLane;
}

Ip::Ip(base::Instant now, const Config& config, const link::Caps& caps, link::FrameArena& arena,
       base::Counters& counters, const base::SipKey& key) {
  check(config, caps);
  parts_ = std::make_unique<Parts>(now, config, caps, arena, counters, key);
  const Interface& interface = parts_->interface;
  if (interface.gateway_v4()) parts_->neighbours.pin(*interface.gateway_v4());
  if (interface.gateway_v6()) parts_->neighbours.pin(*interface.gateway_v6());
  unconfirmed_ = &parts_->neighbours.unconfirmed();
  parts_->presence.begin(now);
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

bool Ip::is_ours(const Address& address) const { return parts_->interface.is_ours(address); }

AddressState Ip::address_state(const Address& address) const { return parts_->presence.dad().state(address); }

void Ip::withdraw(base::Instant now, const Address& address) { parts_->presence.dad().withdraw(now, address); }

void Ip::restore(base::Instant now, const Address& address) { parts_->presence.dad().restore(now, address); }

void Ip::link_up(base::Instant now) { parts_->presence.link_up(now); }

void Ip::progressed(base::Instant now, const Route& route) {
  parts_->neighbours.progressed(now, route.next_hop, route.neighbour);
}

std::optional<Route> Ip::route(const Address& remote, const std::optional<Address>& source,
                               const wire::MacAddress& heard_from) const {
  const std::optional<Hop> hop = parts_->interface.route(remote, source, heard_from);
  if (!hop) return {};
  return Route{.source = hop->source, .next_hop = hop->next_hop, .link = heard_from};
}

std::uint16_t Ip::transport_mtu(const Address& remote) const {
  const std::size_t header = remote.is_v4() ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
  const std::uint16_t path = parts_->path_mtu.find(remote);
  const std::uint16_t mtu = remote.is_v4() ? path : std::min(path, parts_->presence.routers().mtu());
  return static_cast<std::uint16_t>(mtu - header);
}

void Ip::path_mtu(base::Instant now, const Address& remote, std::uint32_t mtu) {
  parts_->path_mtu.lower(now, remote, mtu);
}

void Ip::path_mtu_found(base::Instant now, const Address& remote, std::uint32_t mtu) {
  parts_->path_mtu.found(now, remote, mtu);
}

bool Ip::knows_path_mtu(const Address& remote) const { return parts_->path_mtu.knows(remote); }

std::size_t Ip::headroom(const Address& remote) const { return parts_->output.headroom(remote.is_v4()); }

void Ip::send(base::Instant now, Frame frame, const Address& remote, Protocol protocol, Route& route,
              std::uint8_t traffic_class) {
  parts_->output.send(now, std::move(frame), remote, static_cast<std::uint8_t>(protocol), route, traffic_class);
}

void Ip::reject(base::Instant now, Packet packet) {
  const bool udp = packet.protocol == Protocol::kUdp;
  if (udp) {
    if (const auto flaw = flaw_of_udp(packet)) return parts_->counters.drop(*flaw);
  }
  parts_->counters.drop(udp ? Drop::kUdpNoSocket : Drop::kUnknownProtocol);
  packet.frame.prepend(packet.network_size);
  parts_->errors.tell_of_rejection(now, packet);
}

void Ip::output(link::Burst& burst) { parts_->output.queue().output(burst); }

std::size_t Ip::queued() const { return parts_->output.queue().size(); }

void Ip::advance(base::Instant now) {
  parts_->neighbours.advance(now);
  parts_->path_mtu.advance(now);
  parts_->presence.advance(now);
  while (const auto expired = parts_->reassembly.expire(now)) parts_->errors.tell_of_timeout(now, *expired);
}

base::Instant Ip::next_deadline() const {
  return std::min({parts_->neighbours.next_deadline(), parts_->path_mtu.next_deadline(),
                   parts_->presence.next_deadline(), parts_->reassembly.next_deadline()});
}

void Ip::stop() {
  parts_->neighbours.stop();
  parts_->output.queue().clear();
}

std::size_t Ip::memory_size() const {
  return sizeof(Parts) + parts_->neighbours.memory_size() + parts_->path_mtu.memory_size() +
         parts_->reassembly.memory_size();
}

}  // namespace windhover::stack::ip
