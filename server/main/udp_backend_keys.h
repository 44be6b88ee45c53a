#pragma once
// The keys under "backend" that belong to type udp alone.

#include "server/config/reader.h"
#include "server/main/settings.h"

namespace windhover::server::main {

/// Names them to `reader`.
void read_udp_backend(config::Reader& reader, backends::udp::Config& udp);

/// What no single value shows.
void check_udp_backend(config::Reader& reader, const Settings& settings);

}  // namespace windhover::server::main
