#include "stack/ip/presence.h"

namespace windhover::stack::ip {

void Presence::begin(base::Instant now) {
  // RFC 4862 5.4.2: groups are joined before the first question, or nobody's objection is heard.
  for (const InterfaceAddress& ours : interface_.configured()) mld_.join(now, ours.address);
  mld_.advance(now);
  dad_.begin(now);
}

void Presence::link_up(base::Instant now) {
  neighbours_.doubt(now);
  mld_.join_again(now);
  mld_.advance(now);
  announcer_.begin_all(now);
  routers_.begin_again(now);
}

void Presence::probe(const wire::Address& address) { address.is_v4() ? arp_.probe(address) : ndp_.probe(address); }

void Presence::changed(base::Instant now, const wire::Address& address, AddressState state) {
  switch (state) {
    case AddressState::kTentative:
      return mld_.join(now, address);
    case AddressState::kUsable:
      mld_.join(now, address);
      announcer_.begin(now, address);
      if (!address.is_v4()) routers_.begin(now);
      return;
    case AddressState::kDuplicate:
    case AddressState::kWithdrawn:
      return mld_.leave(now, address);
  }
}

}  // namespace windhover::stack::ip
