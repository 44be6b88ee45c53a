#include "stack/ip/router_discovery.h"

#include <algorithm>

namespace windhover::stack::ip {
namespace {

using base::Drop;
using base::Duration;
using wire::Address;

constexpr std::uint32_t kMtuMin = 1280;  // RFC 8200 5.
constexpr std::uint32_t kForEver = UINT32_MAX;

/// Told by several lanes or by none: an empty setting means that no gateway was given for the addresses that there are.
bool wants_advertisements(const Config& config, const Interface& interface) {
  if (interface.medium() != link::Medium::kEthernet || interface.replies_to_sender()) return false;
  const auto v6 = [](const InterfaceAddress& ours) { return !ours.address.is_v4(); };
  const auto& ours = interface.configured();
  if (std::none_of(ours.begin(), ours.end(), v6)) return false;
  return config.accept_ra.value_or(!config.gateway_v6);
}

}  // namespace

RouterDiscovery::RouterDiscovery(const Config& config, std::uint16_t mtu, Interface& interface, Neighbours& neighbours,
                                 Ndp& ndp, base::Counters& counters)
    : interface_(interface),
      neighbours_(neighbours),
      ndp_(ndp),
      counters_(counters),
      jitter_(config.mac),
      device_mtu_(mtu),
      mtu_(mtu),
      listens_(wants_advertisements(config, interface)) {}

void RouterDiscovery::begin(base::Instant now) {
  if (!listens_ || !interface_.answers_neighbours() || ask_at_ != base::kNever || list_.best()) return;
  interval_ = Duration::zero();
  ask(now);
  find_next();
}

void RouterDiscovery::begin_again(base::Instant now) {
  if (!listens_ || !interface_.answers_neighbours()) return;
  interval_ = Duration::zero();
  ask(now);
  find_next();
}

/// RFC 7559 2 with RFC 8415 15's arithmetic: each interval is twice the last, more or less a tenth of that last one.
void RouterDiscovery::ask(base::Instant now) {
  const bool first = interval_ == Duration::zero();
  const bool last = interval_ * 2 > kRouterSolicitationMax;
  const Duration unit = first ? kRouterSolicitationInterval : last ? kRouterSolicitationMax : interval_;
  interval_ = (first || last ? unit : unit * 2) - unit / 10 + jitter_.below(unit / 5);
  ask_at_ = now + interval_;
  ndp_.solicit_routers();
}

/// A router is known: the next question comes when most of its time has passed without a word from it. That is beyond
/// RFC 7559, and silent where advertisements come as often as RFC 4861 6.2.1 has it; but some media bring us only the
/// answers to our own questions.
void RouterDiscovery::stop_asking(base::Instant now) {
  interval_ = Duration::zero();
  ask_at_ = base::kNever;
  if (!interface_.answers_neighbours() || !list_.best()) return;
  ask_at_ = now + (list_.empty_at() - now) / 4 * 3;
}

void RouterDiscovery::advertisement(base::Instant now, base::Bytes message, const wire::NdpEnvelope& envelope) {
  const auto told = wire::RouterAdvertisement::parse(message, envelope);
  if (!told || (told->source_mac && !told->source_mac->is_station())) return counters_.drop(Drop::kNdpInvalid);
  if (!listens_ || interface_.is_ours(envelope.source)) return counters_.drop(Drop::kIcmpIgnored);
  counters_.count(base::Event::kFramesConsumed);
  const auto lifetime = std::chrono::seconds(told->lifetime_s);
  const bool was_known = list_.contains(envelope.source);
  const auto displaced = list_.heard(now, envelope.source, lifetime, told->preference);
  if (displaced) neighbours_.unpin(*displaced);
  const bool is_known = list_.contains(envelope.source);
  if (is_known && !was_known) neighbours_.pin(envelope.source);
  if (was_known && !is_known) neighbours_.unpin(envelope.source);
  if (told->source_mac) neighbours_.learn(now, envelope.source, *told->source_mac, Claim::kQuestion);
  take_times(*told);
  take_prefixes(now, *told);
  if (told->mtu >= kMtuMin && told->mtu <= device_mtu_) mtu_ = static_cast<std::uint16_t>(told->mtu);
  if (list_.best()) stop_asking(now);
  install();
  find_next();
}

void RouterDiscovery::take_times(const wire::RouterAdvertisement& told) {
  if (told.reachable_ms != 0) {
    const auto reachable =
        std::clamp<Duration>(std::chrono::milliseconds(told.reachable_ms), kReachableMin, kReachableMax);
    // RFC 4861 6.3.2: between half and one and a half of it, so that nodes do not ask in step.
    neighbours_.set_reachable_v6(reachable / 2 + jitter_.below(reachable));
  }
  if (told.retransmit_ms != 0) {
    neighbours_.set_retransmit_v6(
        std::clamp<Duration>(std::chrono::milliseconds(told.retransmit_ms), kRetransmitMin, kRetransmitMax));
  }
}

void RouterDiscovery::take_prefixes(base::Instant now, const wire::RouterAdvertisement& told) {
  for (std::size_t at = 0; at < told.prefix_count; ++at) {
    const wire::OnLinkPrefix& prefix = told.prefixes[at];
    const bool for_ever = prefix.valid_lifetime_s == kForEver;
    list_.heard_prefix(now, {prefix.prefix, prefix.length},
                       for_ever ? Duration::max() : Duration(std::chrono::seconds(prefix.valid_lifetime_s)));
  }
}

void RouterDiscovery::unreachable(base::Instant now, const Address& neighbour) {
  if (!list_.failed(now, neighbour)) return;
  install();
}

void RouterDiscovery::not_a_router(const Address& neighbour) {
  if (!list_.remove(neighbour)) return;
  neighbours_.unpin(neighbour);
  install();
  find_next();
}

/// RFC 4861 6.3.5, 7.3.3: routes over a router that is not taken any more move on with their next packet.
void RouterDiscovery::install() {
  interface_.set_router(list_.best());
  interface_.set_prefixes(list_.prefixes());
}

void RouterDiscovery::find_next() { next_ = std::min(ask_at_, list_.next_deadline()); }

void RouterDiscovery::fire(base::Instant now) {
  while (const auto gone = list_.expire(now)) neighbours_.unpin(*gone);
  install();
  if (ask_at_ <= now) ask(now);
  // The last router is gone, and nobody is asking yet.
  if (!list_.best() && ask_at_ == base::kNever) begin(now);
  find_next();
}

}  // namespace windhover::stack::ip
