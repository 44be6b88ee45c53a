#pragma once
// What the internet header of a received packet says, once it has been checked against who we are.

#include <cstdint>

#include "stack/base/counters.h"
#include "stack/ip/interface.h"
#include "stack/link/frame.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv6.h"

namespace windhover::stack::ip {

/// What a parameter problem of ours says (RFC 792, RFC 4443 3.4).
struct Problem {
  std::uint8_t code = 0;
  std::uint32_t at = 0;        ///< The pointer: the octet to blame, from the IP header's first.
  bool even_to_group = false;  ///< RFC 4443 2.4 e.3 allows it for this one.
};

/// Which fields hold something follows from the verdict; addresses are set for kOurs, kFragment and kProblem.
struct Arrival {
  enum class Verdict : std::uint8_t {
    kOurs,
    kFragment,   ///< Ours, but for what is elsewhere of it: for read_fragment().
    kForOthers,  ///< To a group or broadcast address: to be passed.
    kDrop,       ///< Under `reason`.
    kProblem,    ///< Dropped under `reason` as well, after the parameter problem `problem`.
  };
  Verdict verdict = Verdict::kDrop;
  base::Drop reason{};
  std::uint8_t protocol = 0;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 0;      ///< TTL.
  bool to_group = false;           ///< IPv6 only: to one of our multicast groups.
  bool fragmented = false;         ///< It came in fragments, or as one.
  std::uint16_t network_size = 0;  ///< The IP header and what follows it up to `protocol`, in bytes.
  wire::Address source;
  wire::Address destination;
  wire::MacAddress link_source{};  ///< As Packet's; left to the caller.
  wire::Ipv6Chain chain;           ///< IPv6 only.
  Problem problem;
};

/// Checks an IPv4 packet (RFC 791, RFC 1122 3.2.1). kOurs: to one of our addresses, whole, and padding is cut off
/// `frame`, which still begins with its IP header; so it does for kFragment and kProblem. `to_many` says that its link
/// address was a group's. Source routes are refused, as Linux does; other options are looked through and not obeyed.
Arrival arrive_ipv4(const Interface& interface, link::Frame& frame, bool to_many);

/// The same for IPv6 (RFC 8200).
Arrival arrive_ipv6(const Interface& interface, link::Frame& frame, bool to_many);

}  // namespace windhover::stack::ip
