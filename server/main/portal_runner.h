#pragma once
// The portal's thread: turns the client stack and the portal until it is told to end.

#include <atomic>
#include <thread>

#include "backends/host/file.h"
#include "server/portal/portal.h"
#include "stack/lane/lane.h"

namespace windhover::server::main {

/// Threads: the owner calls everything here. What is given is the thread's alone from start() until it has ended.
class PortalRunner {
 public:
  /// Throws SetupError.
  PortalRunner(stack::lane::Stack& stack, stack::link::Device& device, portal::Portal& portal,
               const stack::lane::LoopConfig& loop);
  /// Ends it by force if it still runs.
  ~PortalRunner();
  PortalRunner(const PortalRunner&) = delete;
  PortalRunner& operator=(const PortalRunner&) = delete;

  void start();
  /// Accepts no more. done_fd() tells when no connection is left.
  void drain();
  /// Ends now: what is still open is reset.
  void force();
  /// Waits for the thread, which ends after force().
  void join();

  int done_fd() const { return done_.fd(); }

 private:
  enum class Command : std::uint8_t { kRun, kDrain, kEnd };

  void command(Command command);
  void run();
  void run_until_ended();

  stack::lane::Stack& stack_;
  portal::Portal& portal_;
  stack::lane::Loop loop_;
  backends::host::File wake_;    // Written by command().
  backends::host::File done_;    // Written by the thread.
  backends::host::File events_;  // Readable when wake_ is, or the portal's.
  std::atomic<Command> command_{Command::kRun};
  std::thread thread_;
};

}  // namespace windhover::server::main
