#pragma once
// How large this connection's packets may be: ICMP errors weighed (RFC 5927 §7), black holes noticed, larger packets
// tried (RFC 4821, RFC 8899 as it fits TCP).
//
// A probe is a segment of new data, larger than the others. When it alone is lost that says something about its size
// and nothing about congestion. What one connection finds, the path cache tells those that come after it.
//
//   kOff        ICMP errors alone.
//   kBlackHole  and timeout after timeout of full segments: falls to a size that gets through nearly anywhere, then
//               searches upwards, first of all for the old one, since the path may only have been away.
//   kAlways     and nothing larger than ordinary Ethernet is used before a probe of that size has arrived.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;

/// What a connection knows of its path. Sizes of IP packets, in bytes. The size in use is what snd_mss makes of it.
struct PathSize {
  base::Instant again{};       ///< A search has ended; the next may begin then (RFC 8899 PMTU_RAISE_TIMER).
  std::uint16_t largest = 0;   ///< Sent before anything was lowered; 0 when nothing was.
  std::uint16_t ceiling = 0;   ///< Not known to be too large.
  std::uint16_t arrived = 0;   ///< The most payload that a segment of the path as it is has brought to the peer.
  std::uint8_t tries = 0;      ///< Probes of one size lost.
  bool searching : 1 = false;  ///< Packets may be larger than they are: output asks path_probe_mss().
  bool fresh : 1 = false;      ///< `ceiling` itself has not been tried.
};

/// What is under way to find out more.
struct PathProbe {
  bool watching = false;   ///< path_acknowledged() wants to know.
  bool suspected = false;  ///< Fell to a smaller size on timeouts alone, and nothing has been acknowledged since.
  bool pending = false;    ///< An ICMP error waits for its segment to time out.
  std::uint16_t size = 0;  ///< Of the probe on its way; 0 for none.
  std::uint16_t pending_mtu = 0;
  wire::Seq pending_seq{};
  wire::Seq start{};  ///< Of the probe that was sent last,
  wire::Seq end{};    ///< whatever has become of it.
};

/// `advanced` sequence numbers were acknowledged at once, by segments of at most `payload`. What an acknowledgement
/// covers besides its own segment makes `arrived` too large at worst, and an ICMP error wait.
inline void note_arrived(PathSize& path, std::uint32_t advanced, std::uint32_t payload) {
  if (advanced > path.arrived) path.arrived = static_cast<std::uint16_t>(advanced < payload ? advanced : payload);
}

/// The connection is established; its snd_mss is settled. For kAlways.
void path_open(Engine& engine, Tcb& tcb);

/// An ICMP error says that the segment at `quoted`, which is in flight, was larger than `mtu` (0: the router did not
/// say). Returns whether it can be true. When segments larger than that have been acknowledged, it counts only once the
/// quoted one has timed out (RFC 5927 §7.2).
bool path_too_big(Engine& engine, Tcb& tcb, wire::Seq quoted, std::uint32_t mtu);

/// snd_una has moved, and PathProbe::watching is set.
void path_acknowledged(Engine& engine, Tcb& tcb);

/// The retransmission timer has expired, and recovery has counted it. Precondition: something is outstanding.
void path_timed_out(Engine& engine, Tcb& tcb);

/// Loss was detected outside recovery. True when the probe alone is lost: it is to be sent again, in smaller segments,
/// and nothing else follows from it.
bool path_probe_lost(Engine& engine, Tcb& tcb);

/// The MSS of the probe to send next, or 0 when there is none to send now. With one there is enough data and window for
/// it, and for what must follow to show its loss; cwnd may have no room yet, but will have.
std::uint32_t path_probe_mss(Engine& engine, Tcb& tcb);

/// That probe has left, `size` bytes of payload at `start`.
void path_probe_sent(Engine& engine, Tcb& tcb, std::uint32_t mss, wire::Seq start, std::uint32_t size);

}  // namespace windhover::stack::tcp
