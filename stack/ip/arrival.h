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

/// Which fields hold something follows from the verdict; addresses are set for kOurs and kProblem.
struct Arrival {
  enum class Verdict : std::uint8_t {
    kOurs,
    kForOthers,  ///< To a group or broadcast address: to be passed.
    kDrop,       ///< Under `reason`.
    kProblem,    ///< Dropped under `reason` as well, after a parameter problem that tells of `chain` (IPv6).
  };
  Verdict verdict = Verdict::kDrop;
  base::Drop reason{};
  std::uint8_t protocol = 0;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 0;      ///< TTL.
  bool to_group = false;           ///< IPv6 only: to one of our multicast groups.
  std::uint16_t network_size = 0;  ///< The IP header and what follows it up to `protocol`, in bytes.
  wire::Address source;
  wire::Address destination;
  wire::MacAddress link_source{};  ///< As Packet's; left to the caller.
  wire::Ipv6Chain chain;
};

/// Checks an IPv4 packet (RFC 791, RFC 1122 3.2.1). kOurs: to one of our addresses, whole, and padding is cut off
/// `frame`, which still begins with its IP header. `to_many` says that its link address was a group's.
Arrival arrive_ipv4(const Interface& interface, link::Frame& frame, bool to_many);

/// The same for IPv6 (RFC 8200).
Arrival arrive_ipv6(const Interface& interface, link::Frame& frame, bool to_many);

}  // namespace windhover::stack::ip
