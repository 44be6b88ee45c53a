#pragma once
// Multicast listener discovery, version 2 (RFC 3810): queries read, reports written.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/wire/address.h"

namespace windhover::stack::wire {

/// Queries and reports do not leave the link (RFC 3810 5).
inline constexpr std::uint8_t kMldHopLimit = 1;

/// ff02::16, where reports go (RFC 3810 5.2.14).
Address all_mld_routers();

/// RFC 3810 5.1.
struct MldQuery {
  base::Duration response_max{};  ///< How long an answer may wait.
  Address group{};                ///< Unspecified: all groups.

  /// Reads a whole ICMPv6 message, of version 1 (24 bytes) or 2. Nothing when it is too short, or its group is no
  /// group; the envelope and the checksum are the caller's to check.
  static std::optional<MldQuery> parse(base::Bytes message);
};

/// What a record says of a group whose sources are not filtered (RFC 3810 5.2.12).
enum class MldRecord : std::uint8_t {
  kListening = 2,  ///< MODE_IS_EXCLUDE {}: in answer to a query.
  kLeft = 3,       ///< CHANGE_TO_INCLUDE_MODE {}.
  kJoined = 4,     ///< CHANGE_TO_EXCLUDE_MODE {}.
};

/// The hop-by-hop header with the router alert of an MLD message (RFC 2711), in front of ICMPv6.
inline constexpr std::size_t kRouterAlertSize = 8;
/// Precondition: to.size() >= kRouterAlertSize.
void write_router_alert(base::MutableBytes to);
/// True when the first extension header of `packet`, a whole IPv6 packet, holds a router alert for MLD (RFC 3810 6.2).
bool has_mld_router_alert(base::Bytes packet);

/// RFC 3810 5.2: one record each.
struct MldReport {
  static constexpr std::size_t size(std::size_t group_count) { return 8 + 20 * group_count; }
  /// Writes the whole ICMPv6 message, checksum included. Precondition: message.size() == size(groups.size()).
  static void write(base::MutableBytes message, std::span<const Address> groups, MldRecord record,
                    const Address& source, const Address& destination);
};

}  // namespace windhover::stack::wire
