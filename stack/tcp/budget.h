#pragma once
// What the connections of a lane may use together, how hard that presses, and who gives way first.
//
// The parts are taken whole at start: blocks and entries of send queues, records of what is in flight, blocks of
// received data that waits. None can grow, so no peer and no number of peers can make the lane take more. What is used
// is compared with what there is once a turn, by the fullest part, with the thresholds of Linux's tcp_mem:
//
//   pressure  begins         ends        what is given up then, besides what the line above gives up
//   none                                 nothing: windows and send buffers grow as transfers need it (tune.h)
//   high      at 2/3         below 1/2   1. Receive windows stop growing.
//                                        2. Send buffers are Config::send_buffer_initial each, and no more.
//   tight     at 7/8         below 2/3   3. New connections: a SYN is dropped (kTcpMemoryShort); the peer tries again.
//                                        4. Send buffers are kSendSpaceMin each.
//                                        5. A window does not open again while its connection has unread bytes.
//   a part is used up                    6. Out-of-order bytes, the farthest from delivery first (receive_store.h).
//                                        7. Bytes that arrive: they are dropped and the peer sends them again.
//                                        8. Bytes to send: the application is told that there is no room.
//
// Never given up: bytes that were acknowledged, bytes that were taken from the application, and the progress of a
// connection that reads what is next (it needs no memory). Bytes that are queued already stay when a send buffer
// shrinks, and an announced window is honoured; both drain. Half-open connections have a bound of their own, beyond
// which SYNs are answered with cookies (syn_table.h), and so have TIME-WAITs, of which the oldest ends early.

#include <cstdint>
#include <span>

namespace windhover::stack::tcp {

enum class Pressure : std::uint8_t { kNone, kHigh, kTight };

/// Thread: one lane.
class Budget {
 public:
  /// One kind of memory. Precondition: capacity > 0.
  struct Part {
    std::uint32_t used = 0;
    std::uint32_t capacity = 1;
  };

  /// Takes today's figures; true when the pressure has risen.
  bool update(std::span<const Part> parts);

  Pressure pressure() const { return pressure_; }

 private:
  Pressure pressure_ = Pressure::kNone;
};

}  // namespace windhover::stack::tcp
