#pragma once
// What the server tells about itself at its start and at its end, as lines of text.

#include <string>
#include <utility>
#include <vector>

#include "server/http/counters.h"
#include "stack/lane/exchange.h"
#include "stack/lane/stack.h"
#include "stack/link/device.h"

namespace windhover::server::main {

/// "TUN device wh0 (IP packets), MTU 1500; offloads: ...; details"
std::string backend_line(const stack::link::Device& device, std::string_view kind, std::string_view details);

/// "312.4 MiB reserved: arenas 24.0 MiB, stack 256.1 MiB, ...". Parts in bytes.
std::string memory_line(const std::vector<std::pair<std::string_view, std::size_t>>& parts);

/// What one lane has counted.
struct LaneFigures {
  const stack::lane::Stack& stack;
  const http::HttpCounters& http;
  const stack::link::DeviceStats& device;
  const stack::lane::MailStats* mail = nullptr;  ///< nullptr for a lane that is alone.
};

/// "requests=10 connections=2 frames_in=40 ...": sums over the lanes. The main counters always, every other one and
/// those of `more` by their names when they are not zero. Precondition: there is a lane.
std::string summary_line(const std::vector<LaneFigures>& lanes,
                         const std::vector<std::pair<std::string, std::uint64_t>>& more);

}  // namespace windhover::server::main
