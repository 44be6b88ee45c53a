#pragma once
// Writing to the flight recorder. Inline where every segment passes; an event costs some twenty instructions.

#include "stack/tcp/engine.h"
#include "stack/tcp/recorder.h"
#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

/// TapeEvent's eight bits. Of a segment: kSegment, kOut, and the flags without ACK, which is always set, and URG, which
/// means nothing here. Else the FlightEventKind.
inline constexpr std::uint32_t kTapeSegment = 0x80;
inline constexpr std::uint32_t kTapeOut = 0x40;

/// Flags as six bits: FIN, SYN, RST, PSH, ECE, CWR.
constexpr std::uint32_t pack_flags(wire::TcpFlags flags) { return (flags.bits & 0x0fU) | (flags.bits >> 2 & 0x30U); }
constexpr wire::TcpFlags unpack_flags(std::uint32_t packed) {
  return {static_cast<std::uint8_t>((packed & 0x0f) | (packed & 0x30) << 2)};
}

inline void write_event(Engine& engine, Tcb& tcb, std::uint32_t what, TapeEvent event) {
  if (tcb.tape_at == nullptr && !engine.recorder.begin(tcb)) return;
  const auto ticks = static_cast<std::uint32_t>(engine.now.time_since_epoch().count() >> TapeEvent::kTickShift);
  event.stamp = what << 24 | (ticks & TapeEvent::kTickMask);
  *tcb.tape_at = event;
  tcb.tape_at = Recorder::after(tcb.tape_at);
}

/// A segment has come in, before anything is done about it or noted of it.
inline void record_arrival(Engine& engine, Tcb& tcb, const Segment& segment) {
  if (engine.now - tcb.last_received > kRecorderQuiet && tcb.tape_at != nullptr) engine.recorder.rewind(tcb);
  write_event(engine, tcb, kTapeSegment | pack_flags(segment.flags),
              {segment.seq.value(), segment.ack.value(), static_cast<std::uint16_t>(segment.payload.size()),
               segment.window, 0});
}

/// A segment goes out.
inline void record_departure(Engine& engine, Tcb& tcb, const wire::TcpHeader& header, std::uint32_t length) {
  write_event(engine, tcb, kTapeSegment | kTapeOut | pack_flags(header.flags),
              {header.seq.value(), header.ack.value(), static_cast<std::uint16_t>(length), header.window, 0});
}

/// Something else has happened.
inline void record(Engine& engine, Tcb& tcb, FlightEventKind kind, std::uint32_t first, std::uint32_t second = 0) {
  write_event(engine, tcb, static_cast<std::uint32_t>(kind), {first, second, 0, 0, 0});
}

inline void record_state(Engine& engine, Tcb& tcb) {
  record(engine, tcb, FlightEventKind::kState, static_cast<std::uint32_t>(tcb.state));
}

}  // namespace windhover::stack::tcp
