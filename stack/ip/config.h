#pragma once
// What an operator can say about the internet layer.

#include <cstddef>
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
  /// Questions before an IPv6 address is used, neighbour_retransmit apart (RFC 4862 5.1: DupAddrDetectTransmits, as
  /// Linux): the server is not reached by IPv6 before, one second with the default. 0: used at once.
  std::uint32_t dad_transmits = 1;
  /// The same for an IPv4 address. RFC 5227 2.1.1 wants 3, which take four to six seconds; as Linux none are sent.
  std::uint32_t arp_probes = 0;
  /// How often an address that has become usable is announced (RFC 5227 1.1: ANNOUNCE_NUM; RFC 4861 10 allows 3). 0:
  /// never.
  std::uint32_t announcements = 2;
  /// Router advertisements are believed and asked for. Unset: when there is an IPv6 address and no gateway_v6.
  std::optional<bool> accept_ra;
  /// Listener reports are sent for the groups that neighbour solicitations for our addresses go to (RFC 3810).
  bool multicast_reports = true;
  std::uint32_t icmp_errors_per_second = 100;                    ///< Sent in all; 0: none.
  base::Duration icmp_error_interval = std::chrono::seconds(1);  ///< Between errors to one destination (as Linux).
  std::size_t reassembly_memory = std::size_t{4} * 1024 * 1024;  ///< For fragments (as Linux).
  std::uint32_t reassembly_packets_max = 1024;                   ///< Unfinished ones.
  std::uint32_t reassembly_fragments_max = 128;                  ///< Of one packet: 64 KiB in MTUs of 576 bytes.
  /// Which lane this is, of how many. A packet from fragments is another's when its flow is: Elsewhere.
  std::uint32_t lane = 0;
  std::uint32_t lane_count = 1;
};

}  // namespace windhover::stack::ip
