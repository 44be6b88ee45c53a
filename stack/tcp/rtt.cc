#include "stack/tcp/rtt.h"

#include <algorithm>

#include "stack/tcp/config.h"

namespace windhover::stack::tcp {
namespace {

/// The clock granularity G of RFC 6298: our timers tick in milliseconds.
constexpr std::int64_t kGranularity = RttTicks(std::chrono::milliseconds(1)).count();
constexpr RtoTicks kAfterLostHandshake = std::chrono::seconds(3);  // RFC 6298 5.7.

}  // namespace

RtoBounds::RtoBounds(const Config& config)
    : initial(std::chrono::duration_cast<RtoTicks>(config.rto_initial)),
      min(std::chrono::duration_cast<RtoTicks>(config.rto_min)),
      max(std::chrono::duration_cast<RtoTicks>(config.rto_max)) {}

RttEstimator::RttEstimator(const RtoBounds& bounds) : min_rtt_(to_rtt_ticks(bounds.initial)), rto_(bounds.initial) {}

void RttEstimator::sample(const RtoBounds& bounds, base::Duration measured) {
  const RttTicks rtt = std::max(to_rtt_ticks(measured), RttTicks(1));
  std::int64_t srtt = srtt_.count();
  std::int64_t rttvar = rttvar_.count();
  if (srtt == 0) {
    min_rtt_ = rtt;
    srtt = rtt.count();
    rttvar = srtt / 2;
  } else {
    min_rtt_ = std::min(min_rtt_, rtt);
    const std::int64_t error = rtt.count() - srtt;
    rttvar += (std::abs(error) - rttvar) >> 2;
    srtt += error >> 3;
  }
  srtt_ = RttTicks(static_cast<std::uint32_t>(srtt));
  rttvar_ = RttTicks(static_cast<std::uint32_t>(rttvar));
  constexpr std::int64_t kTicksPerMicrosecond = 8;
  const std::int64_t rto = (srtt + std::max(kGranularity, 4 * rttvar)) / kTicksPerMicrosecond;
  rto_ = RtoTicks(static_cast<std::uint32_t>(std::clamp<std::int64_t>(rto, bounds.min.count(), bounds.max.count())));
}

void RttEstimator::handshake_timed_out(const RtoBounds& bounds) {
  rto_ = std::clamp(kAfterLostHandshake, bounds.min, bounds.max);
}

void RttEstimator::back_off(const RtoBounds& bounds) {
  rto_ = rto_ > bounds.max / 2 ? bounds.max : std::max(2 * rto_, bounds.min);
}

}  // namespace windhover::stack::tcp
