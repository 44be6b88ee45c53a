#include "stack/tcp/rtt.h"

#include <algorithm>

#include "stack/tcp/config.h"

namespace windhover::stack::tcp {
namespace {

/// The clock granularity G of RFC 6298: our timers tick in milliseconds.
constexpr base::Duration kGranularity = std::chrono::milliseconds(1);
constexpr base::Duration kAfterLostHandshake = std::chrono::seconds(3);  // RFC 6298 5.7.

}  // namespace

RttEstimator::RttEstimator(const Config& config)
    : rto_(config.rto_initial), min_rtt_(config.rto_initial), rto_min_(config.rto_min), rto_max_(config.rto_max) {}

void RttEstimator::sample(base::Duration rtt) {
  rtt = std::max(rtt, base::Duration(1));
  latest_ = rtt;
  min_rtt_ = sampled() ? std::min(min_rtt_, rtt) : rtt;
  if (!sampled()) {
    srtt_ = rtt;
    rttvar_ = rtt / 2;
  } else {
    const base::Duration error = rtt > srtt_ ? rtt - srtt_ : srtt_ - rtt;
    rttvar_ += (error - rttvar_) / 4;
    srtt_ += (rtt - srtt_) / 8;
  }
  rto_ = std::clamp(srtt_ + std::max(kGranularity, 4 * rttvar_), rto_min_, rto_max_);
}

void RttEstimator::handshake_timed_out() { rto_ = std::clamp(kAfterLostHandshake, rto_min_, rto_max_); }

void RttEstimator::back_off() { rto_ = std::min(2 * rto_, rto_max_); }

}  // namespace windhover::stack::tcp
