#pragma once
// An application that sends a known stream, checks the one it gets, and behaves as badly as its seed says.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "backends/impair/random.h"
#include "stack/tcp/app.h"

namespace windhover::sim {

/// The byte at `position` of the stream `key`.
std::uint8_t stream_byte(std::uint64_t key, std::uint64_t position);

/// How an application behaves.
struct Behaviour {
  std::uint64_t send_key = 0;
  std::uint64_t send_size = 0;
  std::uint64_t receive_key = 0;
  std::uint64_t abort_after = 0;  ///< Bytes received, then abort(); 0 for never.
  double pause_chance = 0;
  bool shutdown_waits = false;  ///< Our FIN only after the peer's.
};

/// Told what happens to an application, with its connection's time. Empty for silence.
using Trace = std::function<void(stack::base::Instant, const std::string& event)>;

/// One end of one connection. Owned by the world.
class Application final : public stack::tcp::Handler {
 public:
  Application(const Behaviour& behaviour, std::uint64_t seed, Trace trace)
      : behaviour_(behaviour), random_(seed), trace_(std::move(trace)) {}

  void on_established(stack::tcp::Connection& connection) override;
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection& connection) override;
  void on_peer_finished(stack::tcp::Connection& connection) override;
  void on_timer(stack::tcp::Connection& connection) override;
  void on_drained(stack::tcp::Connection& connection) override;
  void on_closed(stack::tcp::Connection& connection, stack::tcp::CloseReason reason) override;

  const Behaviour& behaviour() const { return behaviour_; }
  bool closed() const { return closed_; }
  stack::tcp::CloseReason reason() const { return reason_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t sent() const { return sent_; }
  bool peer_finished() const { return peer_finished_; }
  /// What the application saw that must never be; empty when all was well.
  const std::string& violation() const { return violation_; }

 private:
  void send_more(stack::tcp::Connection& connection);
  void finish_if_done(stack::tcp::Connection& connection);
  void violate(std::string text);
  void tell(const stack::tcp::Connection& connection, std::string_view event) const;

  Behaviour behaviour_;
  backends::impair::Random random_;
  Trace trace_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool established_ = false;
  bool peer_finished_ = false;
  bool shut_down_ = false;
  bool paused_ = false;
  bool closed_ = false;
  stack::tcp::CloseReason reason_{};
  std::string violation_;
};

}  // namespace windhover::sim
