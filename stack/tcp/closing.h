#pragma once
// The end of a connection at our wish: close(), and RST.

#include "stack/base/time.h"
#include "stack/tcp/app.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// RST to the peer, unless it has not answered our SYN yet, and the end. Precondition: not closed.
void reset(Engine& engine, Tcb& tcb, CloseReason reason);

/// Connection::close(). Precondition: neither closed nor closing.
void begin_close(Engine& engine, Tcb& tcb, base::Duration linger);

/// The peer has acknowledged our FIN and owes its own: after close() it has Config::fin_wait_2 for that.
void await_peers_fin(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
