#pragma once
// A way in for programs on this machine: listens with sockets of the kernel's, on localhost as a rule, and carries each
// connection to the server through a client stack. A browser or curl needs no route to the server's stack then, and the
// server needs no privilege and no device.
//
// It has no thread and never blocks. Whoever drives it turns the stack and the portal in turns, and sleeps until the
// stack has something or fd() is readable:
//
//   while (running) {
//     const auto now = read_clock();
//     const bool moved = loop.turn(now);
//     if (!portal.run(now) && !moved) loop.rest(now, portal.fd());
//   }

#include <cstdint>
#include <memory>
#include <vector>

#include "server/portal/connector.h"
#include "server/portal/counters.h"
#include "stack/base/time.h"
#include "stack/tcp/app.h"

namespace windhover::server::portal {

struct Config {
  std::uint32_t connections_max = 4096;  ///< At a time; more wait in the kernel's backlog.
};

/// Thread: one, except counters(). Memory is taken at construction; nothing allocates after it.
class Portal {
 public:
  /// How long accept() is left alone when it has found no descriptor or no memory.
  static constexpr stack::base::Duration kAcceptPause = std::chrono::milliseconds(100);

  /// Listens on each of `addresses` (an unspecified one is every address of its family); port 0 takes a free one, the
  /// same for all. Throws SetupError: EADDRINUSE when one is taken. `connector` must outlive this.
  Portal(const Config& config, const std::vector<stack::tcp::Endpoint>& addresses, Connector& connector);
  /// What is still open is reset. Precondition: the stack behind the connector has been stopped.
  ~Portal();
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;

  /// Where it listens.
  const std::vector<stack::tcp::Endpoint>& addresses() const;
  /// Readable (poll, epoll) when run() has something to do.
  int fd() const;

  /// One burst: writes what the stack has given, looks at what the kernel has, accepts. True when anything moved, or
  /// more is ready to. At the latest once a second, for what accept() could not do.
  bool run(stack::base::Instant now);

  /// Accepts no more; connections go on.
  void drain();

  std::size_t connection_count() const;
  const Counters& counters() const;
  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::server::portal
