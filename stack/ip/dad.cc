#include "stack/ip/dad.h"

#include <algorithm>

namespace windhover::stack::ip {

using wire::Address;

Dad::Dad(const Config& config, Interface& interface, DadPort& port, base::Counters& counters)
    : interface_(interface),
      port_(port),
      counters_(counters),
      jitter_(config.mac),
      probes_v4_(config.arp_probes),
      probes_v6_(config.dad_transmits),
      retransmit_(config.neighbour_retransmit) {}

std::size_t Dad::index_of(const Address& address) const {
  const auto& ours = interface_.configured();
  const auto same = [&](const InterfaceAddress& each) { return each.address == address; };
  const auto found = std::find_if(ours.begin(), ours.end(), same);
  CHECK(found != ours.end());
  return static_cast<std::size_t>(found - ours.begin());
}

std::uint32_t Dad::probes_of(const InterfaceAddress& address) const {
  // Behind a balancer many stations have the same quiet address on purpose; and where the host has our addresses, it is
  // the one that asks.
  if (address.quiet || interface_.replies_to_sender() || interface_.medium() != link::Medium::kEthernet) return 0;
  return address.address.is_v4() ? probes_v4_ : probes_v6_;
}

void Dad::begin(base::Instant now) {
  for (std::size_t at = 0; at < interface_.configured().size(); ++at) start(now, at);
  find_next();
}

void Dad::start(base::Instant now, std::size_t index) {
  entries_[index].probes_left = probes_of(interface_.configured()[index]);
  if (entries_[index].probes_left == 0) return enter(now, index, AddressState::kUsable);
  enter(now, index, AddressState::kTentative);
  step(now, index);
}

void Dad::step(base::Instant now, std::size_t index) {
  Entry& entry = entries_[index];
  const Address address = interface_.configured()[index].address;
  if (entry.probes_left == 0) return enter(now, index, AddressState::kUsable);
  --entry.probes_left;
  if (interface_.answers_neighbours()) port_.probe(address);
  if (!address.is_v4()) {
    entry.due = now + retransmit_;
  } else {
    entry.due = now + (entry.probes_left == 0 ? kAnnounceWait : kProbeMin + jitter_.below(kProbeSpread));
  }
}

void Dad::enter(base::Instant now, std::size_t index, AddressState state) {
  Entry& entry = entries_[index];
  const Address& address = interface_.configured()[index].address;
  entry.state = state;
  entry.due = base::kNever;
  interface_.set_local(address, state == AddressState::kUsable);
  port_.changed(now, address, state);
}

void Dad::claimed(base::Instant now, const Address& address, bool asked) {
  const std::size_t index = index_of(address);
  Entry& entry = entries_[index];
  if (interface_.configured()[index].quiet) return;
  const bool speaks = interface_.answers_neighbours();
  if (entry.state == AddressState::kTentative) {
    if (speaks) counters_.count(base::Event::kAddressConflicts);
    if (speaks) counters_.count(base::Event::kAddressesLost);
    enter(now, index, AddressState::kDuplicate);
    return find_next();
  }
  // A question about a usable one is answered like any other.
  if (entry.state != AddressState::kUsable || asked || !speaks) return;
  counters_.count(base::Event::kAddressConflicts);
  if (entry.defended != base::Instant::min() && now - entry.defended < kDefendInterval) return;
  entry.defended = now;
  port_.defend(address);
}

void Dad::withdraw(base::Instant now, const Address& address) {
  enter(now, index_of(address), AddressState::kWithdrawn);
  find_next();
}

void Dad::restore(base::Instant now, const Address& address) {
  const std::size_t index = index_of(address);
  const AddressState state = entries_[index].state;
  if (state == AddressState::kUsable || state == AddressState::kTentative) return;
  start(now, index);
  find_next();
}

void Dad::fire(base::Instant now) {
  for (std::size_t at = 0; at < interface_.configured().size(); ++at) {
    if (entries_[at].due <= now) step(now, at);
  }
  find_next();
}

void Dad::find_next() {
  next_ = base::kNever;
  for (const Entry& entry : entries_) next_ = std::min(next_, entry.due);
}

}  // namespace windhover::stack::ip
