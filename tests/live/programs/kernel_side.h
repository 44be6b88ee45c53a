#pragma once
// Transfers over the kernel's sockets: the client of every measurement, and the server of the baseline.

#include <cstdint>
#include <string>

#include "tests/live/programs/pattern.h"
#include "tests/live/programs/protocol.h"

namespace windhover::live {

/// Serves one connection after the other, with CUBIC, until a signal ends the process. Prints `listening` when it can
/// be reached. Throws std::system_error.
[[noreturn]] void serve_over_kernel(const std::string& address, std::uint16_t port, const std::string& listening,
                                    const Pattern& pattern, Store& store);

struct ClientOptions {
  std::string address;
  std::uint16_t port = 0;
  Request request;
  std::string congestion_control;  ///< Of the client's socket; empty for the system's.
  bool slowly = false;             ///< Reads by fits and starts, as the server does for "sip".
};

/// What a client has seen.
struct Outcome {
  std::uint64_t size = 0;           ///< Bytes that arrived.
  double seconds = 0;               ///< From the request until the last of them was there, or was said to be.
  std::string digest;               ///< SHA-256 of what arrived, computed by whom it arrived at.
  std::uint32_t retransmitted = 0;  ///< Segments that the client's kernel sent again.
};

/// One transfer. A server that closes too early shows in `size` or `digest`. Throws std::system_error.
Outcome transfer(const ClientOptions& options, const Pattern& pattern, Store& store);

}  // namespace windhover::live
