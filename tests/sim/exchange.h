#pragma once
// Short HTTP exchanges beside the streams: the real HTTP server on one side, a client that checks every byte on the
// other.

#include <cstdint>
#include <string>

#include "backends/impair/random.h"
#include "server/http/responder.h"
#include "stack/tcp/app.h"

namespace windhover::sim {

/// Answers /KEY/SIZE with the first SIZE bytes of the stream KEY.
class Library final : public server::http::Responder {
 public:
  void respond(const server::http::Request& request, server::http::Response& response) override;
};

/// Asks for one text after the other on one connection, sometimes for several at once, and finishes. Owned by the
/// world.
class Reader final : public stack::tcp::Handler {
 public:
  Reader(std::uint32_t requests, std::uint64_t seed) : left_(requests), random_(seed) {}

  void on_established(stack::tcp::Connection& connection) override { ask(connection); }
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection& connection) override { ask(connection); }
  void on_peer_finished(stack::tcp::Connection& connection) override;
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection&, stack::tcp::CloseReason reason) override;

  bool closed() const { return closed_; }
  /// It got all that it asked for, and the connection ended well.
  bool finished() const { return finished_; }
  std::uint64_t answers() const { return answers_; }
  std::uint64_t bytes() const { return bytes_; }
  /// What must never be seen; empty when all was well.
  const std::string& violation() const { return violation_; }

 private:
  /// A text that was asked for.
  struct Text {
    std::uint64_t key = 0;
    std::uint64_t size = 0;
  };
  static constexpr std::uint32_t kPipelineMax = 4;

  void ask(stack::tcp::Connection& connection);
  /// Takes one byte of a head or of a body. False: something is wrong with it.
  bool take(std::uint8_t byte);
  bool take_head_end();
  void end_text();

  std::uint32_t left_;
  backends::impair::Random random_;
  Text asked_[kPipelineMax];  // The oldest first.
  std::uint32_t asked_count_ = 0;
  std::string unsent_;
  std::string head_;
  bool in_body_ = false;
  std::uint64_t position_ = 0;  // In the body.
  std::uint64_t answers_ = 0;
  std::uint64_t bytes_ = 0;
  bool closed_ = false;
  bool finished_ = false;
  std::string violation_;
};

}  // namespace windhover::sim
