#include "tests/script/application.h"

#include <utility>

namespace windhover::script {

using stack::base::Bytes;
using stack::tcp::Connection;

struct App::Pattern final : stack::base::Buffer {
  Pattern() : Buffer(octets, kPatternSize, [](Buffer*) noexcept {}) {
    for (std::size_t at = 0; at < kPatternSize; ++at) octets[at] = pattern_at(at);
  }
  std::uint8_t octets[kPatternSize];
};

App::App() {
  static Pattern pattern;
  pattern_ = stack::base::BufferRef(&pattern);
}

void App::on_established(Connection& connection_in) {
  late |= established || closed.has_value();
  connection = &connection_in;
  established = true;
}

void App::on_data(Connection& from, Bytes bytes) {
  late |= peer_finished || closed.has_value();
  for (const std::uint8_t byte : bytes) {
    if (byte != pattern_at(received) && !wrong_at) wrong_at = received;
    ++received;
  }
  if (wanted_ == 0) return;
  wanted_ -= std::min<std::uint64_t>(wanted_, bytes.size());
  if (wanted_ == 0) from.pause_reading();
}

void App::on_closed(Connection&, stack::tcp::CloseReason reason) {
  late |= closed.has_value();
  closed = reason;
  connection = nullptr;
}

std::uint64_t App::write(std::uint64_t size, bool shared) {
  std::uint64_t done = 0;
  while (done < size) {
    const std::size_t offset = (written_ + done) % kPatternSize;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size - done, kPatternSize - offset));
    const stack::base::Slice slice{pattern_, offset, count};
    const std::size_t taken = shared ? (connection->send(slice) ? count : 0) : connection->send(slice.bytes());
    done += taken;
    if (taken < count) break;
  }
  written_ += done;
  return done;
}

void App::read(std::uint64_t size) {
  wanted_ = size;
  if (size > 0) connection->resume_reading();
}

stack::tcp::Handler* Host::accept(Connection& connection) {
  if (declines) return nullptr;
  auto app = std::make_unique<App>();
  App* const made = app.get();
  made->connection = &connection;
  on_accept_(connection.info().remote, std::move(app));
  return made;
}

}  // namespace windhover::script
