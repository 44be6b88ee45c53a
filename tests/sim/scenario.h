#pragma once
// What one seed stands for: two stacks, a bad line between them, and what their applications do.

#include <cstdint>
#include <string>

#include "backends/impair/impair.h"
#include "backends/memory/pair.h"
#include "stack/lane/stack.h"
#include "tests/sim/liar.h"

namespace windhover::sim {

/// Everything is drawn from the seed and nothing else, so that a seed means the same on every machine.
struct Scenario {
  std::uint64_t seed = 0;
  backends::memory::Config wire;
  backends::impair::Config line;
  stack::tcp::Config client;
  stack::tcp::Config server;
  bool ipv6 = false;

  std::uint32_t connections = 1;
  std::uint64_t bytes_max = 0;  ///< Each direction of each connection sends up to this much.
  double abort_chance = 0;      ///< That an application gives up halfway.
  double pause_chance = 0;      ///< Per delivery, that it stops reading for a while.
  bool has_cut = false;         ///< The line is dead for a while: connections may time out.
  Lies lies;                    ///< What the client says that is not so.
  std::uint32_t readers = 0;    ///< Connections with short HTTP exchanges, besides `connections`, ...
  std::uint32_t requests = 0;   ///< ... and how many on each.
  /// The server's address is taken away from the first to the second of these, and given back.
  stack::base::Instant flap_from = stack::base::kNever;
  stack::base::Instant flap_until = stack::base::kNever;

  /// One line for the trace.
  std::string describe() const;
};

Scenario make_scenario(std::uint64_t seed);

}  // namespace windhover::sim
