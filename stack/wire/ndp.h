#pragma once
// Neighbour discovery (RFC 4861): solicitations and advertisements.
//
// They are rare, so they are read into values that already passed every check of RFC 4861 §7.1 and need no view.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/icmpv6.h"

namespace windhover::stack::wire {

/// Every neighbour discovery message must arrive with this hop limit: then no router has forwarded it.
inline constexpr std::uint8_t kNdpHopLimit = 255;

/// What the IPv6 header says about a message, which its validity depends on.
struct NdpEnvelope {
  Address source{};
  Address destination{};
  std::uint8_t hop_limit = 0;
};

/// ff02::1:ffXX:XXXX, where solicitations for `target` go (RFC 4291 §2.7.1). Precondition: target is IPv6.
Address solicited_node(const Address& target);

/// 33:33 and the last four octets of an IPv6 multicast address (RFC 2464 §7).
MacAddress multicast_mac(const Address& group);

/// ff02::1.
Address all_nodes();

/// RFC 4861 §4.3.
struct NeighbourSolicitation {
  Address target{};
  std::optional<MacAddress> source_mac{};  ///< The source link-layer address option.

  /// Reads a whole ICMPv6 message. Nothing when a check of RFC 4861 §7.1.1 fails; the checksum is the caller's to
  /// verify.
  static std::optional<NeighbourSolicitation> parse(base::Bytes message, const NdpEnvelope& envelope);

  std::size_t size() const { return source_mac ? 32 : 24; }
  /// Writes the whole ICMPv6 message, checksum included. Precondition: message.size() == size().
  void write(base::MutableBytes message, const Address& source, const Address& destination) const;
};

/// RFC 4861 §4.4.
struct NeighbourAdvertisement {
  Address target{};
  bool router = false;
  bool solicited = false;
  bool override_cached = false;
  std::optional<MacAddress> target_mac{};  ///< The target link-layer address option.

  /// Reads a whole ICMPv6 message. Nothing when a check of RFC 4861 §7.1.2 fails; the checksum is the caller's to
  /// verify.
  static std::optional<NeighbourAdvertisement> parse(base::Bytes message, const NdpEnvelope& envelope);

  std::size_t size() const { return target_mac ? 32 : 24; }
  /// Writes the whole ICMPv6 message, checksum included. Precondition: message.size() == size().
  void write(base::MutableBytes message, const Address& source, const Address& destination) const;
};

}  // namespace windhover::stack::wire
