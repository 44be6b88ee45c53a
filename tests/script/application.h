#pragma once
// The application of a script: writes patterned bytes, checks the pattern of what it reads, and remembers what
// happened.
//
// Thread: one. An App must outlive its connection's end, so the runner keeps all of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "stack/base/buffer.h"
#include "stack/tcp/app.h"

namespace windhover::script {

/// Streams repeat after so many bytes: a prime number of times the size of no segment.
inline constexpr std::size_t kPatternSize = 251 * 257;

/// The byte at `offset` of every stream, both directions.
inline std::uint8_t pattern_at(std::uint64_t offset) {
  const std::uint64_t at = offset % kPatternSize;
  return static_cast<std::uint8_t>(at * 31 + at / 251);
}

class App final : public stack::tcp::Handler {
 public:
  App();

  void on_established(stack::tcp::Connection& connection_in) override;
  void on_data(stack::tcp::Connection& from, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection&) override { ++sendable; }
  void on_peer_finished(stack::tcp::Connection&) override { peer_finished = true; }
  void on_timer(stack::tcp::Connection&) override {}
  void on_drained(stack::tcp::Connection&) override { ++drained; }
  void on_closed(stack::tcp::Connection&, stack::tcp::CloseReason reason) override;

  /// Writes the next `size` bytes of its stream and returns how many were taken. Precondition: `connection`.
  std::uint64_t write(std::uint64_t size, bool shared);
  /// Reads until `size` more bytes have come, then pauses. Precondition: `connection`.
  void read(std::uint64_t size);

  stack::tcp::Connection* connection = nullptr;  ///< Until on_closed().
  std::uint64_t received = 0;
  std::optional<std::uint64_t> wrong_at;  ///< The first byte that was not the pattern's.
  bool established = false;
  bool peer_finished = false;
  bool late = false;  ///< An event came after on_closed(), or data after on_peer_finished().
  int drained = 0;
  int sendable = 0;
  std::optional<stack::tcp::CloseReason> closed;

 private:
  struct Pattern;

  stack::base::BufferRef pattern_;
  std::uint64_t written_ = 0;
  std::uint64_t wanted_ = 0;  // Bytes until a read is complete; 0 when none is under way.
};

/// Makes an App for each connection, or declines.
class Host final : public stack::tcp::Acceptor {
 public:
  /// `on_accept` is told of each new App before it learns of anything.
  explicit Host(std::function<void(const stack::tcp::Endpoint& remote, std::unique_ptr<App>)> on_accept)
      : on_accept_(std::move(on_accept)) {}

  stack::tcp::Handler* accept(stack::tcp::Connection& connection) override;

  bool declines = false;

 private:
  std::function<void(const stack::tcp::Endpoint& remote, std::unique_ptr<App>)> on_accept_;
};

}  // namespace windhover::script
