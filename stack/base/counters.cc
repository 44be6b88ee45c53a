#include "stack/base/counters.h"

namespace windhover::stack::base {
namespace {

constexpr std::array<std::string_view, kDropCount> kDropNames{
#define X(identifier, name) std::string_view{name},
    WINDHOVER_DROPS(X)
#undef X
};

constexpr std::array<std::string_view, kEventCount> kEventNames{
#define X(identifier, name) std::string_view{name},
    WINDHOVER_EVENTS(X)
#undef X
};

}  // namespace

std::string_view name(Drop drop) { return kDropNames.at(static_cast<std::size_t>(drop)); }

std::uint64_t Counters::received_dropped() const {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kDropCount; ++at) {
    const auto drop = static_cast<Drop>(at);
    if (ends_received_frame(drop)) sum += value(drop);
  }
  return sum;
}

std::string_view name(Event event) { return kEventNames.at(static_cast<std::size_t>(event)); }

}  // namespace windhover::stack::base
