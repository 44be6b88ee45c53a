#pragma once
// What an operator can say about TCP. Every default is the one a Linux user would expect unless a comment says
// otherwise.

#include <cstddef>
#include <cstdint>

#include "stack/base/time.h"

namespace windhover::stack::tcp {

enum class CongestionControl : std::uint8_t { kNewReno, kCubic };

/// Explicit congestion notification (RFC 3168).
enum class EcnMode : std::uint8_t {
  kOff,
  kAccept,  ///< When the peer asks, as Linux.
  kAsk,     ///< On our active opens too.
};

/// Looking for the packet size that a path carries; see stack/tcp/path_probe.h.
enum class PathProbing : std::uint8_t { kOff, kBlackHole, kAlways };

struct Config {
  std::uint32_t connections_max = 65536;  ///< Slots; memory is taken at start.
  /// Connections that may be busy at once, 648 bytes each: the others sleep (activity.h). Zero: all, up to 65,536.
  std::uint32_t active_max = 0;
  std::uint32_t backlog = 4096;                  ///< Half-open connections of one listener.
  std::uint32_t half_open_max = 16384;           ///< Half-open connections of the lane; 64 bytes each, taken at start.
  bool syn_cookies = true;                       ///< Beyond those bounds a SYN is answered with a cookie, not dropped.
  std::uint32_t connections_per_source_max = 0;  ///< Accepted from one IPv4 address or IPv6 /64. Zero: no such bound.
  std::uint32_t time_wait_max = 65536;
  /// Bytes offered to a peer: at first, and at most, when it sends so much (tune.h). Linux offers as much at first, and
  /// three MiB of its tcp_rmem[2] at most.
  std::uint32_t receive_window_initial = 64 * 1024;
  std::uint32_t receive_window = 4 * 1024 * 1024;
  /// Copied bytes that one connection may have queued (slices do not count): always, and when its congestion window
  /// wants so much.
  std::uint32_t send_buffer_initial = 64 * 1024;
  std::uint32_t send_buffer = 1024 * 1024;
  std::uint32_t send_blocks = 8192;        ///< Blocks of kSendBlockSize shared by all connections of the lane.
  std::uint32_t send_entries = 65536;      ///< Send-queue entries shared by all connections of the lane.
  std::uint32_t reassembly_blocks = 8192;  ///< Blocks of out-of-order or unread data shared by the lane.
  /// Connections whose latest events are kept (recorder.h), a KiB each. Zero: nobody's.
  std::uint32_t recorder_tapes = 1024;
  CongestionControl congestion_control = CongestionControl::kCubic;
  EcnMode ecn = EcnMode::kAccept;
  PathProbing path_probing = PathProbing::kBlackHole;       ///< RFC 4821.
  std::uint32_t initial_window = 10;                        ///< Segments (RFC 6928).
  base::Duration rto_initial = std::chrono::seconds(1);     ///< RFC 6298 2.1.
  base::Duration rto_min = std::chrono::milliseconds(200);  ///< Lower than RFC 6298's second, as Linux.
  base::Duration rto_max = std::chrono::seconds(120);
  std::uint32_t retransmissions_max = 15;  ///< Then the connection is given up (RFC 9293 3.8.3 R2), as Linux,
  base::Duration retransmission_time_max = std::chrono::seconds(925);  ///< or after so long: 15 doublings from 200 ms.
  std::uint32_t syn_retransmissions_max = 5;
  base::Duration delayed_ack = std::chrono::milliseconds(40);  ///< RFC 1122 4.2.3.2 allows 500 ms.
  base::Duration time_wait = std::chrono::seconds(60);
  base::Duration fin_wait_2 = std::chrono::seconds(60);  ///< For the peer's FIN after close(), as Linux.
  base::Duration user_timeout{};     ///< The longest without progress while something is due (RFC 5482). Zero: none.
  base::Duration keep_alive_idle{};  ///< Zero: keep-alive is off (RFC 1122 4.2.3.6).
  base::Duration keep_alive_interval = std::chrono::seconds(75);
  std::uint32_t keep_alive_probes = 9;
  bool timestamps = true;  ///< RFC 7323.
  bool sack = true;        ///< RFC 2018.
};

}  // namespace windhover::stack::tcp
