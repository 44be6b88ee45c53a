#pragma once
// What a lane counts, and the name of every reason for which it lets something drop.
//
// A bad packet is never logged: it is dropped under a name from this list, and each name has a test that causes it.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace windhover::stack::base {

/// A number with one writer (its lane) and any number of readers on other threads. Never locked, never
/// read-modify-write.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.store(value() + count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Every reason for which the stack drops a frame, a packet or a segment: identifier, name.
#define WINDHOVER_DROPS(X)                                                                                  \
  X(kLinkTruncated, "link.truncated")      /* Shorter than its link header. */                              \
  X(kLinkNotForUs, "link.not_for_us")      /* Unicast to another MAC. */                                    \
  X(kLinkUnknownType, "link.unknown_type") /* An EtherType or IP version that nobody here speaks. */        \
  X(kArpMalformed, "arp.malformed")                                                                         \
  X(kArpIgnored, "arp.ignored")       /* Well-formed, not for us or not to be believed. */                  \
  X(kIpv4Malformed, "ipv4.malformed") /* Version, header length or total length impossible. */              \
  X(kIpv4BadChecksum, "ipv4.bad_checksum")                                                                  \
  X(kIpv4Options, "ipv4.options") /* Malformed, or a source route. */                                       \
  X(kIpv6Malformed, "ipv6.malformed")                                                                       \
  X(kIpv6ExtensionHeader, "ipv6.extension_header") /* Not offered, or beyond the bounds. */                 \
  X(kIpBadSource, "ip.bad_source")                 /* Multicast, broadcast, loopback or our own address. */ \
  X(kIpNotForUs, "ip.not_for_us")                                                                           \
  X(kFragmentMalformed, "fragment.malformed") /* A length or offset that no packet has. */                  \
  X(kFragmentTiny, "fragment.tiny")           /* Splits a header (RFC 1858, RFC 7112). */                   \
  X(kFragmentDuplicate, "fragment.duplicate") /* Came before, octet by octet. */                            \
  X(kFragmentOverlap, "fragment.overlap")     /* Overlaps or contradicts others. */                         \
  X(kFragmentAbandoned, "fragment.abandoned") /* Of a packet given up before. */                            \
  X(kFragmentTooMany, "fragment.too_many")    /* More than one packet may come in. */                       \
  X(kFragmentEcn, "fragment.ecn")             /* Marks that cannot be joined (RFC 3168). */                 \
  X(kFragmentNoRoom, "fragment.no_room")      /* No memory for it, or for the whole packet. */              \
  X(kReassemblyTimeout, "reassembly.timeout") /* Some fragments stayed out too long. */                     \
  X(kReassemblyEvicted, "reassembly.evicted") /* The oldest packet made room for another. */                \
  X(kIcmpMalformed, "icmp.malformed")                                                                       \
  X(kIcmpBadChecksum, "icmp.bad_checksum")                                                                  \
  X(kIcmpIgnored, "icmp.ignored")                 /* A type or a quoted flow that means nothing here. */    \
  X(kIcmpRedirect, "icmp.redirect")               /* Ignored, always: routes are the operator's. */         \
  X(kIcmpRateLimited, "icmp.rate_limited")        /* An error of ours that was not sent. */                 \
  X(kNdpInvalid, "ndp.invalid")                   /* Fails the checks of RFC 4861 7.1. */                   \
  X(kMldInvalid, "mld.invalid")                   /* Fails the checks of RFC 3810 6.2. */                   \
  X(kNeighbourQueueFull, "neighbour.queue_full")  /* Too much waits for one resolution. */                  \
  X(kNeighbourUnresolved, "neighbour.unresolved") /* Resolution failed with packets waiting. */             \
  X(kNeighbourTableFull, "neighbour.table_full")                                                            \
  X(kAddressNotUsable, "ip.address_not_usable") /* To be sent from one of ours that we may not use. */      \
  X(kNoRoute, "ip.no_route")                                                                                \
  X(kUdpMalformed, "udp.malformed") /* Length impossible. */                                                \
  X(kUdpBadChecksum, "udp.bad_checksum")                                                                    \
  X(kUdpNoSocket, "udp.no_socket")           /* Answered with port unreachable. */                          \
  X(kUnknownProtocol, "ip.unknown_protocol") /* Answered with protocol unreachable. */                      \
  X(kTcpMalformed, "tcp.malformed")          /* Header length or options impossible. */                     \
  X(kTcpBadChecksum, "tcp.bad_checksum")                                                                    \
  X(kTcpBadFlags, "tcp.bad_flags")             /* Flags that no state accepts. */                           \
  X(kTcpNoConnection, "tcp.no_connection")     /* Answered with RST unless it was one. */                   \
  X(kTcpUnacceptable, "tcp.unacceptable")      /* Outside the receive window (RFC 9293 3.10.7.4). */        \
  X(kTcpPaws, "tcp.paws")                      /* Timestamp too old (RFC 7323 5.3). */                      \
  X(kTcpBadAck, "tcp.bad_ack")                 /* Acknowledges what was never sent. */                      \
  X(kTcpBacklogFull, "tcp.backlog_full")       /* A SYN beyond the half-open bounds, cookies off. */        \
  X(kTcpTableFull, "tcp.table_full")           /* No connection slot is free. */                            \
  X(kTcpSourceFull, "tcp.source_full")         /* Its source has all the connections it may. */             \
  X(kTcpCookieForged, "tcp.cookie_forged")     /* An acknowledgement of no SYN cookie of ours. */           \
  X(kTcpCookieLate, "tcp.cookie_late")         /* Of one whose time is over. */                             \
  X(kTcpCookieReplayed, "tcp.cookie_replayed") /* Of one that has opened a connection before. */            \
  X(kTcpActiveFull, "tcp.active_full")         /* It sleeps, or is new, and all that are awake are busy. */ \
  X(kTcpUnread, "tcp.unread")                  /* Data that nobody will read: answered with RST. */         \
  X(kTcpMemoryShort, "tcp.memory_short")       /* A SYN, while the lane's memory is tight. */               \
  X(kTcpReassemblyFull, "tcp.reassembly_full") /* Out-of-order data beyond its bound. */                    \
  X(kTcpTimeWaitFull, "tcp.time_wait_full")    /* A TIME-WAIT was cut short. */                             \
  X(kTcpRefused, "tcp.refused")                /* The application declined the connection. */               \
  X(kTransmitQueueFull, "transmit.queue_full") /* A reply had no room. */                                   \
  X(kTransmitNoFrame, "transmit.no_frame")     /* The arena was empty. */

enum class Drop : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_DROPS(X)
#undef X
};

inline constexpr std::size_t kDropCount = 0
#define X(identifier, name) +1
    WINDHOVER_DROPS(X)
#undef X
    ;

/// The reason's name, such as "tcp.bad_checksum".
std::string_view name(Drop drop);

/// True when counting `drop` is the end of a received frame. The others are about what we send: a reply, a packet that
/// waits for its neighbour, an error that the rate limit holds back. The frame that caused those is accounted for on
/// its own.
constexpr bool ends_received_frame(Drop drop) {
  switch (drop) {
    case Drop::kReassemblyTimeout:
    case Drop::kReassemblyEvicted:
    case Drop::kIcmpRateLimited:
    case Drop::kNeighbourQueueFull:
    case Drop::kNeighbourUnresolved:
    case Drop::kNeighbourTableFull:
    case Drop::kAddressNotUsable:
    case Drop::kNoRoute:
    case Drop::kTcpTimeWaitFull:
    case Drop::kTcpRefused:
    case Drop::kTcpUnread:
    case Drop::kTransmitQueueFull:
    case Drop::kTransmitNoFrame:
      return false;
    default:
      return true;
  }
}

/// What happened, other than drops: identifier, name.
#define WINDHOVER_EVENTS(X)                                                                                           \
  X(kFramesIn, "frames_in")             /* Frames handed to the stack. */                                             \
  X(kFramesOut, "frames_out")           /* Frames handed to the device. */                                            \
  X(kFramesPassed, "frames_passed")     /* Frames no layer consumed. */                                               \
  X(kFramesConsumed, "frames_consumed") /* Frames that a layer used up without an error. */                           \
  X(kReassembled, "ip.reassembled")     /* Packets put together from fragments. */                                    \
  X(kEchoReplies, "icmp.echo_replies")                                                                                \
  X(kErrorsSent, "icmp.errors_sent")                                                                                  \
  X(kAddressConflicts, "ip.address_conflicts") /* Others' claims to our addresses; see stack/ip/dad.h. */             \
  X(kAddressesLost, "ip.addresses_lost")       /* Addresses not used because they are another's. */                   \
  X(kUdpDatagramsIn, "udp.datagrams_in")       /* Taken by a socket. */                                               \
  X(kUdpDatagramsOut, "udp.datagrams_out")                                                                            \
  X(kTcpSegmentsIn, "tcp.segments_in")                                                                                \
  X(kTcpSegmentsOut, "tcp.segments_out")                                                                              \
  X(kTcpEcnReductions, "tcp.ecn_reductions")                /* Windows reduced because a router marked. */            \
  X(kTcpPathProbesSent, "tcp.path_probes_sent")             /* Segments larger than the path was known to carry, */   \
  X(kTcpPathProbesLost, "tcp.path_probes_lost")             /* and those of them that it did not. */                  \
  X(kTcpPathBlackHoles, "tcp.path_black_holes")             /* Paths that lost full segments in silence. */           \
  X(kTcpMemoryPressure, "tcp.memory_pressure")              /* The lane's memory came under pressure, */              \
  X(kTcpMemoryTight, "tcp.memory_tight")                    /* and became tight (tcp/budget.h). */                    \
  X(kTcpWindowGrown, "tcp.window_grown")                    /* A receive window doubled, */                           \
  X(kTcpWindowGrowthHeld, "tcp.window_growth_held")         /* or would have but for the pressure. */                 \
  X(kTcpSlept, "tcp.slept")                                 /* Quiet connections put to sleep for others, */          \
  X(kTcpWakeRefused, "tcp.wake_refused")                    /* and verbs that had to wait: all were busy. */          \
  X(kTcpNotRecorded, "tcp.not_recorded")                    /* Events for which the flight recorder had no tape. */   \
  X(kTcpDsackOldSent, "tcp.dsack_old_sent")                 /* Duplicates reported: of delivered data, */             \
  X(kTcpDsackOutOfOrderSent, "tcp.dsack_out_of_order_sent") /* and of data that waits. */                             \
  X(kTcpReneged, "tcp.reneged")                             /* Blocks out of order that made room for nearer ones, */ \
  X(kTcpRenegedForOthers, "tcp.reneged_for_others")         /* and for a connection that held less. */                \
  X(kTcpRetransmitted, "tcp.retransmitted")                 /* Segments sent again. */                                \
  X(kTcpFastRecoveries, "tcp.fast_recoveries")              /* Episodes of repair that no timeout began. */           \
  X(kTcpTimeouts, "tcp.timeouts")                           /* Retransmission timeouts of data. */                    \
  X(kTcpTailProbes, "tcp.tail_probes")                      /* RFC 8985 7.3. */                                       \
  X(kTcpRecoveriesUndone, "tcp.recoveries_undone")          /* Repairs that were needless. */                         \
  X(kTcpRetransmitPostponed, "tcp.retransmit_postponed")    /* The frame had not left yet. */                         \
  X(kTcpResetsSent, "tcp.resets_sent")                                                                                \
  X(kTcpPassiveOpens, "tcp.passive_opens")                                                                            \
  X(kTcpActiveOpens, "tcp.active_opens")                                                                              \
  X(kTcpEstablished, "tcp.established") /* Handshakes completed. */                                                   \
  X(kTcpCookiesSent, "tcp.cookies_sent")                                                                              \
  X(kTcpCookiesAccepted, "tcp.cookies_accepted")                                                                      \
  X(kTcpAnswersLimited, "tcp.answers_limited") /* Challenges and such that were held back. */

enum class Event : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_EVENTS(X)
#undef X
};

inline constexpr std::size_t kEventCount = 0
#define X(identifier, name) +1
    WINDHOVER_EVENTS(X)
#undef X
    ;

std::string_view name(Event event);

/// One lane's counters. Thread: the lane writes, anybody reads.
/// Invariant, between bursts: kFramesIn == kFramesConsumed + kFramesPassed + received_dropped().
class Counters {
 public:
  void drop(Drop reason) { drops_[static_cast<std::size_t>(reason)].add(); }
  void count(Event event, std::uint64_t by = 1) { events_[static_cast<std::size_t>(event)].add(by); }

  std::uint64_t value(Drop reason) const { return drops_[static_cast<std::size_t>(reason)].value(); }
  std::uint64_t value(Event event) const { return events_[static_cast<std::size_t>(event)].value(); }

  /// Received frames that ended in a drop: the sum over the reasons for which ends_received_frame() holds.
  std::uint64_t received_dropped() const;

 private:
  std::array<Counter, kDropCount> drops_;
  std::array<Counter, kEventCount> events_;
};

}  // namespace windhover::stack::base
