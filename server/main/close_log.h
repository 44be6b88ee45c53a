#pragma once
// Tells of connections that ended badly, each with its last events, at level debug.

#include <memory>
#include <vector>

#include "server/observe/close_queue.h"

namespace windhover::server::main {

/// Outlives the lanes. Thread: the owner's, but for the observers, each of which is one lane's.
class CloseLog {
 public:
  /// Whom one lane more is to tell; nullptr, and no memory is taken, unless the log says what is at level debug.
  stack::tcp::CloseObserver* add_lane();

  /// For how long the owner may do something else before print(): poll()'s milliseconds, -1 for ever.
  int pause_milliseconds() const { return queues_.empty() ? -1 : kPauseMilliseconds; }

  /// Writes what has come, as far as the log takes it without waiting, and how many were not to be kept.
  void print();

 private:
  static constexpr int kPauseMilliseconds = 100;

  std::vector<std::unique_ptr<observe::CloseQueue>> queues_;
};

}  // namespace windhover::server::main
