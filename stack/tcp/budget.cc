#include "stack/tcp/budget.h"

#include <algorithm>

namespace windhover::stack::tcp {
namespace {

/// At least `share` / kWhole of the fullest part is used.
constexpr std::uint64_t kWhole = 24;
constexpr std::uint64_t kTightBegins = 21;
constexpr std::uint64_t kHighBegins = 16;  // And kTight ends below.
constexpr std::uint64_t kHighEnds = 12;

}  // namespace

bool Budget::update(std::span<const Part> parts) {
  const auto reaches = [&](std::uint64_t share) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const Part& part) { return part.used * kWhole >= part.capacity * share; });
  };
  const Pressure before = pressure_;
  if (!reaches(kHighEnds)) {
    pressure_ = Pressure::kNone;
  } else if (!reaches(kHighBegins)) {
    pressure_ = std::min(before, Pressure::kHigh);
  } else if (reaches(kTightBegins)) {
    pressure_ = Pressure::kTight;
  } else {
    pressure_ = std::max(before, Pressure::kHigh);
  }
  return pressure_ > before;
}

}  // namespace windhover::stack::tcp
