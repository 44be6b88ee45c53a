#include "backends/udp/counters.h"

namespace windhover::backends::udp {

std::string_view name(Reason reason) {
  static constexpr std::array<std::string_view, kReasonCount> kNames{
#define X(identifier, name) name,
      WINDHOVER_UDP_REASONS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace windhover::backends::udp
