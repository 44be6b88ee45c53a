#include "stack/tcp/congestion.h"

#include <algorithm>
#include <cmath>

namespace windhover::stack::tcp {
namespace {

constexpr float kCubicC = 0.4F;     // RFC 9438 §5.1.
constexpr float kCubicBeta = 0.7F;  // RFC 9438 §4.6.
constexpr float kCubicAlpha = 3 * (1 - kCubicBeta) / (1 + kCubicBeta);

float seconds(base::Duration duration) { return std::chrono::duration<float>(duration).count(); }

}  // namespace

Congestion::Congestion(CongestionControl algorithm, std::uint32_t mss, std::uint32_t initial_window_segments)
    : cwnd_(0), initial_window_(0), mss_(0), algorithm_(algorithm) {
  set_mss(mss, initial_window_segments);
  cwnd_ = initial_window_;
}

void Congestion::set_mss(std::uint32_t mss, std::uint32_t initial_window_segments) {
  const bool untouched = cwnd_ == initial_window_;
  mss_ = static_cast<std::uint16_t>(mss);
  initial_window_ = initial_window_segments * mss;
  if (untouched) cwnd_ = initial_window_;
}

void Congestion::acknowledged(base::Instant now, std::uint32_t bytes, base::Duration srtt, bool limited) {
  if (!limited) {
    in_epoch_ = false;  // CUBIC must not count time in which it was not probing (RFC 9438 §4.2).
    return;
  }
  if (in_slow_start()) {
    // Appropriate byte counting; no cap per acknowledgement, since one may stand for a whole super-frame.
    const std::uint32_t growth = std::min(bytes, ssthresh_ - cwnd_);
    cwnd_ = std::min(cwnd_ + growth, kCwndMax);
    bytes -= growth;
    if (bytes == 0) return;
  }
  if (algorithm_ == CongestionControl::kCubic) {
    grow_cubic(now, bytes, srtt);
  } else {
    grow_newreno(bytes);
  }
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
  k_ = std::cbrt((w_max_ - cwnd) / kCubicC);
}

void Congestion::grow_cubic(base::Instant now, std::uint32_t bytes, base::Duration srtt) {
  if (!in_epoch_) begin_epoch(now);
  const float cwnd = static_cast<float>(cwnd_) / mss_;
  const float acked = static_cast<float>(bytes) / mss_;
  const float t = seconds(now - epoch_start_ + srtt) - k_;
  const float target = std::clamp(kCubicC * t * t * t + w_max_, cwnd, 1.5F * cwnd);
  const float alpha = w_est_ < w_max_ ? kCubicAlpha : 1.0F;
  w_est_ += alpha * acked / cwnd;
  float next = cwnd + (target - cwnd) * acked / cwnd;
  next = std::max(next, w_est_);  // The Reno-friendly region (RFC 9438 §4.3).
  cwnd_ = std::min(static_cast<std::uint32_t>(next * mss_), kCwndMax);
}

void Congestion::loss(std::uint32_t flight) {
  const std::uint32_t floor = 2U * mss_;
  in_epoch_ = false;
  acked_ = 0;
  if (algorithm_ == CongestionControl::kNewReno) {
    ssthresh_ = std::max(flight / 2, floor);
    return;
  }
  const float cwnd = static_cast<float>(cwnd_) / mss_;
  w_max_ = cwnd < w_max_ ? cwnd * (1 + kCubicBeta) / 2 : cwnd;  // Fast convergence (RFC 9438 §4.7).
  ssthresh_ = std::max(static_cast<std::uint32_t>(static_cast<float>(std::min(flight, cwnd_)) * kCubicBeta), floor);
}

void Congestion::timeout(std::uint32_t flight) {
  loss(flight);
  cwnd_ = mss_;
}

void Congestion::restart_after_idle() {
  cwnd_ = std::min(cwnd_, initial_window_);
  in_epoch_ = false;
}

}  // namespace windhover::stack::tcp
