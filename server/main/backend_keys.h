#pragma once
// The keys under "backend": a device of one of three types, and the addresses on it.

#include "server/config/reader.h"
#include "server/main/settings.h"

namespace windhover::server::main {

/// What a TUN device has without a word of configuration.
void set_defaults_of_tun(Settings& settings);

/// Names every key of all types; one that does not belong to the document's type is a problem.
void read_backend(config::Reader& reader, Settings& settings);

/// What no single value shows.
void check_backend(config::Reader& reader, const Settings& settings);

}  // namespace windhover::server::main
