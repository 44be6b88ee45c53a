#include "server/main/lane_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using Cpus = std::vector<std::uint32_t>;

std::uint32_t count_of(const LaneSettings& settings, const LaneSuggestion& suggestion, std::size_t cpus) {
  if (settings.count) return *settings.count;
  const std::size_t most = std::min<std::size_t>(suggestion.count_max, kLanesMax);
  return static_cast<std::uint32_t>(std::max<std::size_t>(1, std::min(most, cpus)));
}

void check_cpus(const Cpus& wanted, std::uint32_t count, const Cpus& allowed) {
  if (wanted.size() < count) {
    throw stack::base::SetupError(fmt::format("lane.cpus names {} CPUs for {} lanes", wanted.size(), count), 0,
                                  "Name one for each lane, or set lane.cpus to [].");
  }
  for (const std::uint32_t cpu : wanted) {
    if (std::find(allowed.begin(), allowed.end(), cpu) != allowed.end()) continue;
    throw stack::base::SetupError(
        fmt::format("pin a lane to CPU {}", cpu), 0,
        fmt::format("Set lane.cpus to CPUs that this process may use ({}), or to [].", fmt::join(allowed, ", ")));
  }
}

}  // namespace

LanePlan plan_lanes(const LaneSettings& settings, const LaneSuggestion& suggestion, const Cpus& allowed) {
  const Cpus named = settings.cpus.value_or(Cpus{});
  const std::uint32_t count = count_of(settings, suggestion, named.empty() ? allowed.size() : named.size());
  LanePlan plan{std::vector<std::optional<std::uint32_t>>(count), {}};
  Cpus pinned;
  if (!named.empty()) {
    check_cpus(named, count, allowed);
    pinned = named;
  } else if (!settings.cpus && suggestion.pinned) {
    if (allowed.size() >= count) {
      pinned = allowed;
    } else {
      plan.notes.push_back(
          fmt::format("{} lanes share {} CPUs and are not pinned: lower lane.count, or allow the process more CPUs.",
                      count, allowed.size()));
    }
  }
  if (!pinned.empty()) std::copy_n(pinned.begin(), count, plan.cpus.begin());
  return plan;
}

std::string lanes_line(const LanePlan& plan) {
  if (!plan.cpus.front()) return fmt::format("{}, on any CPU", plan.cpus.size());
  Cpus cpus;
  for (const auto& cpu : plan.cpus) cpus.push_back(*cpu);
  return fmt::format("{}, on CPU{} {}", cpus.size(), cpus.size() == 1 ? "" : "s", fmt::join(cpus, ", "));
}

}  // namespace windhover::server::main
