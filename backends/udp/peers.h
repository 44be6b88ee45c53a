#pragma once
// Who is at the other ends of the tunnel, and which station is behind whom.
//
// A peer is known by the address that its datagrams come from. Their port says nothing: it is a hash of the inner flow
// with Linux and most others. Only where several peers share an address (on one machine) does a port that equals a
// peer's own decide. Peers are configured, or learnt where that is allowed; a learnt one that has been silent for the
// longest, and for kSilence at least, makes room for a new one.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backends/udp/config.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::backends::udp {

/// A peer's place in the table.
using PeerIndex = std::uint16_t;

struct Peer {
  stack::wire::Endpoint endpoint;  ///< Where datagrams to it go.
  bool accept_partial = false;     ///< Checksums in its frames may be partial.
  bool learnt = false;
  stack::base::Instant heard{};  ///< Learnt ones: when last, about.
};

/// All memory is taken at construction. Thread: the lane's.
class Peers {
 public:
  /// How long a learnt peer keeps its place without a word: as long as Linux keeps a station (its default ageing time).
  static constexpr stack::base::Duration kSilence = std::chrono::seconds(300);

  /// Room for `configured_max` peers that are added and `learnt_max` that are learnt.
  Peers(std::size_t configured_max, std::size_t learnt_max, const stack::base::SipKey& key);

  /// A configured peer. One that is there already changes nothing. Precondition: there is room.
  void add(const stack::wire::Endpoint& endpoint, bool accept_partial);

  std::size_t size() const { return peers_.size(); }
  const Peer& operator[](PeerIndex index) const { return peers_[index]; }

  /// Who a datagram from there is from.
  std::optional<PeerIndex> find(const stack::wire::Endpoint& source) const;
  /// A learnt peer has spoken.
  void hear(PeerIndex index, stack::base::Instant now) { peers_[index].heard = now; }

  /// What became of a new one.
  struct Learnt {
    std::optional<PeerIndex> index;  ///< Nothing: no room.
    bool replaced = false;           ///< Another peer had this index; what is known about it is void.
  };
  /// Precondition: find() knows nobody at endpoint.address.
  Learnt learn(const stack::wire::Endpoint& endpoint, bool accept_partial, stack::base::Instant now);

 private:
  static constexpr PeerIndex kNone = 0xffff;

  std::size_t bucket_of(const stack::wire::Address& address) const;
  PeerIndex insert(const Peer& peer);
  void link(PeerIndex index);
  void unlink(PeerIndex index);
  /// The learnt peer that has been silent for the longest, if that is long enough.
  std::optional<PeerIndex> expendable(stack::base::Instant now);

  stack::base::SipKey key_;
  std::size_t learnt_max_;
  std::size_t learnt_count_ = 0;
  stack::base::Instant full_until_{};  // Before this no learnt peer has been silent for long enough.
  std::vector<Peer> peers_;
  std::vector<PeerIndex> next_;  // In the chain of its bucket.
  std::vector<PeerIndex> buckets_;
};

/// Which station (MAC address) is behind which peer, as the frames that came from it said. A bounded cache: a station
/// that is not in it is sent to by way of all peers.
/// Thread: the lane's.
class Stations {
 public:
  static constexpr std::size_t kSets = 1024;
  static constexpr std::size_t kWays = 4;

  explicit Stations(const stack::base::SipKey& key);

  /// A frame from `station` came from `peer`. Group addresses are nobody's, and change nothing.
  void learn(const stack::wire::MacAddress& station, PeerIndex peer);
  std::optional<PeerIndex> find(const stack::wire::MacAddress& station) const;
  /// Nothing is behind `peer` any more.
  void forget(PeerIndex peer);

 private:
  struct Entry {
    std::uint64_t station = 0;  // Forty-eight bits; 0: free.
    PeerIndex peer = 0;
  };
  Entry* set_of(std::uint64_t station) { return &entries_[set_index(station) * kWays]; }
  std::size_t set_index(std::uint64_t station) const;

  stack::base::SipKey key_;
  std::vector<Entry> entries_;
  std::size_t victim_ = 0;  // The way that the next station takes in a full set.
};

}  // namespace windhover::backends::udp
