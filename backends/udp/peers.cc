#include "backends/udp/peers.h"

#include <algorithm>
#include <bit>

#include "stack/base/check.h"

namespace windhover::backends::udp {
namespace {

using stack::base::Instant;
using stack::wire::Address;
using stack::wire::Endpoint;
using stack::wire::MacAddress;

std::uint64_t number_of(const MacAddress& station) {
  std::uint64_t number = 0;
  for (const std::uint8_t octet : station.octets) number = number << 8 | octet;
  return number;
}

}  // namespace

Peers::Peers(std::size_t configured_max, std::size_t learnt_max, const stack::base::SipKey& key)
    : key_(key), learnt_max_(learnt_max) {
  const std::size_t most = configured_max + learnt_max;
  CHECK(most < kNone);
  peers_.reserve(most);
  next_.reserve(most);
  buckets_.assign(std::bit_ceil(2 * most + 1), kNone);
}

std::size_t Peers::bucket_of(const Address& address) const {
  const std::uint8_t* const octets = address.mapped().data();
  const std::array<std::uint64_t, 2> words{stack::base::load_be<std::uint64_t>(octets),
                                           stack::base::load_be<std::uint64_t>(octets + 8)};
  return stack::base::siphash(key_, words) & (buckets_.size() - 1);
}

void Peers::link(PeerIndex index) {
  // At the end: among several at one address, the first is the one that stands first in the configuration.
  PeerIndex* place = &buckets_[bucket_of(peers_[index].endpoint.address)];
  while (*place != kNone) place = &next_[*place];
  *place = index;
  next_[index] = kNone;
}

void Peers::unlink(PeerIndex index) {
  PeerIndex* place = &buckets_[bucket_of(peers_[index].endpoint.address)];
  while (*place != index) place = &next_[*place];
  *place = next_[index];
}

PeerIndex Peers::insert(const Peer& peer) {
  CHECK(peers_.size() < peers_.capacity());
  const auto index = static_cast<PeerIndex>(peers_.size());
  peers_.push_back(peer);
  next_.push_back(kNone);
  link(index);
  return index;
}

void Peers::add(const Endpoint& endpoint, bool accept_partial) {
  const auto there = [&](const Peer& peer) { return peer.endpoint == endpoint; };
  if (std::ranges::none_of(peers_, there)) insert({endpoint, accept_partial, false, {}});
}

std::optional<PeerIndex> Peers::find(const Endpoint& source) const {
  std::optional<PeerIndex> found;
  for (PeerIndex index = buckets_[bucket_of(source.address)]; index != kNone; index = next_[index]) {
    const Endpoint& endpoint = peers_[index].endpoint;
    if (endpoint.address != source.address) continue;
    if (endpoint.port == source.port) return index;
    if (!found) found = index;
  }
  return found;
}

Peers::Learnt Peers::learn(const Endpoint& endpoint, bool accept_partial, Instant now) {
  const Peer peer{endpoint, accept_partial, true, now};
  if (learnt_count_ < learnt_max_) {
    ++learnt_count_;
    return {insert(peer), false};
  }
  const auto index = expendable(now);
  if (!index) return {};
  unlink(*index);
  peers_[*index] = peer;
  link(*index);
  return {index, true};
}

std::optional<PeerIndex> Peers::expendable(Instant now) {
  if (now < full_until_) return std::nullopt;
  std::optional<PeerIndex> oldest;
  for (std::size_t index = 0; index < peers_.size(); ++index) {
    if (peers_[index].learnt && (!oldest || peers_[index].heard < peers_[*oldest].heard))
      oldest = static_cast<PeerIndex>(index);
  }
  full_until_ = oldest ? peers_[*oldest].heard + kSilence : stack::base::kNever;
  if (now < full_until_) oldest.reset();
  return oldest;
}

Stations::Stations(const stack::base::SipKey& key) : key_(key), entries_(kSets * kWays) {}

std::size_t Stations::set_index(std::uint64_t station) const {
  return stack::base::siphash(key_, std::array{station}) % kSets;
}

void Stations::learn(const MacAddress& station, PeerIndex peer) {
  if (!station.is_station()) return;
  const std::uint64_t number = number_of(station);
  Entry* const set = set_of(number);
  Entry* place = std::find_if(set, set + kWays, [&](const Entry& entry) { return entry.station == number; });
  if (place == set + kWays)
    place = std::find_if(set, set + kWays, [](const Entry& entry) { return entry.station == 0; });
  if (place == set + kWays) place = set + victim_++ % kWays;
  *place = {number, peer};
}

std::optional<PeerIndex> Stations::find(const MacAddress& station) const {
  if (!station.is_station()) return std::nullopt;
  const std::uint64_t number = number_of(station);
  const Entry* const set = &entries_[set_index(number) * kWays];
  for (const Entry* entry = set; entry != set + kWays; ++entry)
    if (entry->station == number) return entry->peer;
  return std::nullopt;
}

void Stations::forget(PeerIndex peer) {
  for (Entry& entry : entries_)
    if (entry.peer == peer) entry = {};
}

}  // namespace windhover::backends::udp
