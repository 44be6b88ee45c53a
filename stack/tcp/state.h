#pragma once
// The states of a connection (RFC 9293 §3.3.2).

#include <cstdint>
#include <string_view>

namespace windhover::stack::tcp {

/// LISTEN is a Listener and TIME-WAIT a small object of its own, so neither is a state of a Tcb.
enum class State : std::uint8_t {
  kClosed,
  kSynSent,
  kSynReceived,
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
};

/// RFC 9293's spelling, such as "SYN-SENT".
std::string_view name(State state);

/// The peer may still send data: ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2.
constexpr bool receives_data(State state) {
  return state == State::kEstablished || state == State::kFinWait1 || state == State::kFinWait2;
}

/// We may still queue data: SYN-SENT, SYN-RECEIVED, ESTABLISHED, CLOSE-WAIT.
constexpr bool accepts_send(State state) {
  return state == State::kSynSent || state == State::kSynReceived || state == State::kEstablished ||
         state == State::kCloseWait;
}

/// The handshake is over and the connection still has a Tcb.
constexpr bool is_synchronized(State state) { return state >= State::kEstablished; }

}  // namespace windhover::stack::tcp
