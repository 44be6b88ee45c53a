#pragma once
// Whether an address of ours is ours alone: duplicate address detection for IPv6 (RFC 4862 5.4) and IPv4 (RFC 5227).
//
//   TENTATIVE  asked for, and not used yet: nothing is received for it, sent from it or answered about it
//   USABLE     nobody objected, or nothing was asked
//   DUPLICATE  somebody else has it: not used until restore()
//   WITHDRAWN  taken away by withdraw(), until restore()
//
// A claim to a usable address is counted, and answered by telling everybody again that it is ours, at most once in
// kDefendInterval for each address (RFC 5227 2.4 c: a server that gave way would hand its service to whoever claims
// it).
//
// Connections. An address that stops being usable takes no connection with it: their segments go nowhere
// (kAddressNotUsable) and none arrive, so that each goes on when the address comes back soon enough, and otherwise ends
// as one whose peer has vanished. As Linux, where an address that flaps does not end connections either.
//
// What differs from the RFCs. The first question is not delayed at random (RFC 4862 5.4.2, RFC 5227 2.1.1): a server
// starts when it is told to, not together with its link. When a carrier returns addresses are announced and not probed
// again: to stop answering for a second would be worse than what it guards against.

#include <array>
#include <cstdint>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/config.h"
#include "stack/ip/interface.h"
#include "stack/ip/ip.h"
#include "stack/ip/jitter.h"
#include "stack/wire/address.h"

namespace windhover::stack::ip {

/// RFC 5227 1.1: PROBE_MIN and how far PROBE_MAX is from it, ANNOUNCE_WAIT, DEFEND_INTERVAL.
inline constexpr base::Duration kProbeMin = std::chrono::seconds(1);
inline constexpr base::Duration kProbeSpread = std::chrono::seconds(1);
inline constexpr base::Duration kAnnounceWait = std::chrono::seconds(2);
inline constexpr base::Duration kDefendInterval = std::chrono::seconds(10);

/// What detection needs from those who can send.
class DadPort {
 public:
  /// Asks whether anybody has `address`, without saying that we do.
  virtual void probe(const wire::Address& address) = 0;
  /// `address` has just come into `state`; Interface knows it already.
  virtual void changed(base::Instant now, const wire::Address& address, AddressState state) = 0;
  /// Tells everybody that `address` is ours.
  virtual void defend(const wire::Address& address) = 0;

 protected:
  ~DadPort() = default;
};

/// Keeps Interface's local addresses. Lanes that have the same addresses each run this from the same moment and hear
/// the same claims, so that they agree; the one that answers for all asks and counts.
class Dad {
 public:
  /// `interface` and `port` must outlive this. Nothing is asked before begin().
  Dad(const Config& config, Interface& interface, DadPort& port, base::Counters& counters);
  Dad(const Dad&) = delete;
  Dad& operator=(const Dad&) = delete;

  /// Starts with every address; those of which nothing is asked are usable at once.
  void begin(base::Instant now);

  /// Another station has said that `address` is its own or, as we do ourselves at first, asked whether it is anybody's
  /// (`asked`). A quiet address is many stations' own. Precondition: the address is ours.
  void claimed(base::Instant now, const wire::Address& address, bool asked);

  /// Stops using an address. Precondition: the address is ours.
  void withdraw(base::Instant now, const wire::Address& address);
  /// Begins anew with an address that is withdrawn or a duplicate; nothing happens to others. Precondition: the address
  /// is ours.
  void restore(base::Instant now, const wire::Address& address);

  /// Precondition: the address is ours.
  AddressState state(const wire::Address& address) const { return entries_[index_of(address)].state; }

  void advance(base::Instant now) {
    if (now >= next_) fire(now);
  }
  base::Instant next_deadline() const { return next_; }

 private:
  struct Entry {
    AddressState state = AddressState::kUsable;
    std::uint32_t probes_left = 0;
    base::Instant due = base::kNever;
    base::Instant defended = base::Instant::min();
  };

  std::size_t index_of(const wire::Address& address) const;
  std::uint32_t probes_of(const InterfaceAddress& address) const;
  void start(base::Instant now, std::size_t index);
  void step(base::Instant now, std::size_t index);
  void enter(base::Instant now, std::size_t index, AddressState state);
  void fire(base::Instant now);
  void find_next();

  Interface& interface_;
  DadPort& port_;
  base::Counters& counters_;
  Jitter jitter_;
  std::uint32_t probes_v4_;
  std::uint32_t probes_v6_;
  base::Duration retransmit_;
  std::array<Entry, kAddressesMax> entries_;  ///< In the order of Interface::configured().
  base::Instant next_ = base::kNever;
};

}  // namespace windhover::stack::ip
