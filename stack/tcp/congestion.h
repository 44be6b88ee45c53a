#pragma once
// Congestion control of one connection: how much may be in flight.
//
// A closed set behind one small value type: NewReno (RFC 5681) and CUBIC (RFC 9438). Recovery says *when* something was
// lost; this says how far to fall and how to grow again.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/config.h"

namespace windhover::stack::tcp {

/// All windows in bytes. RFC names: cwnd, ssthresh.
class Congestion {
 public:
  Congestion(CongestionControl algorithm, std::uint32_t mss, std::uint32_t initial_window_segments);

  std::uint32_t cwnd() const { return cwnd_; }
  std::uint32_t ssthresh() const { return ssthresh_; }
  bool in_slow_start() const { return cwnd_ < ssthresh_; }
  /// Something has been lost since the connection began.
  bool has_lost() const { return ssthresh_ != kUnlimited; }

  /// The handshake or path MTU discovery settled another segment size.
  void set_mss(std::uint32_t mss, std::uint32_t initial_window_segments);

  /// New data was acknowledged outside recovery. `limited`: the window, not the application, held the sender back (RFC
  /// 7661).
  void acknowledged(base::Instant now, std::uint32_t bytes, base::Duration srtt, bool limited);

  /// Loss was detected with `flight` bytes outstanding: sets ssthresh (and CUBIC's W_max). The caller moves cwnd.
  void loss(std::uint32_t flight);

  /// Retransmission timeout: loss() and a window of one segment (RFC 5681 §3.1 (4)).
  void timeout(std::uint32_t flight);

  /// Nothing was sent for longer than the RTO (RFC 5681 §4.1).
  void restart_after_idle();

  /// Recovery moves the window while it repairs (PRR, RFC 6937).
  void set_cwnd(std::uint32_t bytes) { cwnd_ = bytes; }

 private:
  static constexpr std::uint32_t kUnlimited = 0xffffffff;
  static constexpr std::uint32_t kCwndMax = 64U << 20;

  void grow_newreno(std::uint32_t bytes);
  void grow_cubic(base::Instant now, std::uint32_t bytes, base::Duration srtt);
  void begin_epoch(base::Instant now);

  std::uint32_t cwnd_;
  std::uint32_t ssthresh_ = kUnlimited;
  std::uint32_t initial_window_;
  std::uint16_t mss_;
  CongestionControl algorithm_;
  bool in_epoch_ = false;
  std::uint32_t acked_ = 0;  // Bytes counted towards the next segment of growth (RFC 3465).
  float w_max_ = 0;          // CUBIC, in segments: the window before the last reduction,
  float w_est_ = 0;          // what Reno would have by now,
  float k_ = 0;              // and seconds from the epoch to w_max.
  base::Instant epoch_start_{};
};

}  // namespace windhover::stack::tcp
