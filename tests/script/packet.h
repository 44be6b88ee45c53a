#pragma once
// Packets of one connection between the script's numbers and the wire's.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/tcp/app.h"
#include "tests/script/application.h"
#include "tests/script/options.h"
#include "tests/script/script.h"

namespace windhover::script {

using Octets = std::vector<std::uint8_t>;

/// One connection after another between the same two endpoints, and what relative numbers count from.
struct Flow {
  stack::tcp::Endpoint local;   ///< The stack's.
  stack::tcp::Endpoint remote;  ///< The peer's.
  std::uint32_t iss = 0;        ///< The peer's initial sequence number.
  std::uint32_t irs = 0;        ///< The stack's, learnt from its newest SYN.
  std::uint16_t window = 0xffff;
  std::uint32_t clock_offset = 1000;      ///< From milliseconds of the script to the peer's TSval.
  std::optional<std::uint32_t> ts_first;  ///< The stack's first TSval.
  std::uint32_t ts_newest = 0;            ///< The stack's newest TSval, raw.
  bool offers_timestamps = false;         ///< The peer's SYN did.
  bool timestamps = false;                ///< Both SYNs did.
  App* app = nullptr;                     ///< Of the newest connection.

  OptionNumbers outgoing() const;
  OptionNumbers incoming(Duration since_start) const;
};

/// A segment that the stack has sent, all fields given, with what is wrong about it whatever the script expects.
struct Seen {
  Duration at{};
  std::uint16_t peer_port = 0;
  Segment segment{};
  std::string trouble{};
};

/// The IP packet of an inbound segment; remembers in `flow` what later segments go on from.
Octets build(const Segment& segment, Flow& flow, Duration since_start);
/// The IP packet of an ICMP error about a segment of the stack's.
Octets build(const IcmpError& error, const Flow& flow);

/// Whose packet it is: the peer's port, or nothing when it is not TCP.
std::optional<std::uint16_t> peer_port_of(stack::base::Bytes packet);
/// Reads a packet of that flow; learns from SYNs.
Seen read(stack::base::Bytes packet, Flow& flow, Duration since_start);

}  // namespace windhover::script
