#pragma once
// What a change of the interface means to a server that runs on it.

#include <string>

#include "backends/host/monitor.h"
#include "stack/ip/config.h"

namespace windhover::server::main {

/// A sentence for the log, with the remedy; empty when nothing follows. `start` is the interface as the server found
/// it, `ours` are its addresses, `shared` says whether they are the host's.
std::string consequence_of(const backends::host::Change& change, const backends::host::Interface& start,
                           const stack::ip::Config& ours, bool shared);

}  // namespace windhover::server::main
