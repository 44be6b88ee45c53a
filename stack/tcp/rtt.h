#pragma once
// The retransmission timeout of one connection (RFC 6298).

#include <cstdint>

#include "stack/base/time.h"

namespace windhover::stack::tcp {

struct Config;

/// Smoothed round-trip time, its variance and the timeout made from them. Karn's rule (no sample from a segment that
/// was sent twice) is the caller's.
class RttEstimator {
 public:
  explicit RttEstimator(const Config& config);

  /// Takes one measurement and undoes any back-off.
  void sample(base::Duration rtt);

  /// A SYN of ours has timed out: so long data waits at first (RFC 6298 5.7).
  void handshake_timed_out();

  /// Doubles the timeout, up to rto_max (RFC 6298 5.5).
  void back_off();

  base::Duration rto() const { return rto_; }
  base::Duration srtt() const { return srtt_; }
  base::Duration rttvar() const { return rttvar_; }
  /// The least ever seen; rto_initial before the first sample.
  base::Duration min_rtt() const { return min_rtt_; }
  base::Duration latest() const { return latest_; }
  bool sampled() const { return srtt_ != base::Duration::zero(); }

 private:
  base::Duration srtt_{};
  base::Duration rttvar_{};
  base::Duration rto_;
  base::Duration min_rtt_;
  base::Duration latest_{};
  base::Duration rto_min_;
  base::Duration rto_max_;
};

}  // namespace windhover::stack::tcp
