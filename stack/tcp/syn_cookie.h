#pragma once
// SYN cookies (RFC 4987 §3.6, appendix A): while the table of SYN objects is full, all that a listener must know of a
// half-open connection travels in the sequence number of the SYN-ACK, and comes back with the peer's acknowledgement.
//
//   bit 31..30   the minute in which it was made, modulo four
//   bit 29..27   the segment size, as an index into a table
//   bit 26..0    keyed hash of the flow, the peer's sequence number, the minute, the segment size and the options
//
// Where the peer sends timestamps, the low bits of ours, which it echoes, carry the options: four bits for the window
// scale, one for SACK, one for ECN, as Linux does. Without timestamps there is room for none of them.

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/tcp/peer_syn.h"
#include "stack/tcp/segment.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// Makes cookies and judges those that come back. A flow is named by its keyed hash, flow_hash().
///
/// A cookie is good for the minute in which it was made and for the next, once: the last kRemembered that were accepted
/// are refused when they come again. The minute is part of what is hashed, so each has a function of its own, and what
/// was learnt from old cookies says nothing of new ones. A guess succeeds with probability 2^-28.
/// Thread: one lane. Memory is taken at construction.
class SynCookies {
 public:
  explicit SynCookies(const base::SipKey& key);

  static constexpr base::Duration kMinute = std::chrono::minutes(1);
  static constexpr std::size_t kRemembered = 8192;

  /// The sequence number of the SYN-ACK that answers `syn`. `syn` comes back with what the cookie can carry: a segment
  /// size of the table, and no options without timestamps.
  wire::Seq make(base::Instant now, std::uint64_t flow, PeerSyn& syn);

  /// The timestamp to send instead of `clock`, before the flow's offset is added: at most 64 ms older.
  static std::uint32_t encode_options(std::uint32_t clock, const PeerSyn& syn);

  /// A cookie has been made so lately that acknowledgements may belong to it.
  bool expecting(base::Instant now) const { return now < expected_until_; }

  /// Judges the cookie that `segment` acknowledges, a segment with ACK and neither SYN nor RST. `echo` is what the peer
  /// echoes of our timestamps, less the flow's offset; nothing without timestamps. Fills `syn` and returns kAccepted,
  /// or says which kind of bad cookie it is.
  Verdict check(base::Instant now, std::uint64_t flow, const Segment& segment, std::optional<std::uint32_t> echo,
                PeerSyn& syn) const;

  /// The cookie that check() has just accepted has become a connection: it is not good any more.
  void spend(std::uint64_t flow, const Segment& segment, const PeerSyn& syn);

  std::size_t memory_size() const { return spent_.size() * sizeof(std::uint64_t); }

 private:
  std::uint64_t hash(std::uint64_t flow, const PeerSyn& syn, std::uint32_t index, std::uint64_t minute) const;
  /// What spend() remembers.
  std::uint64_t mark(std::uint64_t flow, const Segment& segment, const PeerSyn& syn) const;

  base::SipKey key_;
  base::Instant expected_until_ = base::Instant::min();
  std::vector<std::uint64_t> spent_;  // By the low bits of their hash; a new one replaces what was there.
};

}  // namespace windhover::stack::tcp
