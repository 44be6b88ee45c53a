#pragma once
// An echo application (RFC 862) and its client.

#include <algorithm>
#include <array>
#include <optional>

#include "stack/udp/udp.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {

inline constexpr std::uint16_t kEchoPort = 7;

/// Sends back what comes, until the device pushes back.
class Echo final : public udp::Receiver {
 public:
  explicit Echo(const TwoStacks& both) : both_(both) {}
  void on_datagram(udp::Socket& socket, const udp::Datagram& datagram) override {
    ++outcomes[static_cast<std::size_t>(socket.reply(both_.now, datagram, datagram.payload))];
  }
  std::array<std::size_t, 5> outcomes{};

 private:
  const TwoStacks& both_;
};

/// Asks again with every answer, each a byte longer than the last.
class AskingEcho final : public udp::Receiver {
 public:
  AskingEcho(const TwoStacks& both, const udp::Endpoint& server) : both_(both), server_(server) {
    for (std::size_t at = 0; at < question_.size(); ++at) question_[at] = byte_at(at);
  }
  void ask(udp::Socket& socket) {
    const std::size_t most = socket.payload_max(server_.address);
    size_ = size_ == most ? 0 : size_ + 1;
    outcome = socket.send(both_.now, server_, base::Bytes(question_).first(size_));
  }
  void on_datagram(udp::Socket& socket, const udp::Datagram& datagram) override {
    intact &= datagram.source == server_ && datagram.payload.size() == size_ &&
              std::equal(datagram.payload.begin(), datagram.payload.end(), question_.begin());
    if (++answers < kQuestions) ask(socket);
  }
  void on_error(udp::Socket&, const udp::Error& error) override { refused = error.kind; }

  static constexpr std::size_t kQuestions = 3000;
  udp::Sent outcome{};
  std::size_t answers = 0;
  bool intact = true;
  std::optional<ip::TransportError::Kind> refused;

 private:
  const TwoStacks& both_;
  udp::Endpoint server_;
  std::size_t size_ = 0;
  std::array<std::uint8_t, 2048> question_{};
};

}  // namespace windhover::stack::lane::test
