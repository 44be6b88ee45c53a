#pragma once
// The server's half of a transfer, as an application of the stack.

#include <cstdint>
#include <list>
#include <memory>

#include "stack/tcp/app.h"
#include "tests/live/programs/pattern.h"
#include "tests/live/programs/protocol.h"

namespace windhover::live {

/// Serves any number of connections, of which one at a time may put: there is one store. A client that says anything
/// else is reset. Thread: the lane's.
class TransferApplication final : public stack::tcp::Acceptor {
 public:
  /// Both must outlive this.
  TransferApplication(const Pattern& pattern, Store& store);
  ~TransferApplication();

  stack::tcp::Handler* accept(stack::tcp::Connection& connection) override;

 private:
  class Transfer;

  const Pattern& pattern_;
  Store& store_;
  Transfer* storing_ = nullptr;
  std::list<std::unique_ptr<Transfer>> transfers_;
};

}  // namespace windhover::live
