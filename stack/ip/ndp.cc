#include "stack/ip/ndp.h"

#include "stack/wire/protocol.h"
#include "stack/wire/router.h"

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

void Ndp::solicitation(base::Instant now, base::Bytes message, const NdpEnvelope& envelope,
                       const MacAddress& heard_from) {
  const auto asked = NeighbourSolicitation::parse(message, envelope);
  if (!asked || (asked->source_mac && !asked->source_mac->is_station())) return counters_.drop(Drop::kNdpInvalid);
  // What we have sent ourselves may come back (RFC 4862 5.4.3).
  if (!takes_part() || heard_from == interface_.mac()) return counters_.drop(Drop::kIcmpIgnored);
  const bool probe = envelope.source.is_unspecified();  // Somebody wants our address: RFC 4861 7.2.4, RFC 4862 5.4.3.
  if (probe && interface_.is_ours(asked->target)) listener_.claimed(now, asked->target, true);
  if (interface_.is_ours(envelope.source)) listener_.claimed(now, envelope.source, false);
  if (!interface_.is_told(asked->target) || interface_.is_ours(envelope.source)) {
    return counters_.drop(Drop::kIcmpIgnored);
  }
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

void Ndp::advertisement(base::Instant now, base::Bytes message, const NdpEnvelope& envelope,
                        const MacAddress& heard_from) {
  const auto told = NeighbourAdvertisement::parse(message, envelope);
  if (!told || (told->target_mac && !told->target_mac->is_station())) return counters_.drop(Drop::kNdpInvalid);
  if (interface_.is_ours(told->target)) {
    if (takes_part() && heard_from != interface_.mac()) listener_.claimed(now, told->target, false);
    return counters_.drop(Drop::kIcmpIgnored);
  }
  // The override flag needs no look: it says whether an entry may be replaced, and we never replace one unasked.
  bool believed = false;
  if (told->target_mac) {
    const Claim claim = told->solicited ? Claim::kAnswer : Claim::kAnnouncement;
    believed = neighbours_.learn(now, told->target, *told->target_mac, claim);
  } else if (told->solicited) {
    believed = neighbours_.confirm(now, told->target);
  }
  if (!believed) return counters_.drop(Drop::kIcmpIgnored);
  if (!told->router) listener_.not_a_router(told->target);
  counters_.count(Event::kFramesConsumed);
}

void Ndp::solicit(const Address& target, const std::optional<MacAddress>& known) {
  const std::optional<Address> source = interface_.source_for(target);
  if (!source) return;
  const Address to = known ? target : wire::solicited_node(target);
  ask(target, *source, to, known ? *known : wire::multicast_mac(to));
}

void Ndp::probe(const Address& address) {
  const Address to = wire::solicited_node(address);
  ask(address, Address{}, to, wire::multicast_mac(to));
}

void Ndp::ask(const Address& target, const Address& source, const Address& to, const MacAddress& mac) {
  NeighbourSolicitation question{.target = target};
  if (!source.is_unspecified()) question.source_mac = interface_.mac();
  link::Frame frame = output_.make(output_.headroom(false), question.size());
  if (!frame) return;
  question.write(frame.bytes(), source, to);
  output_.send_on_link({}, std::move(frame), source, to, kProtocolIcmpv6, mac);
}

void Ndp::solicit_routers() {
  const Address to = wire::all_routers();
  // Answers come to where the question came from, and routers speak from link-local addresses.
  constexpr std::array<std::uint8_t, 16> kLinkLocal{0xfe, 0x80};
  const Address source = interface_.source_for(Address::v6(kLinkLocal)).value_or(Address{});
  wire::RouterSolicitation question;
  if (!source.is_unspecified()) question.source_mac = interface_.mac();
  link::Frame frame = output_.make(output_.headroom(false), question.size());
  if (!frame) return;
  question.write(frame.bytes(), source, to);
  output_.send_on_link({}, std::move(frame), source, to, kProtocolIcmpv6, wire::multicast_mac(to));
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
