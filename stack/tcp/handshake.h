#pragma once
// How connections begin with a SYN of ours, a peer's at the same time included, and how all of them come to be
// established (RFC 9293 §3.5, §3.10.7.3). What peers open alone is in passive_open.h.

#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// A segment for a connection in SYN-SENT.
Verdict arrives_in_syn_sent(Engine& engine, Tcb& tcb, const Segment& segment);

/// SYN-SENT or SYN-RECEIVED got its acknowledgement: ESTABLISHED, and the application learns of it. False when it
/// declined.
bool establish(Engine& engine, Tcb& tcb);

/// Our SYN to `remote`; nullptr when there is no route, slot or port.
Tcb* open_actively(Engine& engine, const Endpoint& remote, Handler& handler);

}  // namespace windhover::stack::tcp
