#include "server/http/counters.h"

namespace windhover::server::http {

std::string_view name(BadRequest reason) {
  static constexpr std::array<std::string_view, kBadRequestCount> kNames = {
#define X(identifier, name, status) name,
      WINDHOVER_BAD_REQUESTS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(reason)];
}

std::uint16_t status_of(BadRequest reason) {
  static constexpr std::array<std::uint16_t, kBadRequestCount> kStatuses = {
#define X(identifier, name, status) status,
      WINDHOVER_BAD_REQUESTS(X)
#undef X
  };
  return kStatuses[static_cast<std::size_t>(reason)];
}

std::string_view name(ConnectionEnd end) {
  static constexpr std::array<std::string_view, kConnectionEndCount> kNames = {
#define X(identifier, name) name,
      WINDHOVER_CONNECTION_ENDS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(end)];
}

std::string_view name(HttpEvent event) {
  static constexpr std::array<std::string_view, kHttpEventCount> kNames = {
#define X(identifier, name) name,
      WINDHOVER_HTTP_EVENTS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace windhover::server::http
