#pragma once
// Eventfds: how threads wake each other out of poll().

#include "backends/host/file.h"

namespace windhover::server::main {

/// Throws SetupError.
backends::host::File make_eventfd();

/// Readable from now on. Any thread.
void signal_eventfd(int fd);

/// Not readable any more.
void clear_eventfd(int fd);

}  // namespace windhover::server::main
