#pragma once
// Two stacks, a line, a clock that nobody waits for.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stack/base/time.h"
#include "tests/sim/application.h"
#include "tests/sim/scenario.h"

namespace windhover::sim {

/// What a run left behind.
struct Outcome {
  std::string violation;       ///< Empty when every invariant held.
  std::uint64_t finished = 0;  ///< Ends of connections that saw both streams through.
  std::uint64_t other = 0;     ///< Ends that closed with another reason.
  std::uint64_t bytes = 0;     ///< Delivered and verified.
  std::uint64_t answers = 0;   ///< To HTTP requests, verified.
  std::uint64_t segments = 0;
  std::uint64_t retransmitted = 0;
  stack::base::Duration virtual_time{};
};

/// What to show of a run besides its outcome.
struct Watch {
  bool trace = false;     ///< A line to standard output for each event of an application.
  std::string pcap_path;  ///< The client's frames; empty for none.
};

/// Runs a scenario to its end. Invariants: every byte in order exactly once, or the connection closed with a reason;
/// every connection ends; no frame, timer or connection is left; each received frame is accounted for.
Outcome run(const Scenario& scenario, const Watch& watch);

}  // namespace windhover::sim
