#pragma once
// How large a connection's receive window and send buffer are now: as large as its transfer needs, within the
// configuration and the lane's budget.
//
// Receiving: dynamic right-sizing (Fisk and Feng, and Linux). A connection begins with Config::receive_window_initial.
// Whenever its application has read half a window within one round trip, the window is what limits the peer, or soon
// will be, and doubles, up to Config::receive_window. So it is at least twice what is read in a round trip, which
// leaves a peer in slow start room, and about four times at most. It never shrinks below what was announced.
//
// Sending: copied bytes may be twice the congestion window, so that a whole window waits while another is in flight,
// between Config::send_buffer_initial and Config::send_buffer. Shared buffers are sent by reference and do not count.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

class Tcb;
struct Config;
struct Engine;
struct Segment;

/// Copied bytes that a connection may have queued however tight memory is (as Linux's tcp_wmem[0]).
inline constexpr std::uint32_t kSendSpaceMin = 4096;

/// A measurement under way, of one connection. What comes of it is Tcb::rcv_space and Tcb::rcv_rtt.
struct ReceiveTuning {
  wire::Seq measured{};         ///< rcv_read when it began,
  base::Instant since{};        ///< and when that was.
  wire::Seq round_end{};        ///< With nothing else to measure by: a peer that gets here has seen what was announced
  base::Instant round_since{};  ///< at this time, a round trip ago or longer.
};

/// The window that a SYN or SYN-ACK announces, which is never scaled (RFC 7323 §2.2).
std::uint16_t first_window(const Config& config);

/// The peer's SYN is known: where its data begins, and how far our window can be scaled.
void begin_tuning(Engine& engine, Tcb& tcb);
/// A measurement begins with what has been read until now.
void restart_tuning(const Engine& engine, const Tcb& tcb, ReceiveTuning& tuning);

/// Bytes were read while `segment` arrived; call when tuning_due().
void tune_receive(Engine& engine, Tcb& tcb, const Segment& segment);
/// Half a window has been read since the last measurement.
bool tuning_due(const Tcb& tcb);

/// What the window may be cut from now.
std::uint32_t receive_space(const Engine& engine, const Tcb& tcb);

/// Copied bytes that the connection may have queued now.
std::uint32_t send_space(const Engine& engine, const Tcb& tcb);

}  // namespace windhover::stack::tcp
