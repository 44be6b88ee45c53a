#include "stack/tcp/app.h"

#include <array>

#include "stack/tcp/recovery.h"
#include "stack/tcp/state.h"

namespace windhover::stack::tcp {

std::string_view name(CloseReason reason) {
  static constexpr std::array kNames{
#define X(identifier, name) std::string_view{name},
      WINDHOVER_CLOSE_REASONS(X)
#undef X
  };
  return kNames.at(static_cast<std::size_t>(reason));
}

std::string_view name(State state) {
  static constexpr std::array<std::string_view, 9> kNames{"CLOSED",      "SYN-SENT",   "SYN-RECEIVED",
                                                          "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
                                                          "CLOSE-WAIT",  "CLOSING",    "LAST-ACK"};
  return kNames.at(static_cast<std::size_t>(state));
}

std::string_view name(Recovery::Phase phase) {
  static constexpr std::array<std::string_view, 3> kNames{"open", "recovery", "loss"};
  return kNames.at(static_cast<std::size_t>(phase));
}

}  // namespace windhover::stack::tcp
