#pragma once
// Answers on their way into a connection's send queue, and whether the peer takes them.

#include <cstddef>
#include <cstdint>

#include "server/http/buffer_pool.h"
#include "server/http/limits.h"
#include "stack/base/buffer.h"
#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/tcp/app.h"

namespace windhover::server::http {

/// One connection's output. What the send queue has no room for waits here: at most some bytes in a buffer of the pool,
/// then at most one slice. Thread: the connection's lane. Its owner gives the buffer back with discard() before it
/// dies.
class Output {
 public:
  /// Sends bytes, or keeps what was not taken. False when the pool has no buffer for that. Precondition: no slice
  /// waits.
  [[nodiscard]] bool send(stack::tcp::Connection& connection, BufferPool& pool, stack::base::Bytes bytes);
  /// Sends a head and then a slice, as if they were one. False as above.
  [[nodiscard]] bool send(stack::tcp::Connection& connection, BufferPool& pool, stack::base::Bytes head,
                          stack::base::Slice slice);

  /// Tries again with what waits; true when nothing is left.
  bool flush(stack::tcp::Connection& connection, BufferPool& pool);
  bool waiting() const { return rest_ != nullptr || slice_.size > 0; }
  void discard(BufferPool& pool);

  /// True while a byte of ours waits here or is unacknowledged.
  bool outstanding(const stack::tcp::Connection& connection) const {
    return waiting() || connection.unacknowledged() > 0;
  }

  /// Judges the peer's speed; to be called when `next_check()` has come, while something is outstanding. False when
  /// over the last interval (rate.grace) the peer acknowledged less than the rate asks for, of what it could have.
  [[nodiscard]] bool keeps_up(const stack::tcp::Connection& connection, const DataRate& rate, stack::base::Instant now);
  stack::base::Instant next_check() const { return next_check_; }
  /// Nothing is outstanding: the next output is judged afresh.
  void reset_check() { watching_ = false; }

 private:
  PooledBuffer* rest_ = nullptr;
  stack::base::Slice slice_;
  std::uint64_t queued_ = 0;       // Bytes that the send queue has taken since the connection began.
  std::uint64_t queued_mark_ = 0;  // queued_ and what of it was acknowledged, at the last check.
  std::uint64_t acked_mark_ = 0;
  stack::base::Instant next_check_{};
  bool watching_ = false;  // The marks are of the interval before this moment.
};

}  // namespace windhover::server::http
