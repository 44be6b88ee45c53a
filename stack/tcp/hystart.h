#pragma once
// HyStart++ (RFC 9406): leaves the first slow start when the round-trip time begins to grow, before the queue that it
// fills overflows.

#include <chrono>
#include <cstdint>

#include "stack/base/time.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// Watches the rounds of one connection's first slow start. Small and copyable.
///
/// The RFC judges a round by its eight first acknowledgements. A peer that acknowledges a super-frame of 44 segments at
/// once sends three or four a round: here an acknowledgement counts as often as an ordinary receiver would have sent
/// one, which is for every second segment.
class HyStart {
 public:
  enum class Phase : std::uint8_t {
    kSlowStart,
    kConservative,  ///< CSS: grow by a quarter of that, and see whether the delay was real.
    kDone,          ///< It was: congestion avoidance, from the window as it stands.
  };

  Phase phase() const { return phase_; }

  /// An acknowledgement up to `una`, while `nxt` is what is sent next; `segments` were acknowledged. `rtt` is zero when
  /// it gave no sample. Precondition: phase() is not kDone.
  void acknowledged(wire::Seq una, wire::Seq nxt, std::uint32_t segments, base::Duration rtt);

 private:
  /// Long enough for an hour, and half the size of a Duration.
  using Delay = std::chrono::duration<std::uint32_t, std::micro>;

  void begin_round(wire::Seq nxt);
  void judge();

  wire::Seq round_end_{};  // windowEnd.
  Delay last_min_rtt_ = Delay::max();
  Delay min_rtt_ = Delay::max();       // currentRoundMinRTT.
  Delay baseline_rtt_ = Delay::max();  // cssBaselineMinRtt.
  Phase phase_ = Phase::kSlowStart;
  bool begun_ = false;
  std::uint8_t samples_ = 0;  // rttSampleCount; stops counting once there are enough.
  std::uint8_t conservative_rounds_ = 0;
};

}  // namespace windhover::stack::tcp
