#pragma once
// Applications whose every byte tells where in its stream it belongs, and what must hold of their connections.

#include <cstdint>
#include <string_view>

#include "stack/tcp/app.h"

namespace windhover::fuzz {

/// The byte at place `at` of every stream. The period is a prime, so that no size that a stack works in is a multiple.
constexpr std::uint8_t pattern(std::uint64_t at) { return static_cast<std::uint8_t>(at % 251); }

/// What an application may be told to do.
enum class Verb : std::uint8_t {
  kSend,
  kSendSlice,
  kShutdown,
  kClose,
  kAbort,
  kPause,
  kResume,
  kCork,
  kUncork,
  kUserTimeout,
  kTimer,
};
inline constexpr std::uint8_t kVerbCount = 11;

/// One side of one connection. Everything that breaks the contract is a failed CHECK.
class App final : public stack::tcp::Handler {
 public:
  /// `from_start`: the first byte that arrives is known to be the first of its stream. Otherwise its value says where
  /// the stream begins, and only what follows is checked.
  explicit App(bool from_start) : placed_(from_start) {}

  void on_established(stack::tcp::Connection& connection) override;
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection&) override { check_open(); }
  void on_peer_finished(stack::tcp::Connection&) override;
  void on_timer(stack::tcp::Connection&) override;
  void on_drained(stack::tcp::Connection&) override { check_open(); }
  void on_closed(stack::tcp::Connection& connection, stack::tcp::CloseReason why) override;

  /// Before the handshake is done, of a connection that we open.
  void begin(stack::tcp::Connection* connection) { connection_ = connection; }
  void act(Verb verb, std::uint32_t amount);
  /// What a look from outside shows: figures that fit each other, and a state that may follow the one before.
  void inspect();

  stack::tcp::Connection* connection() const { return connection_; }
  bool open() const { return connection_ != nullptr; }
  bool established() const { return established_ && open(); }
  bool closed() const { return closed_; }
  bool peer_finished() const { return peer_finished_; }
  stack::tcp::CloseReason reason() const { return reason_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }

 private:
  void check_open() const;

  stack::tcp::Connection* connection_ = nullptr;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t place_ = 0;  // Of the next byte, modulo the period.
  std::string_view state_;
  stack::tcp::CloseReason reason_{};
  bool placed_;
  bool established_ = false;
  bool shut_down_ = false;
  bool left_ = false;  // close() was called: nothing but the end may come.
  bool peer_finished_ = false;
  bool closed_ = false;
};

}  // namespace windhover::fuzz
