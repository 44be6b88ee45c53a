#pragma once
// Connections that a peer opens: its SYN, our SYN-ACK, and the acknowledgement that makes a connection of them
// (RFC 9293 §3.10.7.2 and, for SYN-RECEIVED, §3.10.7.4; RFC 4987).
//
// Until that acknowledgement nothing but a SYN object is kept, or with a SYN cookie nothing at all. Where there is no
// slot for the connection then, or no Activity for a connection that is new, the acknowledgement is dropped as if lost
// on the way: the SYN object stays, its SYN-ACK is sent again, and a later acknowledgement finds room.

#include <cstdint>

#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

struct Engine;
struct Listener;
struct SynObject;
struct TimeWait;

/// A segment for a listening endpoint and no connection: answers a SYN, takes the acknowledgement of a cookie, resets
/// the rest. `hash` is the flow's. `previous` is the TIME-WAIT that lets this SYN reuse its endpoints, else nullptr: it
/// goes when the SYN is taken, and our numbers begin beyond its own (RFC 1122 §4.2.2.13).
Verdict arrives_at_listener(Engine& engine, Listener& listener, std::uint64_t hash, const Segment& segment,
                            TimeWait* previous);

/// A segment for a half-open connection.
Verdict arrives_half_open(Engine& engine, SynObject& object, const Segment& segment);

/// Sends again the SYN-ACKs whose time has come, and gives up what was repeated often enough: at most a burst, and only
/// as the transmit queue has room. What is left comes with the next call.
void retransmit_syn_acks(Engine& engine);

/// Forgets the half-open connections of a listener that ends.
void forget_half_open(Engine& engine, const Listener& listener);

}  // namespace windhover::stack::tcp
