#pragma once
// What the server asks of the kernel besides devices and files: clocks, randomness, privileges.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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

/// Whether this thread may use a capability (CAP_NET_RAW ...) now.
bool has_capability(int capability);

/// The CPUs that this thread may run on; those of `numa_node` first, where that is given and known.
std::vector<std::uint32_t> allowed_cpus(std::optional<int> numa_node = {});

/// "0-2,5" as the kernel writes lists of CPUs. What cannot be read ends the list.
std::vector<std::uint32_t> parse_cpu_list(std::string_view text);

/// Lets this process open as many files as it may (RLIMIT_NOFILE, from the soft limit to the hard one); returns how
/// many those are.
std::uint64_t raise_file_limit();

/// Gives up every capability of the calling thread and of threads it starts later, and the way back to any. Whatever
/// needs one must be open by then. Throws SetupError.
void drop_capabilities();

}  // namespace windhover::server::main
