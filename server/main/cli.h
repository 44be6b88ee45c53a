#pragma once
// The command line.

namespace windhover::server::main {

/// Runs `windhover` with its arguments. Returns the exit status: 0 when all is well, 1 for a configuration or a set-up
/// that does not work (said on standard error), 2 for a command line that means nothing.
int run(int argc, const char* const* argv);

}  // namespace windhover::server::main
