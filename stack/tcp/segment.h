#pragma once
// One received TCP segment, parsed and verified, with what its options say.

#include <array>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/ip/ip.h"
#include "stack/tcp/app.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

/// Borrowed from the frame that it came in: valid while that lives. RFC 9293's SEG variables.
struct Segment {
  Endpoint local;
  Endpoint remote;
  wire::Seq seq{};
  wire::Seq ack{};
  std::uint16_t window = 0;  ///< As on the wire: not yet scaled.
  wire::TcpFlags flags;
  bool congestion_experienced = false;  ///< CE in the IP header (RFC 3168 §5).
  base::Bytes payload;
  wire::MacAddress link_source;  ///< As ip::Packet's: where an answer goes when there is no connection to say.
  wire::TcpOptions options;

  /// SEG.LEN: payload, and one each for SYN and FIN.
  std::uint32_t length() const {
    return static_cast<std::uint32_t>(payload.size()) + (flags.syn() ? 1U : 0U) + (flags.fin() ? 1U : 0U);
  }
};

/// What became of a received segment: nothing to say (it was used), or the name it was dropped under.
using Verdict = std::optional<base::Drop>;
inline constexpr Verdict kAccepted = std::nullopt;

/// Parses a packet into `segment`, which must be fresh, verifying the checksum where the device has not.
Verdict parse_segment(const ip::Packet& packet, Segment& segment);

}  // namespace windhover::stack::tcp
