#pragma once
// What an operator can say about the internet layer.

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/time.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// An address that is ours and the on-link prefix around it.
struct InterfaceAddress {
  wire::Address address;
  std::uint8_t prefix_length = 24;  ///< 0..32 for IPv4, 0..128 for IPv6.
  bool quiet = false;  ///< Never announced nor told to who asks on the link: a service address behind a balancer.
};

/// Defaults as in the requirement list; times are durations.
struct Config {
  std::vector<InterfaceAddress> addresses;
  std::optional<wire::Address> gateway_v4;  ///< Next hop for what is not on link.
  std::optional<wire::Address> gateway_v6;
  wire::MacAddress mac{};  ///< Our link address on an Ethernet device.
  /// Answers go to the link address that the question came from, and there is no ARP and no NDP of ours: the host that
  /// shares its addresses with us does those. Packets to whom we have not heard from have no route.
  bool reply_to_sender = false;
  /// Answers ARP requests and neighbour solicitations, and announces. Of several lanes with the same addresses one
  /// does; all of them learn.
  bool answers_neighbours = true;
  std::uint8_t ttl = 64;  ///< TTL and hop limit of what we send.
  std::uint32_t neighbours_max = 1024;
  std::uint32_t neighbour_queue_max = 8;                          ///< Packets that wait for one resolution.
  base::Duration neighbour_reachable = std::chrono::seconds(30);  ///< RFC 4861 REACHABLE_TIME.
  base::Duration neighbour_retransmit = std::chrono::seconds(1);  ///< RFC 4861 RETRANS_TIMER.
  std::uint32_t icmp_errors_per_second = 100;
};

}  // namespace windhover::stack::ip
