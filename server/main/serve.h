#pragma once
// `windhover serve`: from settings to a running lane, and from a signal to its end.

#include "server/main/settings.h"

namespace windhover::server::main {

/// Blocks SIGTERM and SIGINT in this thread and those it starts, so that serve() can wait for them. Call it first of
/// all.
void block_signals();

/// Serves until SIGTERM or SIGINT (a second one ends at once) or until the device is lost. Prints what it does. Returns
/// the exit status: 0, or 1 when the device was lost. Throws SetupError when it cannot start.
int serve(const Settings& settings);

}  // namespace windhover::server::main
