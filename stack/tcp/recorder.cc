#include "stack/tcp/recorder.h"

#include <algorithm>

#include "stack/tcp/record.h"
#include "stack/tcp/tcb.h"

namespace windhover::stack::tcp {

Recorder::Recorder(std::uint32_t tapes, base::Counters& counters)
    : counters_(counters), tapes_(std::make_unique_for_overwrite<Tape[]>(tapes)), owners_(tapes) {
  free_.reserve(tapes);
  for (std::uint32_t at = tapes; at-- > 0;) free_.push_back(at);
}

std::size_t Recorder::memory_size() const {
  return owners_.size() * (sizeof(Tape) + sizeof(Tcb*) + sizeof(std::uint32_t));
}

std::size_t Recorder::index_of(const TapeEvent* event) const {
  return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(event) -
                                  reinterpret_cast<const std::byte*>(tapes_.get())) /
         sizeof(Tape);
}

bool Recorder::begin(Tcb& tcb) {
  if (owners_.empty()) return false;
  if (free_.empty()) {
    counters_.count(base::Event::kTcpNotRecorded);
    return false;
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  owners_[index] = &tcb;
  tcb.tape_at = tapes_[index].events.data();
  rewind(tcb);
  return true;
}

void Recorder::rewind(Tcb& tcb) {
  Tape& tape = tapes_[index_of(tcb.tape_at)];
  tape.events.fill({});
  tcb.tape_at = tape.events.data();
}

void Recorder::end(Tcb& tcb) {
  if (tcb.tape_at == nullptr) return;
  const std::size_t index = index_of(tcb.tape_at);
  tcb.tape_at = nullptr;
  owners_[index] = nullptr;
  free_.push_back(static_cast<std::uint32_t>(index));
}

void Recorder::sweep(base::Instant now) {
  if (used() == 0) return;
  hand_ = hand_ + 1 < owners_.size() ? hand_ + 1 : 0;
  Tcb* const tcb = owners_[hand_];
  if (tcb != nullptr && now - std::max(tcb->last_received, tcb->last_sent) > kRecorderQuiet) end(*tcb);
}

void Recorder::read(const Tcb& tcb, Recording& recording) const {
  recording.count = 0;
  if (tcb.tape_at == nullptr) return;
  const Tape& tape = tapes_[index_of(tcb.tape_at)];
  const auto next = static_cast<std::size_t>(tcb.tape_at - tape.events.data());
  for (std::size_t age = 0; age < tape.events.size(); ++age) {
    const TapeEvent& from = tape.events[(next + age) % tape.events.size()];
    const std::uint32_t what = from.stamp >> 24;
    if (from.stamp == 0) continue;
    FlightEvent& to = recording.events[recording.count++];
    to = {.at = base::Instant{std::chrono::nanoseconds(from.stamp & TapeEvent::kTickMask)},
          .kind = static_cast<FlightEventKind>(what),
          .length = from.length,
          .window = from.window,
          .first = from.first,
          .second = from.second};
    if ((what & kTapeSegment) == 0) continue;
    const bool out = (what & kTapeOut) != 0;
    to.kind = out ? FlightEventKind::kSegmentOut : FlightEventKind::kSegmentIn;
    to.flags = unpack_flags(what);
    to.first -= (out ? tcb.iss : tcb.irs).value();
    if (to.second != 0) to.second -= (out ? tcb.irs : tcb.iss).value();  // Zero: it acknowledges nothing.
  }
  // Ticks count on a circle: times are found backwards from now.
  base::Instant at = tcb.now();
  auto later = static_cast<std::uint32_t>(at.time_since_epoch().count() >> TapeEvent::kTickShift);
  for (std::size_t index = recording.count; index-- > 0;) {
    FlightEvent& event = recording.events[index];
    const auto ticks = static_cast<std::uint32_t>(event.at.time_since_epoch().count());
    at -= base::Duration(std::int64_t{(later - ticks) & TapeEvent::kTickMask} << TapeEvent::kTickShift);
    event.at = at;
    later = ticks;
  }
}

}  // namespace windhover::stack::tcp
