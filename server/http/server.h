#pragma once
// One lane's HTTP server: takes connections from the stack's listener and answers their requests through a Responder.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/http/counters.h"
#include "server/http/head_writer.h"
#include "server/http/limits.h"
#include "server/http/proxy_protocol.h"
#include "server/http/responder.h"
#include "stack/base/time.h"
#include "stack/tcp/app.h"

namespace windhover::server::http {

/// What one lane's HTTP state may hold. Memory is taken at start.
struct Capacity {
  std::uint32_t connections = 65536;
  std::uint32_t small_buffers = 4096;  ///< 2 KiB each: heads that arrive in parts, answers that have to wait.
  std::uint32_t large_buffers = 256;  ///< Each as large as the largest head that the limits allow, and at least 64 KiB.
};

/// Thread: one lane. Nothing allocates after construction. Must outlive its connections: destroy it after Stack::stop()
/// or with the stack already gone.
class Server final : public stack::tcp::Acceptor {
 public:
  /// `responder` must outlive the server.
  Server(const Limits& limits, const Capacity& capacity, Responder& responder, ClockOffset clock_offset,
         const ProxyProtocol& proxy = {});
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  stack::tcp::Handler* accept(stack::tcp::Connection& connection) override;

  /// Begins a graceful end: idle connections close now, busy ones after the answer they are at, new ones are refused.
  void drain();

  /// Connections that have not ended yet; 0 ends a drain.
  std::size_t connection_count() const;
  const HttpCounters& counters() const;
  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::server::http
