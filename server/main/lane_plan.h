#pragma once
// How many lanes there are and where each runs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/main/settings.h"

namespace windhover::server::main {

/// What a backend suggests where the settings leave it open.
struct LaneSuggestion {
  std::uint32_t count_max = 1;  ///< As many lanes as this, and no more than there are CPUs.
  bool pinned = false;          ///< A CPU for each lane, if there are enough.
};

struct LanePlan {
  std::vector<std::optional<std::uint32_t>> cpus;  ///< One entry for each lane: the CPU it is pinned to.
  std::vector<std::string> notes;                  ///< What is less than was wanted, each a sentence.
};

/// `allowed` are the CPUs that this process may use, best first. Result: 1..kLanesMax lanes. Throws SetupError for CPUs
/// that it may not use or that are too few. Precondition: `allowed` is not empty.
LanePlan plan_lanes(const LaneSettings& settings, const LaneSuggestion& suggestion,
                    const std::vector<std::uint32_t>& allowed);

/// "2, on CPUs 0, 1" or "1, on any CPU".
std::string lanes_line(const LanePlan& plan);

}  // namespace windhover::server::main
