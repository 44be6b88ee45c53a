#pragma once
// The retransmission timeout of one connection (RFC 6298).

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ratio>

#include "stack/base/time.h"

namespace windhover::stack::tcp {

struct Config;

/// A round-trip time as a connection keeps it: eighths of a microsecond, up to nine minutes. So fine, because on a path
/// of 30 us the smoothing moves by less than a microsecond.
using RttTicks = std::chrono::duration<std::uint32_t, std::ratio<1, 8'000'000>>;

/// Longer ones count as the longest, negative ones as none.
constexpr RttTicks to_rtt_ticks(base::Duration rtt) {
  constexpr std::uint64_t kTick = base::Duration(RttTicks(1)).count();
  const std::uint64_t ticks = static_cast<std::uint64_t>(std::max<base::Duration::rep>(rtt.count(), 0)) / kTick;
  return RttTicks(static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, RttTicks::max().count())));
}

/// A timeout: whole microseconds, up to an hour.
using RtoTicks = std::chrono::duration<std::uint32_t, std::micro>;

/// What the configuration says, as estimators use it.
struct RtoBounds {
  explicit RtoBounds(const Config& config);

  RtoTicks initial;
  RtoTicks min;
  RtoTicks max;
};

/// Smoothed round-trip time, its variance and the timeout made from them. Karn's rule (no sample from a segment that
/// was sent twice) is the caller's.
class RttEstimator {
 public:
  explicit RttEstimator(const RtoBounds& bounds);

  /// Takes one measurement and undoes any back-off.
  void sample(const RtoBounds& bounds, base::Duration rtt);

  /// A SYN of ours has timed out: so long data waits at first (RFC 6298 5.7).
  void handshake_timed_out(const RtoBounds& bounds);

  /// Doubles the timeout, up to rto_max (RFC 6298 5.5).
  void back_off(const RtoBounds& bounds);

  base::Duration rto() const { return rto_; }
  base::Duration srtt() const { return srtt_; }
  base::Duration rttvar() const { return rttvar_; }
  /// The least ever seen; rto_initial before the first sample.
  base::Duration min_rtt() const { return min_rtt_; }
  bool sampled() const { return srtt_ != RttTicks::zero(); }

 private:
  RttTicks srtt_{};
  RttTicks rttvar_{};
  RttTicks min_rtt_;
  RtoTicks rto_;
};

}  // namespace windhover::stack::tcp
