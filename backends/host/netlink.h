#pragma once
// The little of rtnetlink (rtnetlink(7)) that we need of the kernel: links and addresses, spoken directly.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/host/assigned_address.h"
#include "backends/host/netlink_socket.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

struct nlmsghdr;

namespace windhover::backends::host {

/// What a link message says. Sizes in bytes.
struct LinkState {
  int index = 0;
  std::string name;
  stack::wire::MacAddress mac{};  ///< All zeros when its addresses are not of that kind.
  std::uint32_t mtu = 0;
  std::uint32_t mtu_max = 0;       ///< 0: no bound is known.
  std::uint32_t queue_length = 0;  ///< txqueuelen, in packets.
  bool up = false;                 ///< Administratively: a cable may still be missing.
  bool carrier = false;            ///< It is not (IFF_LOWER_UP).
  bool ethernet = false;           ///< ARPHRD_ETHER.
};

/// Reads RTM_NEWLINK or RTM_DELLINK as far as it is well formed; index 0 when it is none. Precondition: nlmsg_len bytes
/// are readable.
LinkState parse_link(const nlmsghdr& message);

/// An address, and the index of the interface that it is on.
struct FoundAddress {
  int index = 0;
  AssignedAddress assigned;
};
/// Reads RTM_NEWADDR or RTM_DELADDR; nothing when it is not well formed. Precondition as of parse_link().
std::optional<FoundAddress> parse_address(const nlmsghdr& message);

/// What to change about a link; what is not set stays.
struct LinkChange {
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> queue_length;
  bool up = false;  ///< Set it up; false leaves it.
};

/// A netlink socket in the network namespace of the thread that made it. For set-up: calls wait for the kernel's
/// answer. Errors: each call returns the kernel's errno, or 0; only the constructor throws SetupError.
class RouteSocket {
 public:
  RouteSocket();

  /// The link of that name or index; `error` is ENODEV when there is none.
  struct Found {
    int error = 0;
    LinkState link;
  };
  Found find_link(const std::string& name);
  Found find_link(int index);

  int change_link(int index, const LinkChange& change);

  /// The addresses that a link has, of both families, in the kernel's order.
  struct Addresses {
    int error = 0;
    std::vector<AssignedAddress> list;
  };
  Addresses addresses(int index);

  /// True when the link has exactly this address and prefix length.
  bool has_address(int index, const stack::wire::Address& address, std::uint8_t prefix_length);
  /// Adds an address; an IPv6 one without duplicate address detection (IFA_F_NODAD). The kernel makes the local route
  /// of an IPv6 address a little later, on a worker: see delivers().
  int add_address(int index, const stack::wire::Address& address, std::uint8_t prefix_length);
  /// True when packets to the address are delivered here.
  bool delivers(const stack::wire::Address& address);

 private:
  NetlinkSocket socket_;
};

}  // namespace windhover::backends::host
