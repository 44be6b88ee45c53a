#pragma once
// Why a datagram did not become a frame, or a frame did not become a datagram.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace windhover::backends::udp {

/// Identifier, name.
#define WINDHOVER_UDP_REASONS(X)                                                                              \
  X(kUnknownPeer, "vxlan.unknown_peer") /* From nobody that we know or may learn of. */                       \
  X(kMalformed, "vxlan.malformed")      /* Too short, or a header without an identifier. */                   \
  X(kWrongVni, "vxlan.wrong_vni")       /* Another network's. */                                              \
  X(kTruncated, "vxlan.truncated")      /* Larger than a buffer. */                                           \
  X(kPeersFull, "vxlan.peers_full")     /* From one that might have been learnt of. */                        \
  X(kTooLarge, "vxlan.too_large")       /* To transmit: more than the path's first link carries. */           \
  X(kRefused, "vxlan.refused")          /* To transmit: the kernel would not: no route, a firewall's rule. */ \
  X(kNoPeer, "vxlan.no_peer")           /* To transmit: nobody is known to send it to. */

enum class Reason : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_UDP_REASONS(X)
#undef X
};

inline constexpr std::size_t kReasonCount = 0
#define X(identifier, name) +1
    WINDHOVER_UDP_REASONS(X)
#undef X
    ;

/// "vxlan.wrong_vni".
std::string_view name(Reason reason);

/// One lane's; datagrams and frames since construction. Thread: the lane's.
class Reasons {
 public:
  void count(Reason reason, std::uint64_t by = 1) { values_[static_cast<std::size_t>(reason)] += by; }
  std::uint64_t value(Reason reason) const { return values_[static_cast<std::size_t>(reason)]; }

 private:
  std::array<std::uint64_t, kReasonCount> values_{};
};

}  // namespace windhover::backends::udp
