#pragma once
// Plays a script against a Stack over the memory device, in virtual time.
//
// The stack transmits when the script looks (a segment expected, no output, a check) or when time passes: what arrives
// or is asked for at one instant with nothing between is one burst. Every segment that comes out must be expected; the
// payload of each is compared with what was written.

#include <string>

#include "tests/script/script.h"

namespace windhover::script {

struct Outcome {
  bool passed = false;
  std::string report{};   ///< What failed, where, with the last events; empty when it passed.
  std::string history{};  ///< Everything that happened, a line each.
};

/// `file` is for messages alone.
Outcome run(const Script& script, const std::string& file);

}  // namespace windhover::script
