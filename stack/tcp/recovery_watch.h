#pragma once
// What recovery does, as the flight recorder sees it: from outside, by comparing before and after.

#include <cstdint>

#include "stack/tcp/activity.h"

namespace windhover::stack::tcp {

/// Made before an acknowledgement or a timer may change something, asked afterwards.
class RecoveryWatch {
 public:
  explicit RecoveryWatch(const Tcb& tcb)
      : phase_(tcb.activity->recovery.phase),
        lost_(tcb.activity->flight.lost()),
        ssthresh_(tcb.activity->congestion.ssthresh()) {}

  void record_change(Engine& engine, Tcb& tcb) const {
    const bool changed = tcb.activity->recovery.phase != phase_ || tcb.activity->flight.lost() > lost_ ||
                         tcb.activity->congestion.ssthresh() != ssthresh_;
    if (changed) [[unlikely]] {
      record_details(engine, tcb);
    }
  }

 private:
  void record_details(Engine& engine, Tcb& tcb) const;

  Recovery::Phase phase_;
  std::uint32_t lost_;
  std::uint32_t ssthresh_;
};

}  // namespace windhover::stack::tcp
