#pragma once
// The flight recorder: the last 64 events of each active connection, so that a connection that ends badly can say why.
//
// An event is sixteen bytes, a tape a KiB. Tapes are the lane's; a connection takes one when something happens to it
// and gives it back when it ends or has been quiet for kRecorderQuiet, so that their number is that of connections that
// are active, not of those that are open. When none is free, events are not recorded and that is counted
// (kTcpNotRecorded).

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/tcp/recording.h"

namespace windhover::stack::tcp {

class Tcb;

/// A connection without segments for so long gives its tape back and begins anew. Also what makes times of 24 bits
/// enough: between two events lies less than their circle of 275 s.
inline constexpr base::Duration kRecorderQuiet = std::chrono::seconds(30);

/// An event as it is kept. RFC 9293's numbers as on the wire: they are made relative when somebody reads.
struct TapeEvent {
  static constexpr std::uint32_t kTickShift = 14;  ///< A tick is 2^14 ns.
  static constexpr std::uint32_t kTickMask = 0xffffff;

  std::uint32_t first;
  std::uint32_t second;
  std::uint16_t length;
  std::uint16_t window;
  std::uint32_t stamp;  ///< Low 24 bits: ticks. High 8: what it is (record.h), zero for nothing.
};
static_assert(sizeof(TapeEvent) == 16);

/// Aligned, so that the place of an event tells the beginning of its tape.
struct alignas(1024) Tape {
  std::array<TapeEvent, Recording::kEventsMax> events;
};
static_assert(sizeof(Tape) <= 1024);

/// The lane's tapes, taken at construction; pages are first touched when first used. Thread: one lane.
class Recorder {
 public:
  /// No tapes: nothing is recorded, nor counted as missed.
  Recorder(std::uint32_t tapes, base::Counters& counters);

  /// A tape for a connection that has none; false when there is none to be had.
  bool begin(Tcb& tcb);
  /// Forgets what was recorded.
  void rewind(Tcb& tcb);
  /// Gives the tape back, if there is one.
  void end(Tcb& tcb);
  /// Looks whether one connection has become quiet; each call looks at another.
  void sweep(base::Instant now);

  /// Decodes what is recorded of a connection.
  void read(const Tcb& tcb, Recording& recording) const;

  /// Where the event after `event` goes: the oldest makes room.
  static TapeEvent* after(TapeEvent* event) {
    const auto place = reinterpret_cast<std::uintptr_t>(event);
    const std::uintptr_t inside = (place + sizeof(TapeEvent)) & (sizeof(Tape) - 1);
    return reinterpret_cast<TapeEvent*>((place & ~(sizeof(Tape) - 1)) | inside);
  }

  std::uint32_t used() const { return static_cast<std::uint32_t>(owners_.size() - free_.size()); }
  std::size_t memory_size() const;

 private:
  std::size_t index_of(const TapeEvent* event) const;

  base::Counters& counters_;
  std::unique_ptr<Tape[]> tapes_;
  std::vector<Tcb*> owners_;
  std::vector<std::uint32_t> free_;
  std::size_t hand_ = 0;  // Where sweep() looks next.
};

}  // namespace windhover::stack::tcp
