#pragma once
// Our presence on the link, put together: which of our addresses are used, what is told about them and to whom, and
// which routers are there. Each mechanism has its own header; here is what one of them means to the others.
//
// Nothing of it happens on a medium without link addresses, nor where the host has our addresses
// (Config::reply_to_sender). A lane for which another answers (Config::answers_neighbours) listens and says nothing.

#include <algorithm>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/announcer.h"
#include "stack/ip/dad.h"
#include "stack/ip/link_listener.h"
#include "stack/ip/mld.h"
#include "stack/ip/router_discovery.h"

namespace windhover::stack::ip {

class Presence final : public DadPort, public LinkListener {
 public:
  /// `mtu` is the device's. The others must outlive this.
  Presence(const Config& config, std::uint16_t mtu, Interface& interface, Neighbours& neighbours, Output& output,
           Arp& arp, Ndp& ndp, base::Counters& counters)
      : interface_(interface),
        neighbours_(neighbours),
        arp_(arp),
        ndp_(ndp),
        dad_(config, interface, *this, counters),
        announcer_(config, interface, arp, ndp),
        mld_(config, interface, output, counters),
        routers_(config, mtu, interface, neighbours, ndp, counters) {}

  /// Once, before any packet.
  void begin(base::Instant now);
  /// The carrier has returned, maybe on another link.
  void link_up(base::Instant now);

  Dad& dad() { return dad_; }
  const Dad& dad() const { return dad_; }
  Mld& mld() { return mld_; }
  RouterDiscovery& routers() { return routers_; }
  const RouterDiscovery& routers() const { return routers_; }

  void advance(base::Instant now) {
    dad_.advance(now);
    announcer_.advance(now);
    mld_.advance(now);
    routers_.advance(now);
  }
  base::Instant next_deadline() const {
    return std::min({dad_.next_deadline(), announcer_.next_deadline(), mld_.next_deadline(), routers_.next_deadline()});
  }

 private:
  void probe(const wire::Address& address) override;
  void changed(base::Instant now, const wire::Address& address, AddressState state) override;
  void defend(const wire::Address& address) override { announcer_.tell(address); }
  void claimed(base::Instant now, const wire::Address& address, bool asked) override {
    dad_.claimed(now, address, asked);
  }
  void not_a_router(const wire::Address& neighbour) override { routers_.not_a_router(neighbour); }

  Interface& interface_;
  Neighbours& neighbours_;
  Arp& arp_;
  Ndp& ndp_;
  Dad dad_;
  Announcer announcer_;
  Mld mld_;
  RouterDiscovery routers_;
};

}  // namespace windhover::stack::ip
