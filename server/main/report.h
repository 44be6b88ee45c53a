#pragma once
// What the server tells about itself at its start and at its end, as lines of text.

#include <string>
#include <utility>
#include <vector>

#include "server/http/counters.h"
#include "stack/lane/stack.h"
#include "stack/link/device.h"

namespace windhover::server::main {

/// "TUN device wh0 (IP packets), MTU 1500; offloads: ..."
std::string backend_line(const stack::link::Device& device, std::string_view kind);

/// "312.4 MiB taken: arenas 24.0 MiB, stack 256.1 MiB, ...". Parts in bytes.
std::string memory_line(const std::vector<std::pair<std::string_view, std::size_t>>& parts);

/// "requests=10 connections=2 frames_in=40 ...": the main counters always, every other one that is not zero by its
/// name.
std::string summary_line(const stack::lane::Stack& stack, const http::HttpCounters& http,
                         const stack::link::DeviceStats& device);

}  // namespace windhover::server::main
