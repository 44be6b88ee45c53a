#pragma once
// A classic BPF program that chooses the socket of a SO_REUSEPORT group by the flow inside the tunnel.
//
// The kernel's own choice is a hash of the outer flow, which is one and the same for all that some peers send. With
// this program a frame arrives on the lane that owns its flow (stack/link/steering.h), so nothing has to be handed on,
// and a lane hears of every station that it talks to. It needs no privilege.

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace windhover::backends::udp {

/// For SO_ATTACH_REUSEPORT_CBPF; it sees what follows the UDP header, and answers with the place of a socket in the
/// group. TCP and UDP over IPv4, options included, and over IPv6 without extension headers, with one VLAN tag at most;
/// whole packets by addresses and ports, fragments and other protocols by their addresses alone. What it does not look
/// into (ICMP errors, extension headers) goes by addresses too, and what is no IP at all to lane 0: the lanes'
/// mailboxes put that right. Precondition: lane_count > 0.
std::vector<sock_filter> steering_program(std::uint32_t lane_count);

}  // namespace windhover::backends::udp
