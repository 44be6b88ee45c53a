#pragma once
// Congestion window validation (RFC 7661, and RFC 2861 as Linux has it): a window that the application does not fill
// says nothing about the path. Such a window does not grow, and shrinks towards what is used.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/flight.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// How one connection uses its congestion window. Sizes in bytes.
struct WindowUse {
  wire::Seq round_end{};         ///< `flight_max` and `limited` are of the window that ends here.
  std::uint32_t flight_max = 0;  ///< The most that was outstanding.
  std::uint32_t used = 0;        ///< The same since `since`.
  base::Instant since{};         ///< When the window was last filled, or cut for not having been.
  bool limited = false;          ///< cwnd held something back.
};

/// Output has sent what it may; `held_back` by cwnd, with more to send.
void note_window_use(Engine& engine, Tcb& tcb, bool held_back);

/// New data was acknowledged outside fast recovery, `advanced` sequence numbers: the window grows if it was in use.
void window_acknowledged(Engine& engine, Tcb& tcb, const FlightAck& ack, std::uint32_t advanced);

/// Loss was detected with `flight` bytes outstanding: ssthresh falls, unless a mark has lowered it for the same window
/// (RFC 3168 §6.1.2). The caller moves cwnd.
void window_lost(Tcb& tcb, std::uint32_t flight);

/// The first timeout of what is outstanding: ssthresh falls, cwnd is one segment.
void window_timed_out(Tcb& tcb, std::uint32_t flight);

}  // namespace windhover::stack::tcp
