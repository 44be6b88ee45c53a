#pragma once
// What the `config` lines of a script settle before it begins.

#include <optional>
#include <string>
#include <vector>

#include "backends/memory/pair.h"
#include "stack/lane/stack.h"
#include "tests/script/script.h"

namespace windhover::script {

struct World {
  stack::lane::Config stack;
  backends::memory::Config wire;
  bool v6 = false;
  /// How far from its time a segment may leave: the wheel of the stack has ticks of a millisecond.
  Duration tolerance = std::chrono::milliseconds(2);

  /// Small tables, a receive window that needs no scaling, both addresses.
  World();
};

/// Applies the settings in order; returns the line of the first that is not known, or whose value is not one.
struct SettingError {
  int line = 0;
  std::string what;
};
std::optional<SettingError> apply(const std::vector<Setting>& settings, World& world);

}  // namespace windhover::script
