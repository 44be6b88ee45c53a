#pragma once
// One lane's thread: runs the loop until it is told to end, then lets connections finish.

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "backends/host/file.h"
#include "server/http/server.h"
#include "stack/lane/lane.h"

namespace windhover::server::main {

/// What a lane is made of. All of it is borrowed, and the lane's alone from start() until the thread has ended.
struct Lane {
  stack::lane::Stack& stack;
  stack::link::Device& device;
  http::Server& http;
  std::vector<stack::tcp::Endpoint> listeners;  ///< Already listening.
  std::function<int()> device_failure;          ///< The errno with which the device was lost, or 0. Called on the lane.
};

/// Threads: the owner calls everything here; drain() and force() may come from any thread.
class LaneRunner {
 public:
  LaneRunner(Lane lane, const stack::lane::LoopConfig& loop, stack::base::Duration shutdown_timeout);
  /// Ends the lane by force if it still runs.
  ~LaneRunner();
  LaneRunner(const LaneRunner&) = delete;
  LaneRunner& operator=(const LaneRunner&) = delete;

  /// Starts the thread, on `cpu` alone when that is given. Throws SetupError.
  void start(std::optional<std::uint32_t> cpu);

  /// Begins the graceful end: no new connections, idle ones close, busy ones after their answer, all of them when the
  /// time is up.
  void drain();
  /// Ends now: what is still open is reset.
  void force();

  /// Readable once the lane has ended, whatever ended it.
  int ended_fd() const { return ended_.fd(); }
  /// Waits for the thread. Returns the errno with which the device was lost, 0 otherwise.
  int join();

 private:
  enum class Command : std::uint8_t { kRun, kDrain, kEnd };

  void command(Command command);
  void run();
  void run_until_drained();
  void begin_drain();
  void say_goodbye();

  Lane lane_;
  stack::lane::Loop loop_;
  stack::base::Duration shutdown_timeout_;
  backends::host::File wake_;   // Written by command(), waited for by the lane.
  backends::host::File ended_;  // Written by the lane at its end.
  std::atomic<Command> command_{Command::kRun};
  int device_failure_ = 0;
  std::thread thread_;
};

}  // namespace windhover::server::main
