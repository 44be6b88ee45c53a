#include "stack/ip/ndp.h"

#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using base::Event;
using wire::Address;
using wire::kProtocolIcmpv6;
using wire::MacAddress;
using wire::NdpEnvelope;
using wire::NeighbourAdvertisement;
using wire::NeighbourSolicitation;

}  // namespace

void Ndp::solicitation(base::Instant now, base::Bytes message, const NdpEnvelope& envelope) {
  const auto asked = NeighbourSolicitation::parse(message, envelope);
  if (!asked || (asked->source_mac && !asked->source_mac->is_station())) return counters_.drop(Drop::kNdpInvalid);
  if (interface_.medium() != link::Medium::kEthernet || interface_.replies_to_sender() ||
      !interface_.is_told(asked->target)) {
    return counters_.drop(Drop::kIcmpIgnored);
  }
  const bool probe = envelope.source.is_unspecified();  // Somebody wants our address: RFC 4861 7.2.4, RFC 4862 5.4.3.
  if (asked->source_mac && interface_.is_on_link(envelope.source)) {
    neighbours_.learn(now, envelope.source, *asked->source_mac, Claim::kQuestion);
  }
  counters_.count(Event::kFramesConsumed);
  if (!interface_.answers_neighbours()) return;

  const NeighbourAdvertisement answer{.target = asked->target,
                                      .router = false,
                                      .solicited = !probe,
                                      .override_cached = true,
                                      .target_mac = interface_.mac()};
  const Address to = probe ? wire::all_nodes() : envelope.source;
  link::Frame frame = output_.make(output_.headroom(false), answer.size());
  if (!frame) return;
  answer.write(frame.bytes(), asked->target, to);
  const auto mac = probe ? std::optional(wire::multicast_mac(to)) : asked->source_mac;
  output_.send_on_link(now, std::move(frame), asked->target, to, kProtocolIcmpv6, mac);
}

void Ndp::advertisement(base::Instant now, base::Bytes message, const NdpEnvelope& envelope) {
  const auto told = NeighbourAdvertisement::parse(message, envelope);
  if (!told || (told->target_mac && !told->target_mac->is_station())) return counters_.drop(Drop::kNdpInvalid);
  // The override flag needs no look: it says whether an entry may be replaced, and we never replace one unasked.
  bool believed = false;
  if (told->target_mac) {
    const Claim claim = told->solicited ? Claim::kAnswer : Claim::kAnnouncement;
    believed = neighbours_.learn(now, told->target, *told->target_mac, claim);
  } else if (told->solicited) {
    believed = neighbours_.confirm(now, told->target);
  }
  if (!believed) return counters_.drop(Drop::kIcmpIgnored);
  counters_.count(Event::kFramesConsumed);
}

void Ndp::solicit(const Address& target, const std::optional<MacAddress>& known) {
  const std::optional<Address> source = interface_.source_for(target);
  if (!source) return;
  const NeighbourSolicitation question{.target = target, .source_mac = interface_.mac()};
  const Address to = known ? target : wire::solicited_node(target);
  link::Frame frame = output_.make(output_.headroom(false), question.size());
  if (!frame) return;
  question.write(frame.bytes(), *source, to);
  output_.send_on_link({}, std::move(frame), *source, to, kProtocolIcmpv6, known ? *known : wire::multicast_mac(to));
}

void Ndp::announce(const Address& address) {
  const NeighbourAdvertisement told{
      .target = address, .router = false, .solicited = false, .override_cached = true, .target_mac = interface_.mac()};
  const Address to = wire::all_nodes();
  link::Frame frame = output_.make(output_.headroom(false), told.size());
  if (!frame) return;
  told.write(frame.bytes(), address, to);
  output_.send_on_link({}, std::move(frame), address, to, kProtocolIcmpv6, wire::multicast_mac(to));
}

}  // namespace windhover::stack::ip
