#pragma once
// A peer that is played by hand: it knows what the stack has said last, and builds segments that are near to right.

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/wire/address.h"
#include "stack/wire/tcp.h"
#include "tests/fuzz/sequence_app.h"

namespace windhover::fuzz {

using Octets = std::vector<std::uint8_t>;

/// The input, byte by byte; zeros when it is used up.
class Input {
 public:
  explicit Input(stack::base::Bytes bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }

 private:
  stack::base::Bytes rest_;
};

/// An IP packet of the flow from `from` to `to` around `segment`, whose checksum is computed.
Octets packet(const stack::tcp::Endpoint& from, const stack::tcp::Endpoint& to, Octets segment);

/// One pair of endpoints, and the connections between them one after another.
class Flow {
 public:
  Flow(const stack::tcp::Endpoint& stack_end, const stack::tcp::Endpoint& peer_end, std::uint32_t peer_isn)
      : stack_end_(stack_end), peer_end_(peer_end), peer_isn_(peer_isn), expected_(peer_isn) {}

  bool is_between(const stack::tcp::Endpoint& stack_end, const stack::tcp::Endpoint& peer_end) const {
    return stack_end == stack_end_ && peer_end == peer_end_;
  }
  const stack::tcp::Endpoint& stack_end() const { return stack_end_; }
  const stack::tcp::Endpoint& peer_end() const { return peer_end_; }

  /// A segment as the input describes it, with a payload that continues the peer's stream at whatever number it has.
  Octets build(Input& input, stack::base::Instant now);
  /// An ICMP error about the segment that the stack sent last; nothing before there was one, and none for IPv6.
  std::optional<Octets> build_error(Input& input) const;

  /// The stack has sent this. Checks what can be: checksum, options, payload, and that its window never shrinks.
  void hear(stack::base::Bytes packet, const stack::wire::TcpView& segment);

  /// The application's side of the newest connection, as long as there is one.
  void attach(App* app);
  App* app() const { return app_; }

 private:
  void check_window(const stack::wire::TcpView& segment);
  void check_payload(const stack::wire::TcpView& segment);

  stack::tcp::Endpoint stack_end_;
  stack::tcp::Endpoint peer_end_;
  std::uint32_t peer_isn_;
  std::uint32_t expected_;          // The stack's latest acknowledgement.
  std::uint32_t acknowledged_ = 0;  // What the peer acknowledged last.
  std::uint32_t sent_end_ = 0;      // Where what the stack has sent ends.
  std::uint32_t ts_echo_ = 0;       // The stack's latest timestamp.
  std::uint32_t incarnation_ = 0;
  Octets last_;                                // The stack's latest packet.
  std::optional<std::uint32_t> window_edge_;   // Of the connection that there is,
  std::optional<std::uint32_t> stream_begin_;  // and the number of its first byte.
  App* app_ = nullptr;
};

}  // namespace windhover::fuzz
