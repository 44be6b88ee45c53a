#pragma once
// What the portal counts.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/base/counters.h"

namespace windhover::server::portal {

/// Identifier, name in the summary.
#define WINDHOVER_PORTAL_EVENTS(X)                                                                            \
  X(kAccepted, "portal.accepted")          /* Connections taken from the kernel. */                           \
  X(kNoFiles, "portal.no_files")           /* accept() failed for want of descriptors or memory. */           \
  X(kAcceptFailed, "portal.accept_failed") /* It failed otherwise: a client that had gone again. */           \
  X(kNotConnected, "portal.not_connected") /* No connection to the server could be had, or it was refused. */ \
  X(kClientReset, "portal.client_reset")   /* The client ended one by force; the server was told likewise. */ \
  X(kServerReset, "portal.server_reset")   /* The same the other way. */                                      \
  X(kServerWaited, "portal.server_waited") /* The client did not read: the server's side was paused. */       \
  X(kClientWaited, "portal.client_waited") /* The server did not take: the client's side was paused. */

enum class Event : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_PORTAL_EVENTS(X)
#undef X
};

inline constexpr std::size_t kEventCount = 0
#define X(identifier, name) +1
    WINDHOVER_PORTAL_EVENTS(X)
#undef X
    ;

/// "portal.accepted".
std::string_view name(Event event);

/// Thread: the portal's writes, anybody reads.
class Counters {
 public:
  void count(Event event) { values_[static_cast<std::size_t>(event)].add(); }
  std::uint64_t value(Event event) const { return values_[static_cast<std::size_t>(event)].value(); }

 private:
  std::array<stack::base::Counter, kEventCount> values_;
};

}  // namespace windhover::server::portal
