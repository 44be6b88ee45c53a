#pragma once
// How connections begin: SYN to a listener, our own SYN, and both at once (RFC 9293 §3.5, §3.10.7.2, §3.10.7.3).

#include <optional>

#include "stack/tcp/input.h"
#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;
struct Listener;

/// A segment for a listening endpoint and no connection: answers a SYN, resets the rest. `previous_end` is where the
/// numbers of an earlier connection between the same endpoints ended, when its TIME-WAIT has just made room: ours begin
/// beyond (RFC 1122 §4.2.2.13).
Verdict arrives_at_listener(Engine& engine, Listener& listener, const Segment& segment,
                            const std::optional<wire::Seq>& previous_end);

/// A segment for a connection in SYN-SENT.
Verdict arrives_in_syn_sent(Engine& engine, Tcb& tcb, const Segment& segment);

/// SYN-RECEIVED got its acknowledgement: ESTABLISHED, and the application learns of it. False when it declined.
bool establish(Engine& engine, Tcb& tcb);

/// Our SYN to `remote`; nullptr when there is no route, slot or port.
Tcb* open_actively(Engine& engine, const Endpoint& remote, Handler& handler);

}  // namespace windhover::stack::tcp
