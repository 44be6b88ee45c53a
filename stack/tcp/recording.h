#pragma once
// What the flight recorder tells: the last events of one connection, decoded.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "stack/base/time.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

/// Events other than segments: identifier, name, and what `first` and `second` are then (empty: nothing).
#define WINDHOVER_FLIGHT_EVENTS(X)                                                             \
  X(kState, "state", "", "")                        /* `first` is a State; printed by name. */ \
  X(kTimeout, "timeout", "outstanding", "earlier")  /* RFC 6298; how many came before it. */   \
  X(kProbe, "probe", "outstanding", "")             /* A tail loss probe is due (RFC 8985). */ \
  X(kLost, "lost", "bytes", "pipe")                 /* Marked as lost; still under way. */     \
  X(kRecovery, "recovery", "cwnd", "ssthresh")      /* Repairing begins, */                    \
  X(kRecovered, "recovered", "cwnd", "ssthresh")    /* and ends. */                            \
  X(kUndone, "undone", "cwnd", "ssthresh")          /* The repair was not needed. */           \
  X(kReduced, "reduced", "cwnd", "ssthresh")        /* cwnd falls for another reason. */       \
  X(kZeroWindow, "window shut", "probes", "window") /* A probe of the peer's window is due. */ \
  X(kClosed, "closed", "", "")                      /* `first` is a CloseReason. */

enum class FlightEventKind : std::uint8_t {
  kSegmentIn,
  kSegmentOut,
#define X(identifier, name, first, second) identifier,
  WINDHOVER_FLIGHT_EVENTS(X)
#undef X
};

/// One event. Of a segment: `first` and `second` are SEG.SEQ and SEG.ACK, each counted from the initial number of its
/// side, a super-frame is one segment, and the window is as on the wire. Of others: as the table above says.
struct FlightEvent {
  base::Instant at{};  ///< To 16 microseconds.
  FlightEventKind kind{};
  wire::TcpFlags flags{};
  std::uint16_t length = 0;
  std::uint16_t window = 0;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
};

/// One line without its end, times counted from `start`: "+0.001234 < P 1:101 ack 1 win 502".
std::string to_string(const FlightEvent& event, base::Instant start);

/// The last events of one connection, oldest first.
struct Recording {
  static constexpr std::size_t kEventsMax = 64;

  std::array<FlightEvent, kEventsMax> events{};
  std::size_t count = 0;

  std::span<const FlightEvent> all() const { return {events.data(), count}; }
};

/// A line for each event, times counted from the first.
std::string to_string(const Recording& recording);

}  // namespace windhover::stack::tcp
