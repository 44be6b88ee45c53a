#include "stack/tcp/hystart.h"

#include <algorithm>

namespace windhover::stack::tcp {
namespace {

// RFC 9406 §4.3.
constexpr std::chrono::microseconds kRttThreshMin = std::chrono::milliseconds(4);
constexpr std::chrono::microseconds kRttThreshMax = std::chrono::milliseconds(16);
constexpr int kRttDivisor = 8;
constexpr std::uint8_t kRttSamples = 8;
constexpr std::uint8_t kConservativeRounds = 5;

}  // namespace

void HyStart::acknowledged(wire::Seq una, wire::Seq nxt, std::uint32_t segments, base::Duration rtt) {
  if (!begun_) begin_round(nxt);
  if (rtt > base::Duration::zero()) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(rtt).count();
    min_rtt_ = std::min(min_rtt_, Delay(static_cast<std::uint32_t>(std::min<std::int64_t>(micros, 0xfffffffe))));
    samples_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(samples_ + std::max(segments / 2, 1U), kRttSamples));
    if (samples_ == kRttSamples) judge();
  }
  if (before(una, round_end_)) return;
  // The round in which the conservative phase began counts as one of it.
  if (phase_ == Phase::kConservative && ++conservative_rounds_ == kConservativeRounds) phase_ = Phase::kDone;
  begin_round(nxt);
}

void HyStart::begin_round(wire::Seq nxt) {
  begun_ = true;
  round_end_ = nxt;
  last_min_rtt_ = min_rtt_;
  min_rtt_ = Delay::max();
  samples_ = 0;
}

void HyStart::judge() {
  if (phase_ == Phase::kConservative) {
    if (min_rtt_ >= baseline_rtt_) return;
    phase_ = Phase::kSlowStart;  // A burst, not a queue.
    baseline_rtt_ = Delay::max();
    conservative_rounds_ = 0;
    return;
  }
  if (last_min_rtt_ == Delay::max()) return;
  const std::chrono::microseconds last = last_min_rtt_;
  if (min_rtt_ < last + std::clamp(last / kRttDivisor, kRttThreshMin, kRttThreshMax)) return;
  baseline_rtt_ = min_rtt_;
  phase_ = Phase::kConservative;
}

}  // namespace windhover::stack::tcp
