#pragma once
// A packet script as data: what the parser makes of the text and the runner plays. README.md teaches the language.
//
// Numbers of segments are relative, as a reader of tcpdump sees them: the peer's count from its SYN (0), the stack's
// from its own SYN (0), modulo 2^32.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stack/base/time.h"

namespace windhover::script {

using stack::base::Duration;

/// When a step happens, or when a segment must leave.
struct Time {
  enum class Kind : std::uint8_t {
    kRelative,  ///< To the step before.
    kAbsolute,  ///< From the script's beginning.
    kAny,       ///< Whenever the stack sends next.
  };
  Kind kind = Kind::kRelative;
  Duration at{};
  std::optional<Duration> until{};  ///< The end of a range; without it `at` is meant within the tolerance.
};

/// One option of a segment, or a pattern for one.
struct Option {
  enum class Kind : std::uint8_t { kEnd, kNop, kMss, kWindowScale, kSackPermitted, kSack, kTimestamps, kRaw, kRest };
  struct Block {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    bool operator==(const Block&) const = default;
  };

  Kind kind = Kind::kNop;
  std::optional<std::uint32_t> value{};  ///< Of kMss, kWindowScale and TSval; nothing means any, or what is due.
  std::optional<std::uint32_t> echo{};   ///< TSecr.
  std::vector<Block> blocks{};           ///< Of kSack.
  std::vector<std::uint8_t> raw{};       ///< Of kRaw: the option's octets.

  bool operator==(const Option&) const = default;
};
using Options = std::vector<Option>;

/// The two ECN bits of the IP header.
enum class Ecn : std::uint8_t { kNotEct, kEct1, kEct0, kCe };

/// A TCP segment to inject, or the pattern of one that must come out: what is not given is not compared, except that
/// options not given mean those that every segment of the connection carries (timestamps, or none).
struct Segment {
  std::optional<std::uint8_t> flags{};
  std::optional<std::uint32_t> seq{};
  std::uint32_t size = 0;  ///< Of the payload; compared only with `seq`.
  std::optional<std::uint32_t> ack{};
  std::optional<std::uint16_t> window{};
  std::optional<std::uint16_t> urgent{};
  std::optional<Ecn> ecn{};
  std::optional<Options> options{};
  bool bad_checksum = false;
  bool junk = false;  ///< The payload is not what the stream has there: it must never reach the application.
};

/// An ICMP error of the peer's side about a segment of the stack.
struct IcmpError {
  enum class Kind : std::uint8_t { kTooBig, kNet, kHost, kProtocol, kPort, kProhibited, kTimeExceeded, kQuench };
  Kind kind = Kind::kTooBig;
  std::uint32_t mtu = 0;  ///< Of kTooBig.
  std::uint32_t seq = 0;  ///< Of the quoted segment, relative to the stack's SYN.
};

/// What the application does, or the peer settles about itself.
struct Verb {
  enum class Kind : std::uint8_t {
    kListen,
    kUnlisten,
    kRefuse,  ///< The acceptor declines from now on.
    kConnect,
    kWrite,
    kSlice,  ///< A write of shared buffers.
    kShutdown,
    kClose,        ///< `number` is how long it lingers, in nanoseconds.
    kUserTimeout,  ///< In nanoseconds.
    kAbort,
    kCork,
    kUncork,
    kPause,
    kResume,
    kRead,
    kStop,        ///< The whole stack.
    kFlow,        ///< Which connection the following steps are about.
    kPeerIsn,     ///< The peer's initial sequence number, raw.
    kPeerIsnAdd,  ///< Moves it, for a new connection after an old one.
    kPeerClock,   ///< Moves the clock of the peer's timestamps, in milliseconds.
  };
  Kind kind = Kind::kListen;
  std::uint64_t number = 0;
  std::optional<std::uint64_t> taken{};  ///< Of kWrite: how much the stack must take; all of it unless given.
};

/// A value within bounds: bytes or numbers, nanoseconds, or tenths of a segment.
struct Bounds {
  enum class Unit : std::uint8_t { kPlain, kDuration, kSegments };
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  Unit unit = Unit::kPlain;
};

/// What must hold at this moment.
struct Check {
  enum class Kind : std::uint8_t {
    kEstablished,
    kNotEstablished,
    kOpen,
    kClosed,
    kPeerFinished,
    kNotPeerFinished,
    kDrained,
    kSendable,
    kData,
    kState,
    kInfo,
    kCounter,
    kConnections,
    kTimeWait,
  };
  Kind kind = Kind::kOpen;
  std::string name{};  ///< Of the state, field, counter or reason.
  Bounds bounds{};
};

struct Inbound {
  Segment segment;
};
struct Outbound {
  Segment segment;
};
/// Nothing may leave from the step before until the step's time.
struct Quiet {};

struct Step {
  int line = 0;
  std::string text{};  ///< As the script has it, without comment.
  Time time{};
  std::variant<Inbound, IcmpError, Outbound, Quiet, Verb, Check> what{Quiet{}};
};

/// A `config` line.
struct Setting {
  int line = 0;
  std::string key{};
  std::string value{};
};

struct Script {
  std::vector<Setting> settings;
  std::vector<Step> steps;
};

}  // namespace windhover::script
