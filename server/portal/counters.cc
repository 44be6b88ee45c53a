#include "server/portal/counters.h"

namespace windhover::server::portal {

std::string_view name(Event event) {
  static constexpr std::array<std::string_view, kEventCount> kNames = {
#define X(identifier, name) name,
      WINDHOVER_PORTAL_EVENTS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace windhover::server::portal
