#pragma once
// The keys under "portal" and "proxyProtocol".

#include "server/config/reader.h"
#include "server/main/settings.h"

namespace windhover::server::main {

/// Names both to `reader`.
void read_portal(config::Reader& reader, Settings& settings);

/// What no single value shows, at "portal".
void check_portal(config::Reader& reader, const PortalSettings& portal);

}  // namespace windhover::server::main
