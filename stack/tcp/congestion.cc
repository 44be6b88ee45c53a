#include "stack/tcp/congestion.h"

#include <algorithm>
#include <cmath>

namespace windhover::stack::tcp {
namespace {

constexpr double kCubicC = 0.4;     // RFC 9438 §5.1.
constexpr double kCubicBeta = 0.7;  // RFC 9438 §4.6.
constexpr double kCubicAlpha = 3 * (1 - kCubicBeta) / (1 + kCubicBeta);
constexpr double kRenoBeta = 0.5;  // RFC 5681 (4).

// RFC 8511 §3. A mark comes from a queue that is kept short, where falling as far as for a loss, which tells of a full
// buffer, would leave the path idle. Overload still shows as loss.
constexpr double kCubicBetaEcn = 0.85;
constexpr double kRenoBetaEcn = 0.8;

// How many segments of growth one acknowledgement may bring in slow start.
constexpr std::uint32_t kByteCountingFirst = 8;    // RFC 9406 §4.3, for senders that do not pace.
constexpr std::uint32_t kByteCounting = 2;         // RFC 3465 §2.2.
constexpr std::uint32_t kByteCountingRepair = 1;   // RFC 3465 §2.3: what it covers may have left before the timeout.
constexpr std::uint32_t kConservativeDivisor = 4;  // RFC 9406 §4.3.

/// CUBIC moves this often in a window at the most: at large windows, steps finer than that round to nothing.
constexpr std::uint32_t kCubicSteps = 16;

/// RFC 6928 §2 counts its ten segments up to 14600 bytes.
constexpr std::uint32_t kInitialSegment = 1460;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Congestion::Congestion(CongestionControl algorithm, std::uint32_t mss, std::uint32_t initial_window_segments)
    : cwnd_(0), initial_window_(0), mss_(static_cast<std::uint16_t>(mss)), algorithm_(algorithm) {
  set_mss(mss, initial_window_segments);
  cwnd_ = initial_window_;
}

void Congestion::set_mss(std::uint32_t mss, std::uint32_t initial_window_segments) {
  const bool untouched = cwnd_ == initial_window_;
  // CUBIC counts in segments, and these have changed.
  const float scale = static_cast<float>(mss_) / static_cast<float>(mss);
  w_max_ *= scale;
  cwnd_prior_ *= scale;
  in_epoch_ = false;
  mss_ = static_cast<std::uint16_t>(mss);
  initial_window_ =
      std::min(initial_window_segments * mss, std::max(2 * mss, initial_window_segments * kInitialSegment));
  if (untouched) cwnd_ = initial_window_;
}

void Congestion::go_on(std::uint32_t cwnd, std::uint32_t ssthresh, bool has_lost) {
  cwnd_ = cwnd;
  ssthresh_ = ssthresh;
  has_lost_ = has_lost;
  cwnd_prior_ = static_cast<float>(cwnd_) / mss_;
}

void Congestion::acknowledged(const WindowAck& ack) {
  const std::uint32_t bytes = in_slow_start() ? slow_start(ack) : ack.bytes;
  if (bytes == 0) return;
  if (algorithm_ == CongestionControl::kCubic) {
    grow_cubic(ack, bytes);
  } else {
    grow_newreno(bytes);
  }
}

/// Returns what is left of the acknowledgement for congestion avoidance.
std::uint32_t Congestion::slow_start(const WindowAck& ack) {
  const bool first = ssthresh_ == kUnlimited;
  const std::uint32_t unit = std::max<std::uint32_t>(ack.frame, mss_);
  const std::uint32_t count = ack.repairing ? kByteCountingRepair : first ? kByteCountingFirst : kByteCounting;
  std::uint32_t growth = std::min(ack.bytes, count * unit);
  if (first) {
    hystart_.acknowledged(ack.una, ack.nxt, ack.bytes / mss_, ack.rtt);
    if (hystart_.phase() != HyStart::Phase::kSlowStart) growth /= kConservativeDivisor;
  }
  const bool passes = growth >= ssthresh_ - cwnd_;
  const std::uint32_t left = passes ? growth - (ssthresh_ - cwnd_) : 0;
  cwnd_ = std::min(passes ? ssthresh_ : cwnd_ + growth, kCwndMax);
  if (first && hystart_.phase() == HyStart::Phase::kDone) {
    ssthresh_ = cwnd_;
    cwnd_prior_ = static_cast<float>(cwnd_) / mss_;
  }
  return left;
}

void Congestion::grow_newreno(std::uint32_t bytes) {
  acked_ += bytes;
  if (acked_ < cwnd_) return;
  acked_ -= cwnd_;
  cwnd_ = std::min(cwnd_ + mss_, kCwndMax);
}

void Congestion::begin_epoch(base::Instant now) {
  const float cwnd = static_cast<float>(cwnd_) / mss_;
  in_epoch_ = true;
  epoch_start_ = now;
  w_est_ = cwnd;
  w_max_ = std::max(w_max_, cwnd);
  k_ = static_cast<float>(std::cbrt((w_max_ - cwnd) / kCubicC));
}

double Congestion::w_cubic(base::Duration since_epoch) const {
  const double t = seconds(since_epoch) - k_;
  return kCubicC * t * t * t + w_max_;
}

void Congestion::grow_cubic(const WindowAck& ack, std::uint32_t bytes) {
  if (!in_epoch_) begin_epoch(ack.now);
  curve_at_ = ack.now;
  acked_ += bytes;
  if (acked_ < std::max<std::uint32_t>(mss_, cwnd_ / kCubicSteps)) return;
  const double cwnd = static_cast<double>(cwnd_) / mss_;
  const double share = std::min(static_cast<double>(acked_) / cwnd_, 1.0);  // Of a window, acknowledged.
  acked_ = 0;
  w_est_ += (w_est_ < cwnd_prior_ ? kCubicAlpha : 1.0) * share;
  const base::Duration since = ack.now - epoch_start_;
  double next = cwnd;
  if (w_cubic(since) < w_est_) {
    next = std::max(cwnd, w_est_);  // The Reno-friendly region (RFC 9438 §4.3).
  } else {
    next += (std::clamp(w_cubic(since + ack.srtt), cwnd, 1.5 * cwnd) - cwnd) * share;
  }
  cwnd_ = static_cast<std::uint32_t>(std::min(next * mss_, static_cast<double>(kCwndMax)));
}

void Congestion::reduce(std::uint32_t flight, double newreno_beta, double cubic_beta) {
  const float cwnd = static_cast<float>(cwnd_) / mss_;
  in_epoch_ = false;
  acked_ = 0;
  // Fast convergence (RFC 9438 §4.7).
  w_max_ = cwnd < w_max_ ? cwnd * static_cast<float>(1 + kCubicBeta) / 2 : cwnd;
  cwnd_prior_ = cwnd;
  const bool cubic = algorithm_ == CongestionControl::kCubic;
  const double kept = cubic ? std::min(flight, cwnd_) * cubic_beta : flight * newreno_beta;
  ssthresh_ = std::max(static_cast<std::uint32_t>(kept), 2U * mss_);
}

void Congestion::loss(std::uint32_t flight) {
  has_lost_ = true;
  reduce(flight, kRenoBeta, kCubicBeta);
}

void Congestion::marked(std::uint32_t flight) {
  const bool avoiding = !in_slow_start();
  reduce(flight, avoiding ? kRenoBetaEcn : kRenoBeta, avoiding ? kCubicBetaEcn : kCubicBeta);
  cwnd_ = std::min(cwnd_, ssthresh_);
}

void Congestion::timeout(std::uint32_t flight) {
  loss(flight);
  w_max_ = 0;  // Congestion avoidance begins a curve of its own: K = 0, W_max = cwnd (RFC 9438 §4.8).
  cwnd_ = mss_;
}

void Congestion::restart_after_idle(base::Duration idle, base::Duration rto) {
  const std::uint32_t restart = std::min(cwnd_, initial_window_);
  ssthresh_ = std::max(ssthresh_, cwnd_ - cwnd_ / 4);
  for (base::Duration left = idle - rto; left > base::Duration::zero() && cwnd_ > restart; left -= rto) cwnd_ /= 2;
  cwnd_ = std::max(cwnd_, restart);
}

void Congestion::application_limited(std::uint32_t used) {
  const std::uint32_t validated = std::max(used, initial_window_);
  if (cwnd_ <= validated) return;
  ssthresh_ = std::max(ssthresh_, cwnd_ - cwnd_ / 4);
  cwnd_ = (cwnd_ + validated) / 2;
}

}  // namespace windhover::stack::tcp
