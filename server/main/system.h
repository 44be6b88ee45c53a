#pragma once
// What the server asks of the kernel besides devices and files: clocks, randomness, privileges.

#include "stack/base/time.h"
#include "stack/tcp/isn.h"

namespace windhover::server::main {

/// CLOCK_MONOTONIC.
stack::base::Instant monotonic_now();

/// Add it to an Instant's time since its epoch to get the time since 1970, UTC. Taken once: steps of the wall clock
/// while the server runs are not followed.
stack::base::Duration wall_clock_offset();

/// Fresh secrets from getrandom(). Throws SetupError.
stack::tcp::Keys random_keys();

/// Gives up every capability of the calling thread and of threads it starts later, and the way back to any. Whatever
/// needs one must be open by then. Throws SetupError.
void drop_capabilities();

}  // namespace windhover::server::main
