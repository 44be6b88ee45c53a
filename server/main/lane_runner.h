#pragma once
// One lane's thread: runs the loop until it is told to end.
//
// Lanes end together. One whose own connections have finished goes on taking frames, because its queues may bring those
// of another lane's connections; it says that it is done, and waits for the end.

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "backends/host/file.h"
#include "server/http/server.h"
#include "stack/lane/exchange.h"
#include "stack/lane/lane.h"

namespace windhover::server::main {

/// What a lane is made of. All of it is borrowed, and the lane's alone from start() until the thread has ended; the
/// exchange is shared.
struct Lane {
  stack::lane::Stack& stack;
  stack::link::Device& device;
  http::Server& http;
  std::vector<stack::tcp::Endpoint> listeners;  ///< Already listening.
  std::function<int()> device_failure;          ///< The errno with which the device was lost, or 0. Called on the lane.
  stack::lane::Exchange* exchange = nullptr;    ///< nullptr for a lane that is alone.
  std::uint32_t index = 0;
};

/// Threads: the owner calls everything here; drain(), settle(), force(), link_up() and ring() may come from any thread.
class LaneRunner final : public stack::lane::Doorbell {
 public:
  /// Connects itself to the exchange, if there is one. Throws SetupError.
  LaneRunner(Lane lane, const stack::lane::LoopConfig& loop, stack::base::Duration shutdown_timeout);
  /// Ends the lane by force if it still runs.
  ~LaneRunner();
  LaneRunner(const LaneRunner&) = delete;
  LaneRunner& operator=(const LaneRunner&) = delete;

  /// Starts the thread, on `cpu` alone when that is given. Throws SetupError.
  void start(std::optional<std::uint32_t> cpu);

  /// Begins the graceful end: no new connections, idle ones close, busy ones after their answer. done_fd() tells when
  /// none is left or the time is up.
  void drain();
  /// Once frames have stopped coming: done_fd() is readable again when the lane has taken what its device and its
  /// mailboxes hold. What it then hands to another lane is that one's to take, so lanes settle twice.
  void settle();
  /// The carrier has returned: the stack is told.
  void link_up();
  /// Ends now: what is still open is reset.
  void force();
  /// Wakes the lane.
  void ring() override;

  /// Readable once the lane is drained or settled, or has ended because its device was lost.
  int done_fd() const { return done_.fd(); }
  /// The errno with which the device was lost, 0 otherwise. For good once done_fd() is readable.
  int device_failure() const { return device_failure_.load(std::memory_order_acquire); }
  /// Waits for the thread, which ends after force() or with its device.
  void join();

 private:
  enum class Command : std::uint8_t { kRun, kDrain, kEnd };

  void command(Command command);
  void run();
  void run_until_ended();
  void begin_drain();
  void say_goodbye();

  Lane lane_;
  stack::lane::Loop loop_;
  stack::base::Duration shutdown_timeout_;
  backends::host::File wake_;  // Written by command() and ring(), waited for by the lane.
  backends::host::File done_;  // Written by the lane.
  std::atomic<Command> command_{Command::kRun};
  std::atomic<bool> woken_{false};  // wake_ has been written, and must be read before the lane can sleep again.
  std::atomic<bool> settling_{false};
  std::atomic<bool> link_up_{false};
  std::atomic<int> device_failure_{0};
  std::thread thread_;
};

}  // namespace windhover::server::main
