#pragma once
// Segments on their way in, after the handshake's first half: the checks of RFC 9293 §3.10.7.4 in their order.

#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// A segment for a connection in SYN-RECEIVED or a synchronized state.
Verdict arrives(Engine& engine, Tcb& tcb, const Segment& segment);

/// Hands kept bytes, and the peer's FIN behind them, to an application that reads (again).
void deliver_stored(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
