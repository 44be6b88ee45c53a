#pragma once
// Explicit congestion notification of one connection (RFC 3168): a router that would drop marks instead.
//
// As receiver we say ECE from a packet that arrived with CE until the peer's CWR. As sender we put ECT(0) on new data,
// never on what is sent again, on probes or on bare acknowledgements, reduce the window once in a window of data when
// the peer says ECE, and say CWR on the next new data.

#include <cstdint>

#include "stack/tcp/config.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;
struct Segment;

// The ECN field of an IP header: the lower two bits of the traffic class (RFC 3168 §5).
inline constexpr std::uint8_t kEcnMask = 3;
inline constexpr std::uint8_t kEcnNotCapable = 0;
inline constexpr std::uint8_t kEcnCapable = 2;     ///< ECT(0).
inline constexpr std::uint8_t kEcnCongestion = 3;  ///< CE.

/// Per-connection state.
struct Ecn {
  wire::Seq reduced_at{};
  bool on = false;           ///< Both sides agreed.
  bool echo = false;         ///< Acknowledgements say ECE.
  bool marked = false;       ///< The window was reduced by a mark: a loss does not do it again, and it does not grow.
  bool cwr_due : 1 = false;  ///< The next new data says CWR.
  bool reduced : 1 = false;  ///< The window has been reduced for the data up to `reduced_at`: marks do not do it again.
};

/// Whether a SYN asks for ECN, and a SYN-ACK agrees (RFC 3168 §6.1.1). Both flags on a SYN-ACK are a peer that reflects
/// what it does not know.
constexpr bool is_ecn_setup_syn(wire::TcpFlags flags) {
  return !flags.ack() && flags.all(wire::kTcpEce | wire::kTcpCwr);
}
constexpr bool is_ecn_setup_syn_ack(wire::TcpFlags flags) { return flags.ack() && flags.ece() && !flags.cwr(); }

/// Whether a connection uses ECN whose peer's SYN or SYN-ACK had these flags. `asked`: every SYN of ours did.
constexpr bool ecn_agreed(EcnMode mode, wire::TcpFlags flags, bool asked) {
  if (is_ecn_setup_syn(flags)) return mode != EcnMode::kOff;
  return asked && is_ecn_setup_syn_ack(flags);
}

/// ECE and CWR for the SYN or SYN-ACK that this connection sends now. One that is sent again does not ask any more:
/// something on the way may have dropped it for asking (RFC 3168 §6.1.1.1).
wire::TcpFlags ecn_syn_flags(const Engine& engine, const Tcb& tcb);

/// A data segment is acceptable, and ECN is on: what its marks oblige us to say.
void ecn_data_arrived(Engine& engine, Tcb& tcb, const Segment& segment);

/// The acknowledgement of an acceptable segment is about to be processed, and ECN is on: reduces the window if it says
/// ECE.
void ecn_acknowledged(Engine& engine, Tcb& tcb, const Segment& segment);

/// Recovery has reduced the window: the peer is told, and marks of the same window change nothing.
void ecn_window_reduced(Tcb& tcb);

}  // namespace windhover::stack::tcp
