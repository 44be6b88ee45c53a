#include "server/http/output.h"

#include <utility>

#include "stack/base/check.h"

namespace windhover::server::http {

using stack::base::Bytes;
using stack::base::Slice;
using stack::tcp::Connection;

bool Output::send(Connection& connection, BufferPool& pool, Bytes bytes) {
  CHECK(slice_.size == 0);
  if (rest_ == nullptr) {
    const std::size_t taken = connection.send(bytes);
    queued_ += taken;
    if (taken == bytes.size()) return true;
    bytes = bytes.subspan(taken);
    rest_ = pool.take(bytes.size());
  }
  if (rest_ == nullptr || rest_->room() < bytes.size()) return false;
  rest_->append(bytes);
  return true;
}

bool Output::send(Connection& connection, BufferPool& pool, Bytes head, Slice slice) {
  connection.cork(true);
  const std::size_t size = slice.size;
  const bool sent = send(connection, pool, head);
  if (sent && rest_ == nullptr && connection.send(slice)) {
    queued_ += size;
  } else if (sent) {
    slice_ = std::move(slice);
  }
  connection.cork(false);
  return sent;
}

bool Output::flush(Connection& connection, BufferPool& pool) {
  if (rest_ != nullptr) {
    const std::size_t taken = connection.send(rest_->bytes());
    queued_ += taken;
    rest_->begin += static_cast<std::uint32_t>(taken);
    if (rest_->begin < rest_->end) return false;
    pool.give(std::exchange(rest_, nullptr));
  }
  if (slice_.size > 0) {
    if (!connection.send(slice_)) return false;
    queued_ += slice_.size;
    slice_ = {};
  }
  return true;
}

void Output::discard(BufferPool& pool) {
  pool.give(std::exchange(rest_, nullptr));
  slice_ = {};
}

bool Output::keeps_up(const Connection& connection, const DataRate& rate, stack::base::Instant now) {
  const std::uint64_t acked = queued_ - connection.unacknowledged();
  const auto seconds = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(rate.grace).count());
  const std::uint64_t demanded = rate.bytes_per_second * seconds;
  if (watching_ && acked < queued_mark_ && acked - acked_mark_ < demanded) return false;
  watching_ = true;
  acked_mark_ = acked;
  queued_mark_ = queued_;
  next_check_ = now + rate.grace;
  return true;
}

}  // namespace windhover::server::http
