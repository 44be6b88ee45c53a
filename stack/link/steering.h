#pragma once
// Which lane a received frame belongs to.

#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/link/device.h"

namespace windhover::stack::link {

/// Not one lane's: ARP, neighbour solicitations and advertisements, and router advertisements, from which every lane
/// must learn.
inline constexpr std::uint32_t kEveryLane = UINT32_MAX;

/// The lane of a frame: lane_of(flow_hash()) of its TCP or UDP flow; for an ICMP error, of the flow that it quotes, so
/// that it meets the connection it is about. IPv4 options, IPv6 extension headers and one VLAN tag are looked behind.
/// Fragments, other protocols and ICMP queries go by their two addresses alone: as cards hash fragments, and so that
/// all of one packet meet on one lane, which gives what it makes of them to the lane that this then names
/// (ip::Elsewhere). An IPv6 packet that is its own only fragment is none (RFC 6946).
/// Multicast listener queries are lane 0's, which answers for all, and so are frames that cannot be read; only the
/// headers are, so that a payload cut short changes nothing. Result: 0..lane_count-1 or kEveryLane. Precondition:
/// lane_count > 0.
std::uint32_t owner_of(base::Bytes frame, Medium medium, std::uint32_t lane_count);

}  // namespace windhover::stack::link
