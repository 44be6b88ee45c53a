#pragma once
// Segments on their way in, after the handshake's first half: the checks of RFC 9293 §3.10.7.4 in their order.

#include <optional>

#include "stack/base/counters.h"
#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// What became of a received segment: nothing to say (it was used), or the name it was dropped under.
using Verdict = std::optional<base::Drop>;
inline constexpr Verdict kAccepted = std::nullopt;

/// A segment for a connection in SYN-RECEIVED or a synchronized state.
Verdict arrives(Engine& engine, Tcb& tcb, const Segment& segment);

/// Hands kept bytes, and the peer's FIN behind them, to an application that reads (again).
void deliver_stored(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
