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

std::string_view name(Event event) { return kEventNames.at(static_cast<std::size_t>(event)); }

}  // namespace windhover::stack::base
