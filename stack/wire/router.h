#pragma once
// Router discovery (RFC 4861 4.1, 4.2): solicitations written, advertisements read.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::wire {

/// ff02::2.
Address all_routers();

/// RFC 4861 4.1.
struct RouterSolicitation {
  /// The source link-layer address option; none when the source is unspecified.
  std::optional<MacAddress> source_mac{};

  std::size_t size() const { return source_mac ? 16 : 8; }
  /// Writes the whole ICMPv6 message, checksum included. Precondition: message.size() == size().
  void write(base::MutableBytes message, const Address& source, const Address& destination) const;
};

/// How much a router wants to be taken (RFC 4191 2.1). Ordered.
enum class RouterPreference : std::uint8_t { kLow, kMedium, kHigh };

/// A prefix that is on this link (RFC 4861 4.6.2, the L flag). What the option says about addresses is not read.
struct OnLinkPrefix {
  Address prefix{};
  std::uint8_t length = 0;             ///< 1..128.
  std::uint32_t valid_lifetime_s = 0;  ///< 0: not on link any more; UINT32_MAX: for ever.
};

/// RFC 4861 4.2, with the preference of RFC 4191.
struct RouterAdvertisement {
  /// Prefixes read from one message; those behind are passed over.
  static constexpr std::size_t kPrefixesMax = 8;

  std::uint16_t lifetime_s = 0;                             ///< As a default router; 0: it is none.
  RouterPreference preference = RouterPreference::kMedium;  ///< Without meaning when the lifetime is 0.
  std::uint32_t reachable_ms = 0;                           ///< 0: not said.
  std::uint32_t retransmit_ms = 0;                          ///< 0: not said.
  std::uint32_t mtu = 0;                                    ///< 0: not said.
  std::optional<MacAddress> source_mac{};                   ///< The source link-layer address option.
  std::array<OnLinkPrefix, kPrefixesMax> prefixes{};        ///< With the L flag, neither group nor link-local.
  std::size_t prefix_count = 0;

  /// Reads a whole ICMPv6 message. Nothing when a check of RFC 4861 6.1.2 fails; the checksum is the caller's to
  /// verify.
  static std::optional<RouterAdvertisement> parse(base::Bytes message, const NdpEnvelope& envelope);
};

}  // namespace windhover::stack::wire
