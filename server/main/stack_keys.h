#pragma once
// The keys of the stack: the internet layer, TCP and UDP.

#include "server/config/reader.h"
#include "stack/ip/config.h"
#include "stack/tcp/config.h"
#include "stack/udp/udp.h"

namespace windhover::server::main {

/// Name the keys of the objects "ip", "tcp" and "udp", once "backend" has been read.
void read_ip(config::Reader& reader, stack::ip::Config& ip);
void read_tcp(config::Reader& reader, stack::tcp::Config& tcp);
void read_udp(config::Reader& reader, stack::udp::Config& udp);

/// What no single value of "tcp" shows.
void check_tcp(config::Reader& reader, const stack::tcp::Config& tcp);

}  // namespace windhover::server::main
