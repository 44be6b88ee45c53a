#pragma once
// Multicast listener reports for the solicited-node groups of our addresses (RFC 3810), so that switches that listen in
// on them let neighbour solicitations through to us.
//
// Only that is offered: groups without source filters, version 2 alone (an old querier's questions are answered in
// version 2 as well), the last word about each group and not a history. Reports come from a link-local address of ours,
// else from the unspecified one, which RFC 3810 5.2.13 allows for exactly this purpose. What an answer waits is drawn
// once for all groups, and reports are at least kReportGap apart whatever is asked.
//
// Where queries do not reach us (AF_XDP leaves them to the host, which listens itself) a switch would forget the
// groups: they are told again whenever no query was heard for kQueryInterval.

#include <array>
#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/arrival.h"
#include "stack/ip/config.h"
#include "stack/ip/interface.h"
#include "stack/ip/jitter.h"
#include "stack/ip/output.h"
#include "stack/wire/mld.h"

namespace windhover::stack::ip {

/// RFC 3810 9.1 (Robustness Variable), 9.2 (Query Interval), 9.11 (Unsolicited Report Interval).
inline constexpr std::uint32_t kMldRobustness = 2;
inline constexpr base::Duration kQueryInterval = std::chrono::seconds(125);
inline constexpr base::Duration kUnsolicitedReportInterval = std::chrono::seconds(1);
/// The least time between two reports: what a flood of queries costs.
inline constexpr base::Duration kReportGap = std::chrono::milliseconds(100);

class Mld {
 public:
  Mld(const Config& config, const Interface& interface, Output& output, base::Counters& counters);

  /// The solicited-node group of `address` is wanted, or no more; it is told, and told again. Nothing happens where
  /// that is so already, for IPv4, for quiet addresses, and in a lane for which another answers. Precondition: the
  /// address is ours.
  void join(base::Instant now, const wire::Address& address);
  void leave(base::Instant now, const wire::Address& address);
  /// Tells of all groups as if they had just been joined: the link is new.
  void join_again(base::Instant now);

  /// Takes a received query, its checksum verified, and counts its end: kFramesConsumed, kMldInvalid or kIcmpIgnored.
  /// `packet` is the whole packet, `message` what lies behind its extension headers.
  void query(base::Instant now, base::Bytes packet, base::Bytes message, const Arrival& arrival);

  void advance(base::Instant now) {
    if (now >= next_) fire(now);
  }
  base::Instant next_deadline() const { return next_; }

 private:
  struct Entry {
    wire::Address group;
    bool member = false;
    std::uint32_t tell_joined = 0;  ///< Reports of having joined still to be sent.
    std::uint32_t tell_left = 0;    ///< The same of having left.
    bool asked = false;             ///< An answer is due.
  };

  Entry* find(const wire::Address& address);
  void schedule_changes(base::Instant now);
  void set(base::Instant& deadline, base::Instant at);
  void fire(base::Instant now);
  /// Sends one report of those for which `wanted(Entry&)` says so.
  template <typename Wanted>
  void report(base::Instant now, wire::MldRecord record, Wanted&& wanted);

  const Interface& interface_;
  Output& output_;
  base::Counters& counters_;
  Jitter jitter_;
  bool speaks_;
  std::array<Entry, kAddressesMax> entries_;  ///< In the order of Interface::configured().
  base::Instant changes_due_ = base::kNever;
  base::Instant answer_due_ = base::kNever;
  base::Instant repeat_due_ = base::kNever;
  base::Instant next_ = base::kNever;
  base::Instant reported_ = base::Instant::min();
};

}  // namespace windhover::stack::ip
