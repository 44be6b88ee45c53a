#pragma once
// What an acknowledgement releases: queue, flight, window (RFC 9293 §3.10.7.4, fifth check).

#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// Takes the ACK, SACK and window of an acceptable segment and tells the application what it makes possible. The
/// connection may be closed when this returns. Precondition: SEG.ACK is not beyond snd_nxt.
void process_ack(Engine& engine, Tcb& tcb, const Segment& segment);

}  // namespace windhover::stack::tcp
