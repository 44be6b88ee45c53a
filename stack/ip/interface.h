#pragma once
// What we are on this link: our addresses, the prefixes around them, the gateways.
//
// An address that was configured is *ours*; while it may be used it is *local* too. It may not while duplicate address
// detection runs, after a duplicate was found, and while it is withdrawn (dad.h decides). Everything that looks at
// packets asks for what is local.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stack/ip/config.h"
#include "stack/link/device.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// Addresses of both families together: they are searched in order for every packet.
inline constexpr std::size_t kAddressesMax = 16;

/// Which source to send from, and who takes the packet on.
struct Hop {
  wire::Address source;
  wire::Address next_hop;
};

/// A prefix whose addresses are reached without a gateway.
struct Prefix {
  wire::Address network;
  std::uint8_t length = 0;
};

/// The addresses that are ours are constant after construction; which of them are local, the routers' on-link prefixes
/// and the router that is the gateway are set by those who learn of them. All of ours are local at first.
class Interface {
 public:
  /// Throws SetupError for an address that cannot be ours (unspecified, loopback, group, broadcast), one named twice, a
  /// prefix longer than its family's addresses, more than kAddressesMax, a gateway of the wrong family or that is
  /// ourselves, and, on Ethernet, a link address that is no station's.
  Interface(const Config& config, link::Medium medium);

  link::Medium medium() const { return medium_; }
  const wire::MacAddress& mac() const { return mac_; }
  /// Ours, local or not, in the order of the configuration.
  const std::vector<InterfaceAddress>& configured() const { return configured_; }
  /// Those of them that are local.
  const std::vector<InterfaceAddress>& addresses() const { return addresses_; }
  /// Precondition: `address` is ours.
  void set_local(const wire::Address& address, bool local);

  const std::optional<wire::Address>& gateway_v4() const { return gateway_v4_; }
  const std::optional<wire::Address>& gateway_v6() const { return gateway_v6_; }
  /// The router that advertisements led to; one that was configured stays the gateway.
  void set_router(const std::optional<wire::Address>& router);
  /// The gateway for the remote's family.
  const std::optional<wire::Address>& gateway(const wire::Address& remote) const {
    return remote.is_v4() ? gateway_v4_ : gateway_v6_;
  }
  /// IPv6 prefixes that are on this link besides those of our addresses. The span is kept.
  void set_prefixes(std::span<const Prefix> prefixes) { prefixes_ = prefixes; }

  /// Answers go to the link address that was heard from; ARP and NDP are another's business.
  bool replies_to_sender() const { return replies_to_sender_; }
  /// ARP requests and neighbour solicitations are answered here.
  bool answers_neighbours() const { return answers_neighbours_; }

  /// True as long as every route that was made is still good: answers do not go to the sender's link address, every
  /// address of ours is local, and no router has been replaced.
  bool routes_stay() const { return routes_stay_; }

  bool is_ours(const wire::Address& address) const;
  bool is_local(const wire::Address& address) const;
  /// Ours, and told to who asks for it on the link: not a quiet one.
  bool is_told(const wire::Address& address) const;
  /// is_local() for an IPv4 address in host order.
  bool is_local_v4(std::uint32_t address) const;

  /// The limited broadcast address, or that of one of our prefixes (up to /30).
  bool is_broadcast_v4(std::uint32_t address) const;
  /// Groups that every node belongs to (ff01::1, ff02::1) and the solicited-node groups of our addresses (RFC
  /// 4291 2.8).
  bool in_group_v6(const wire::Address& address) const;

  /// An IPv4 source that no honest packet carries (RFC 1122 3.2.1.3): group, broadcast, class E, loopback, 0/8, or
  /// ourselves.
  bool is_bad_source_v4(std::uint32_t address) const;
  /// Likewise for IPv6 (RFC 4291 2.5.3, 2.7). The unspecified address is left to the caller, for whom it can be right
  /// (RFC 4862 5.4).
  bool is_bad_source_v6(const wire::Address& address) const;

  /// True for what is on this link: no gateway is needed.
  bool is_on_link(const wire::Address& address) const;

  /// As Ip::route().
  std::optional<Hop> route(const wire::Address& remote, const std::optional<wire::Address>& source,
                           const wire::MacAddress& heard_from = {}) const;

  /// Our address to speak from when `remote` is asked about or answered; nothing when we have none of its family. Never
  /// a quiet one, which would show whose it is.
  std::optional<wire::Address> source_for(const wire::Address& remote) const;

 private:
  struct Local {
    std::uint32_t address;
    std::uint32_t broadcast;  ///< `address` itself where the prefix has none.
  };

  void add(const InterfaceAddress& address);
  void list_local(const InterfaceAddress& address);
  void judge_routes() { routes_stay_ = !replies_to_sender_ && not_local_ == 0 && !router_replaced_; }
  void set_gateway(std::optional<wire::Address>& gateway, const std::optional<wire::Address>& configured, bool v4);
  const InterfaceAddress* longest_prefix(const wire::Address& remote, bool with_quiet) const;

  link::Medium medium_;
  bool replies_to_sender_;
  bool answers_neighbours_;
  wire::MacAddress mac_;
  std::vector<InterfaceAddress> configured_;
  std::uint32_t not_local_ = 0;   ///< A bit for each of configured_.
  bool router_replaced_ = false;  ///< Since the start.
  bool routes_stay_ = true;
  std::vector<InterfaceAddress> addresses_;  ///< The local ones.
  std::optional<wire::Address> gateway_v4_;
  std::optional<wire::Address> gateway_v6_;
  bool gateway_v6_configured_ = false;
  std::span<const Prefix> prefixes_;
  std::vector<wire::Address> groups_;
  std::array<Local, kAddressesMax> v4_{};
  std::size_t v4_count_ = 0;
};

inline bool Interface::is_local_v4(std::uint32_t address) const {
  for (std::size_t at = 0; at < v4_count_; ++at) {
    if (v4_[at].address == address) return true;
  }
  return false;
}

inline bool Interface::is_bad_source_v4(std::uint32_t address) const {
  if (address >= 0xe0000000U || address >> 24 == 127 || address >> 24 == 0) return true;
  for (std::size_t at = 0; at < v4_count_; ++at) {
    if (v4_[at].address == address || v4_[at].broadcast == address) return true;
  }
  return false;
}

}  // namespace windhover::stack::ip
