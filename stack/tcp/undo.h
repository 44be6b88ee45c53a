#pragma once
// Repairs that turn out to have been needless: what was thought lost was only late. The window goes back to what it was
// before (RFC 4015 §4), and what has been marked lost and not yet sent again is not sent again.
//
// Three witnesses. The acknowledgement of an episode's first retransmission echoes a timestamp from before it (Eifel,
// RFC 3522). Every retransmission of the episode was reported as a duplicate (RFC 3708, D-SACK). After a timeout, data
// that was not sent again is acknowledged (F-RTO, RFC 5682: §3.1 with SACK, §2.1 without).
//
// RFC 4015 would rebuild cwnd from the data in flight; here, as in Linux, it is restored, because the pipe that output
// fills against it is exact. Its RTO part (§3.3) is left to the samples that the late acknowledgements bring.

#include <cstdint>
#include <optional>

#include "stack/tcp/congestion.h"
#include "stack/wire/seq.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;
struct FlightAck;

/// Per-connection state. RFC names where they exist.
struct Undo {
  enum class Frto : std::uint8_t {
    kOff,
    kFirstAck,   ///< Waits for the acknowledgement of the segment that the timeout sent again (step 2).
    kSecondAck,  ///< New data has gone or may go; the next acknowledgement decides (step 3).
  };
  std::optional<Congestion> prior;  ///< Before the episode; empty when there is nothing to restore.
  wire::Seq begin{};                ///< snd_una when the episode began.
  wire::Seq until{};                ///< Once it has ended: what is acknowledged beyond tells nothing more about it.
  std::uint32_t unconfirmed = 0;    ///< Sequence numbers sent again that no D-SACK has reported.
  std::uint32_t first_resent_tsval = 0;  ///< Our timestamp clock at the first retransmission,
  wire::Seq first_resent_end{};          ///< and where that ended.
  bool resent = false;                   ///< The episode has sent something again.
  bool eifel_open = false;               ///< And its acknowledgement is still to come.
  Frto frto = Frto::kOff;
  std::uint8_t frto_new = 0;  ///< New segments that step 2b still allows.
};

/// The window is about to be reduced: an episode of repair begins. One that began before, and whose losses are still
/// being repaired, keeps its window to return to (`continues`).
void undo_begin(Tcb& tcb, bool continues);

/// After a timeout that did not come while an earlier one was being repaired: asks whether it was needed.
void undo_watch_timeout(Tcb& tcb);

/// There is nothing to return to any more.
inline void undo_forget(Undo& undo) {
  undo.prior.reset();
  undo.frto = Undo::Frto::kOff;
}

/// [start, start + size) was sent again, for the episode.
void undo_resent(const Engine& engine, Tcb& tcb, wire::Seq start, std::uint32_t size);

/// A D-SACK that is not about a tail loss probe (RFC 2883).
void undo_on_dsack(Tcb& tcb, const wire::SackBlock& block);

/// An acknowledgement: `advanced` snd_una or is a `duplicate`. Restores the window and returns true when it shows that
/// the episode was needless.
bool undo_on_ack(Engine& engine, Tcb& tcb, const FlightAck& ack, bool advanced, bool duplicate,
                 const std::optional<wire::TcpTimestamps>& timestamps);

/// What output may send now that something is lost.
enum class Turn : std::uint8_t { kLost, kNew, kNothing };
/// Lost data goes first, except while F-RTO asks with new data whether it is lost.
Turn undo_turn(const Tcb& tcb);
/// No new data can be sent: F-RTO ends and lost data goes (RFC 5682 §3.1 step 2b).
inline void undo_without_new_data(Undo& undo) { undo.frto = Undo::Frto::kOff; }

}  // namespace windhover::stack::tcp
