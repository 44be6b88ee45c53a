#pragma once
// One lane with the transfer application on it, over whatever backend a configuration names.

#include "server/main/settings.h"
#include "tests/live/programs/pattern.h"
#include "tests/live/programs/protocol.h"

namespace windhover::live {

/// Serves on the settings' endpoints until SIGTERM or SIGINT, or until the device is lost; says what `windhover serve`
/// says when it listens and at its end. Of the settings, those of the backend, the stack, the lane's loop and the
/// capture count. Returns the exit status. Throws SetupError.
int serve_over_stack(const server::main::Settings& settings, const Pattern& pattern, Store& store);

}  // namespace windhover::live
