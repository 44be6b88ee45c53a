// The simulator: thousands of bad lines, each from a seed that replays exactly.
//
//   sim                      seeds 0..1999
//   sim --seeds 100..199     these
//   sim --seed 42            one, with a trace and a capture in sim-42.pcapng
//   sim --table              goodput and fairness on lines of many kinds; --check FILE compares with what is checked in

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/sim/scenario.h"
#include "tests/sim/table.h"
#include "tests/sim/world.h"

namespace {

using windhover::sim::make_scenario;
using windhover::sim::Outcome;
using windhover::sim::Scenario;
using windhover::sim::Watch;

int replay(std::uint64_t seed) {
  const Scenario scenario = make_scenario(seed);
  const Watch watch{.trace = true, .pcap_path = fmt::format("sim-{}.pcapng", seed)};
  fmt::print("{}\n", scenario.describe());
  const Outcome outcome = windhover::sim::run(scenario, watch);
  fmt::print("{} bytes in {} segments, {} sent again, {:.3f} s of virtual time; capture in {}\n", outcome.bytes,
             outcome.segments, outcome.retransmitted, std::chrono::duration<double>(outcome.virtual_time).count(),
             watch.pcap_path);
  if (outcome.violation.empty()) return 0;
  fmt::print("violation: {}\n", outcome.violation);
  return 1;
}

int sweep(std::uint64_t first, std::uint64_t last) {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  Outcome total;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Scenario scenario = make_scenario(seed);
    const Outcome outcome = windhover::sim::run(scenario, {});
    total.bytes += outcome.bytes;
    total.finished += outcome.finished;
    total.other += outcome.other;
    total.segments += outcome.segments;
    total.retransmitted += outcome.retransmitted;
    total.answers += outcome.answers;
    if (outcome.violation.empty()) {
      ++passed;
      continue;
    }
    ++failed;
    fmt::print("FAILED {}\n  {}\n  replay: sim --seed {}\n", scenario.describe(), outcome.violation, seed);
  }
  fmt::print("{} ends finished, {} closed otherwise; {} bytes and {} HTTP answers in {} segments, {} sent again\n",
             total.finished, total.other, total.bytes, total.answers, total.segments, total.retransmitted);
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

/// Prints the table; with a file also whether it is the same, or where not.
int compare_table(const std::string& path) {
  const std::string table = windhover::sim::make_table();
  fmt::print("{}", table);
  if (path.empty()) return 0;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  const bool same = golden == table;
  fmt::print("{} passed, {} failed\n", same ? 1 : 0, same ? 0 : 1);
  if (same) return 0;
  fmt::print("{} says otherwise. Where the change is meant and no worse: build/release/sim --table > {}\n", path, path);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Two stacks over a bad line, in virtual time"};
  std::uint64_t seed = 0;
  std::string range = "0..1999";
  auto* const one = app.add_option("--seed", seed, "Replay one seed with a trace and a capture");
  app.add_option("--seeds", range, "FIRST..LAST")->excludes(one);
  bool table = false;
  std::string golden;
  auto* const tabulate = app.add_flag("--table", table, "Goodput and fairness on lines of many kinds");
  app.add_option("--check", golden, "The table that it must equal")->needs(tabulate);
  CLI11_PARSE(app, argc, argv);
  if (table) return compare_table(golden);
  if (*one) return replay(seed);
  const std::size_t dots = range.find("..");
  if (dots == std::string::npos) {
    fmt::print(stderr, "--seeds wants FIRST..LAST, such as 0..1999\n");
    return 2;
  }
  return sweep(std::stoull(range.substr(0, dots)), std::stoull(range.substr(dots + 2)));
}
