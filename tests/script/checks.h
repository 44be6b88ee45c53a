#pragma once
// What a script can ask at one moment: of the application, of tcp::Info, of the counters.

#include <optional>
#include <string>

#include "stack/lane/stack.h"
#include "tests/script/application.h"
#include "tests/script/script.h"

namespace windhover::script {

struct Subject {
  const stack::lane::Stack& stack;
  const App* app = nullptr;  ///< Of the connection; nothing before it was accepted.
  bool timestamps = false;   ///< It carries them: a full segment is 12 bytes smaller than the MSS.
};

/// Nothing when it holds; otherwise what holds instead.
std::optional<std::string> verify(const Check& check, const Subject& subject);

}  // namespace windhover::script
