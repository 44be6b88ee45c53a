#pragma once
// Tells of connections that ended badly, each with its last events, at level debug.

#include <memory>
#include <vector>

#include "server/observe/close_queue.h"

namespace windhover::server::main {

/// Made before the lanes, and outlives them. Thread: the owner's, but for the observers, each of which is one lane's.
class CloseLog {
 public:
  /// Takes nothing, and has nobody told, unless the log says what is at level debug.
  explicit CloseLog(std::size_t lanes);

  /// Whom lane `index` tells; nullptr when it need not.
  stack::tcp::CloseObserver* observer(std::size_t index) { return queues_.empty() ? nullptr : queues_[index].get(); }

  /// For how long the owner may do something else before print(): poll()'s milliseconds, -1 for ever.
  int pause_milliseconds() const { return queues_.empty() ? -1 : kPauseMilliseconds; }

  /// Writes what has come, as far as the log takes it without waiting, and how many were not to be kept.
  void print();

 private:
  static constexpr int kPauseMilliseconds = 100;

  std::vector<std::unique_ptr<observe::CloseQueue>> queues_;
};

}  // namespace windhover::server::main
