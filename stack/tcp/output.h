#pragma once
// Segments on their way out: what may be sent now, and how a frame is built for it.

#include <cstdint>
#include <optional>

#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// Sends what the windows allow for this connection, at most a turn's worth of frames, and an acknowledgement if one is
/// due. Returns true when there is more to send and only the turn has ended. Precondition: it is awake.
bool output(Engine& engine, Tcb& tcb);

/// A segment without payload at once, outside output()'s turn: an acknowledgement, a probe (`seq` before snd_una), RST.
/// From a connection that sleeps too.
void send_control(Engine& engine, Tcb& tcb, wire::Seq seq, wire::TcpFlags flags);

/// The most payload of one frame: a segment, or as many whole segments as a super-frame may hold.
std::uint32_t frame_payload_max(const Engine& engine, const Tcb& tcb);

/// SYN or SYN-ACK, first or again.
void send_syn(Engine& engine, Tcb& tcb);

/// RST in answer to a segment that belongs to no connection (RFC 9293 §3.10.7.1). Nothing for a RST.
void send_reset(Engine& engine, const Segment& segment);

/// An acknowledgement for a TIME-WAIT, a SYN-ACK, a reset: what has no Tcb to say where it goes.
struct BareSegment {
  Endpoint local;
  Endpoint remote;
  wire::MacAddress heard_from;  ///< The link source of the segment that it answers.
  wire::Seq seq{};
  wire::Seq ack{};
  wire::TcpFlags flags;
  std::uint16_t window = 0;  ///< As on the wire.
  wire::TcpOptions options{};
};
void send_bare(Engine& engine, const BareSegment& segment);

/// Sends a record of one segment again, for the probe timer. Returns false when it has not even left yet, or no frame
/// was free.
bool resend(Engine& engine, Tcb& tcb, struct FlightRecord& record);

/// Sends one segment of new data whatever the congestion window says, if there is any and the peer's window has room
/// (tail loss probe).
bool send_probe_data(Engine& engine, Tcb& tcb);

/// The millisecond clock of RFC 7323 for a connection.
std::uint32_t timestamp(const Engine& engine, std::uint32_t offset);

/// What we announce as the receive window: never less than before (RFC 9293 §3.8.6).
std::uint32_t announce_window(Engine& engine, Tcb& tcb);

}  // namespace windhover::stack::tcp
