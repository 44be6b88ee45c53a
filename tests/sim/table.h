#pragma once
// What the stack makes of lines of many kinds: goodput and fairness, in virtual time, as a table to be checked in and
// read. The numbers are exact: whatever changes one of them shows.

#include <cstdint>
#include <string>

#include "stack/base/time.h"

namespace windhover::sim {

/// One direction of a line with a bounded rate; the other only has the delay.
struct Path {
  double loss = 0;     ///< Of packets, at random, 0..1.
  double reorder = 0;  ///< Held back for 2 ms, 0..1.
  stack::base::Duration rtt{};
  std::uint32_t queue = 0;  ///< Bytes that may wait in front of the line.
};

/// What the flows of one run got.
struct Share {
  double goodput = 0;   ///< Of all together, as a part of what the line carries, headers left out: 0..1.
  double fairness = 1;  ///< Jain's index over the second half of the run: 1 when all got the same.
};

/// Runs `flows` bulk transfers with the defaults of tcp::Config beside each other.
Share measure(const Path& path, std::uint32_t flows);

/// The whole table, the same on every machine.
std::string make_table();

}  // namespace windhover::sim
