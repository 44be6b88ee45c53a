#include "stack/ip/arp.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using base::Event;
using wire::Address;
using wire::ArpMessage;
using wire::ArpOperation;
using wire::MacAddress;

}  // namespace

void Arp::input(base::Instant now, base::Bytes packet) {
  const auto view = wire::ArpView::parse(packet);
  if (!view) return counters_.drop(Drop::kArpMalformed);
  if (interface_.replies_to_sender()) return counters_.drop(Drop::kArpIgnored);
  const Address sender = view->sender_address();
  const MacAddress mac = view->sender_mac();
  const bool probe = sender.is_unspecified();  // RFC 5227 2.1: nothing to learn, but to be answered.
  if (!mac.is_station() || mac == interface_.mac()) return counters_.drop(Drop::kArpIgnored);
  const Address target = view->target_address();
  // RFC 5227 2.1.1, 2.4: another's use of our address is a conflict or a forgery, and neither is answered; another's
  // probe is a conflict only while we are probing too.
  if (interface_.is_ours(sender)) listener_.claimed(now, sender, false);
  if (probe && interface_.is_ours(target)) listener_.claimed(now, target, true);
  if (!probe && (interface_.is_ours(sender) || interface_.is_bad_source_v4(sender.v4_value()))) {
    return counters_.drop(Drop::kArpIgnored);
  }
  const bool to_us = interface_.is_told(target);
  if (to_us && view->operation() == ArpOperation::kRequest) {
    const bool learn = !probe && (interface_.is_on_link(sender) || sender == interface_.gateway_v4());
    if (learn) neighbours_.learn(now, sender, mac, Claim::kQuestion);
    if (interface_.answers_neighbours()) send({ArpOperation::kReply, interface_.mac(), target, mac, sender}, mac);
    return counters_.count(Event::kFramesConsumed);
  }
  const Claim claim = to_us ? Claim::kAnswer : Claim::kAnnouncement;
  if (probe || !neighbours_.learn(now, sender, mac, claim)) return counters_.drop(Drop::kArpIgnored);
  counters_.count(Event::kFramesConsumed);
}

void Arp::request(const Address& target, const std::optional<MacAddress>& known) {
  const std::optional<Address> source = interface_.source_for(target);
  if (!source) return;
  send({ArpOperation::kRequest, interface_.mac(), *source, {}, target}, known.value_or(wire::kBroadcast));
}

void Arp::probe(const Address& address) {
  send({ArpOperation::kRequest, interface_.mac(), Address::v4(std::uint32_t{0}), {}, address}, wire::kBroadcast);
}

void Arp::announce(const Address& address) {
  send({ArpOperation::kRequest, interface_.mac(), address, {}, address}, wire::kBroadcast);
}

void Arp::send(const ArpMessage& message, const MacAddress& to) {
  link::Frame frame = output_.make(output_.link_headroom(), ArpMessage::kSize);
  if (!frame) return;
  message.write(frame.bytes());
  output_.emit(std::move(frame), wire::EtherType::kArp, to);
}

}  // namespace windhover::stack::ip
