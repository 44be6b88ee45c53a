#pragma once
// Congestion control of one connection: how much may be in flight.
//
// A closed set behind one small value type: NewReno (RFC 5681) and CUBIC (RFC 9438), both with appropriate byte
// counting (RFC 3465) and, in their first slow start, HyStart++ (RFC 9406). Recovery says *when* something was lost;
// this says how far to fall and how to grow again. A copy is a snapshot: assigning it back undoes whatever happened
// since.

#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/config.h"
#include "stack/tcp/hystart.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// What an acknowledgement of new data says to the window. Sizes in bytes.
struct WindowAck {
  base::Instant now{};
  std::uint32_t bytes = 0;  ///< Newly acknowledged.
  std::uint32_t frame = 0;  ///< The most payload that leaves as one frame, and so may be acknowledged as one.
  base::Duration srtt{};
  base::Duration rtt{};  ///< This acknowledgement's sample; zero when it gave none.
  wire::Seq una{};
  wire::Seq nxt{};
  bool repairing = false;  ///< After a timeout, until what was outstanding then has been acknowledged.
};

/// All windows in bytes. RFC names: cwnd, ssthresh.
class Congestion {
 public:
  Congestion(CongestionControl algorithm, std::uint32_t mss, std::uint32_t initial_window_segments);

  std::uint32_t cwnd() const { return cwnd_; }
  std::uint32_t ssthresh() const { return ssthresh_; }
  bool in_slow_start() const { return cwnd_ < ssthresh_; }
  /// Something has been lost since the connection began.
  bool has_lost() const { return has_lost_; }

  /// The handshake or path MTU discovery settled another segment size. A window that is still the initial one follows.
  void set_mss(std::uint32_t mss, std::uint32_t initial_window_segments);

  /// Goes on from what was kept in sleep (activity.h); growth begins a curve of its own.
  void go_on(std::uint32_t cwnd, std::uint32_t ssthresh, bool has_lost);

  /// SYNs were lost, not one but several: begins with one segment (RFC 6928 §2).
  void begin_small() { cwnd_ = mss_; }

  /// New data was acknowledged outside fast recovery, and the window is what held the sender back (RFC 7661).
  void acknowledged(const WindowAck& ack);
  /// The same, but the application sends less than the window allows: nothing grows, and the time does not count.
  void stands(base::Instant now) {
    if (in_epoch_) stop_curve(now);
  }

  /// Loss was detected with `flight` bytes outstanding: sets ssthresh (and CUBIC's W_max). The caller moves cwnd.
  void loss(std::uint32_t flight);

  /// A router has marked a packet instead of dropping it (RFC 3168 §6.1.2): ssthresh and cwnd, by less than for a loss
  /// (RFC 8511).
  void marked(std::uint32_t flight);

  /// Retransmission timeout: loss() and a window of one segment (RFC 5681 §3.1 (4)).
  void timeout(std::uint32_t flight);

  /// Data is about to leave with nothing outstanding, `idle` after what was sent last. Time without growth does not
  /// count on CUBIC's curve (RFC 9438 §5.8). After more than an RTO, RFC 5681 §4.1 would restart from the initial
  /// window; as in Linux (RFC 2861) the window is halved for each RTO until it is there, and ssthresh remembers three
  /// quarters of it.
  void resume(base::Instant now, base::Duration idle, base::Duration rto) {
    if (in_epoch_) stop_curve(now);
    if (idle > rto) restart_after_idle(idle, rto);
  }

  /// For an RTO no more than `used` bytes have been in flight, and not for want of window: the rest of it is not
  /// validated (RFC 7661 §4.4; by half, as RFC 2861 and Linux).
  void application_limited(std::uint32_t used);

  /// Recovery moves the window while it repairs (PRR, RFC 6937).
  void set_cwnd(std::uint32_t bytes) { cwnd_ = bytes; }

 private:
  static constexpr std::uint32_t kUnlimited = 0xffffffff;
  static constexpr std::uint32_t kCwndMax = 64U << 20;

  std::uint32_t slow_start(const WindowAck& ack);
  void grow_newreno(std::uint32_t bytes);
  void grow_cubic(const WindowAck& ack, std::uint32_t bytes);
  double w_cubic(base::Duration since_epoch) const;
  void begin_epoch(base::Instant now);
  /// Moves the curve's beginning past the time since it was last looked at.
  void stop_curve(base::Instant now) {
    epoch_start_ += now - curve_at_;
    curve_at_ = now;
  }
  void reduce(std::uint32_t flight, double newreno_beta, double cubic_beta);
  void restart_after_idle(base::Duration idle, base::Duration rto);

  std::uint32_t cwnd_;
  std::uint32_t ssthresh_ = kUnlimited;
  std::uint32_t initial_window_;
  std::uint16_t mss_;
  CongestionControl algorithm_;
  bool in_epoch_ = false;  // CUBIC's curve has begun.
  bool has_lost_ = false;
  std::uint32_t acked_ = 0;  // Bytes counted towards the next step of growth (RFC 3465).
  HyStart hystart_;
  // CUBIC, in segments (RFC 9438 §4.1.2).
  float w_max_ = 0;       // The window before the last reduction, or what fast convergence made of it,
  float cwnd_prior_ = 0;  // the window when ssthresh was set last,
  float k_ = 0;           // and seconds from the epoch to w_max.
  double w_est_ = 0;      // What Reno would have by now.
  base::Instant epoch_start_{};
  base::Instant curve_at_{};  // When the curve was last followed.
};

}  // namespace windhover::stack::tcp
