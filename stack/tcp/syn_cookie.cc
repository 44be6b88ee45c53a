#include "stack/tcp/syn_cookie.h"

#include <algorithm>
#include <array>
#include <bit>

namespace windhover::stack::tcp {
namespace {

using base::Drop;

constexpr std::uint32_t kHashMask = (1U << 27) - 1;
constexpr unsigned kIndexShift = 27;
constexpr unsigned kMinuteShift = 30;
/// Minutes after its own for which a cookie is good.
constexpr std::uint64_t kAgeMax = 1;
/// Minutes that two bits tell apart.
constexpr std::uint64_t kMinutesTold = 4;

/// The least that handshakes believe, both families' defaults, tunnels, PPPoE, Ethernet, jumbo frames.
constexpr std::array<std::uint16_t, 8> kSegmentSizes{88, 536, 1220, 1360, 1400, 1440, 1460, 8960};

constexpr std::uint32_t kOptionBits = 6;
constexpr std::uint32_t kOptionMask = (1U << kOptionBits) - 1;
constexpr std::uint32_t kSackBit = 1U << 4;
constexpr std::uint32_t kEcnBit = 1U << 5;

/// The option bits as they are hashed: those without timestamps differ from all with.
std::uint32_t options_of(const PeerSyn& syn) {
  if (!syn.timestamps) return 1U << kOptionBits;
  return syn.wscale | (syn.sack ? kSackBit : 0U) | (syn.ecn ? kEcnBit : 0U);
}

std::uint32_t index_of(std::uint16_t mss) {
  const auto above = std::upper_bound(kSegmentSizes.begin() + 1, kSegmentSizes.end(), mss);
  return static_cast<std::uint32_t>(above - kSegmentSizes.begin()) - 1;
}

std::uint64_t minute_of(base::Instant now) {
  return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count());
}

}  // namespace

SynCookies::SynCookies(const base::SipKey& key) : key_(key), spent_(kRemembered) {
  static_assert(std::has_single_bit(kRemembered));
}

std::uint64_t SynCookies::hash(std::uint64_t flow, const PeerSyn& syn, std::uint32_t index,
                               std::uint64_t minute) const {
  const std::uint64_t facts = std::uint64_t{syn.irs.value()} << 32 | index << 8 | options_of(syn);
  return base::siphash(key_, std::array<std::uint64_t, 3>{flow, facts, minute});
}

wire::Seq SynCookies::make(base::Instant now, std::uint64_t flow, PeerSyn& syn) {
  if (!syn.timestamps) {
    syn.wscale = PeerSyn::kNoScaling;
    syn.sack = syn.ecn = false;
  }
  const std::uint32_t index = index_of(syn.mss);
  syn.mss = kSegmentSizes[index];
  const std::uint64_t minute = minute_of(now);
  expected_until_ = now + kMinutesTold * kMinute;
  const auto mac = static_cast<std::uint32_t>(hash(flow, syn, index, minute)) & kHashMask;
  return wire::Seq(static_cast<std::uint32_t>(minute % kMinutesTold) << kMinuteShift | index << kIndexShift | mac);
}

std::uint32_t SynCookies::encode_options(std::uint32_t clock, const PeerSyn& syn) {
  const std::uint32_t stamp = (clock & ~kOptionMask) | options_of(syn);
  // Never ahead of the clock: what follows must not look older (RFC 7323 §5.3).
  return static_cast<std::int32_t>(stamp - clock) > 0 ? stamp - (kOptionMask + 1) : stamp;
}

Verdict SynCookies::check(base::Instant now, std::uint64_t flow, const Segment& segment,
                          std::optional<std::uint32_t> echo, PeerSyn& syn) const {
  const std::uint32_t cookie = segment.ack.value() - 1;
  const std::uint32_t index = cookie >> kIndexShift & (kSegmentSizes.size() - 1);
  syn = {.irs = segment.seq - 1U, .mss = kSegmentSizes[index]};
  if (echo && segment.options.timestamps) {
    syn.timestamps = true;
    syn.ts_recent = segment.options.timestamps->value;
    syn.wscale = *echo & 0x0f;
    syn.sack = (*echo & kSackBit) != 0;
    syn.ecn = (*echo & kEcnBit) != 0;
  }
  const std::uint64_t minute = minute_of(now);
  const std::uint64_t age = (minute - (cookie >> kMinuteShift)) % kMinutesTold;
  const auto mac = static_cast<std::uint32_t>(hash(flow, syn, index, minute - age)) & kHashMask;
  if ((cookie & kHashMask) != mac) return Drop::kTcpCookieForged;
  if (age > kAgeMax) return Drop::kTcpCookieLate;
  const std::uint64_t spent = mark(flow, segment, syn);
  if (spent_[spent & (kRemembered - 1)] == spent) return Drop::kTcpCookieReplayed;
  return kAccepted;
}

std::uint64_t SynCookies::mark(std::uint64_t flow, const Segment& segment, const PeerSyn& syn) const {
  const std::uint64_t numbers = std::uint64_t{syn.irs.value()} << 32 | segment.ack.value();
  // Never zero, which is a free place.
  return base::siphash(key_, std::array<std::uint64_t, 2>{flow, numbers}) | std::uint64_t{1} << 63;
}

void SynCookies::spend(std::uint64_t flow, const Segment& segment, const PeerSyn& syn) {
  const std::uint64_t spent = mark(flow, segment, syn);
  spent_[spent & (kRemembered - 1)] = spent;
}

}  // namespace windhover::stack::tcp
