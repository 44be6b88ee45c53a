#include "backends/impair/line.h"

#include <algorithm>
#include <utility>

#include "backends/impair/corrupt.h"

namespace windhover::backends::impair {
namespace {

namespace base = stack::base;
namespace link = stack::link;

constexpr std::uint32_t kSuperFrameMax = 65575;
constexpr std::uint32_t kHeadroom = 128;
constexpr std::uint32_t kLinkHeaderMax = 18;

link::ArenaShape store_shape(std::uint32_t frame_count, const link::Caps& caps) {
  // A device that receives partial checksums may receive super-frames with them.
  const bool whole = caps.transmit_gso || caps.receive_partial_checksum;
  const std::uint32_t size = kHeadroom + kLinkHeaderMax + (whole ? kSuperFrameMax : caps.mtu);
  return {frame_count, size, kHeadroom, false};
}

/// How long a line of that rate sends so many bytes.
base::Duration sending_time(std::uint64_t bytes, std::uint64_t rate) {
  return base::Duration(static_cast<std::int64_t>(bytes * 1'000'000'000 / rate));
}

}  // namespace

Line::Line(const Profile& profile, std::uint64_t seed, std::uint32_t frame_count, const link::Caps& caps)
    : profile_(profile), medium_(caps.medium), random_(seed), store_(store_shape(frame_count, caps)) {
  waiting_.reserve(frame_count);
}

void Line::enter(base::Instant now, const link::Frame& frame) {
  ++stats_.offered;
  // Every chance is drawn for every frame, so that one probability does not shift what another one hits.
  const bool lost = random_.chance(profile_.loss);
  const bool damaged = random_.chance(profile_.corrupt);
  const bool twice = random_.chance(profile_.duplicate);
  if (lost || cut(now)) {
    ++stats_.lost;
    return;
  }
  base::Instant departure = now;
  if (profile_.rate != 0) {
    const base::Instant begin = std::max(now, free_at_);
    const std::size_t size = frame.total_size();
    if (begin - now + sending_time(size, profile_.rate) > sending_time(profile_.rate_queue, profile_.rate)) {
      ++stats_.overflowed;
      return;
    }
    departure = free_at_ = begin + sending_time(size, profile_.rate);
  }
  link::Frame sent = copy(frame);
  if (!sent) {
    ++stats_.overflowed;
    return;
  }
  if (damaged && !corrupt(sent, medium_, random_)) {
    ++stats_.lost;
    return;
  }
  if (damaged) ++stats_.corrupted;
  link::Frame again = twice ? copy(sent) : link::Frame{};
  place(departure, std::move(sent));
  if (!again) return;
  ++stats_.duplicated;
  place(departure, std::move(again));
}

void Line::place(base::Instant departure, link::Frame frame) {
  base::Instant due = departure + profile_.delay;
  const bool held = random_.chance(profile_.reorder);
  const std::uint64_t jitter = random_.next();
  if (profile_.jitter > base::Duration::zero()) {
    due += base::Duration(static_cast<std::int64_t>(jitter % static_cast<std::uint64_t>(profile_.jitter.count())));
  }
  if (held) {
    due += profile_.reorder_hold;
    ++stats_.reordered;
  }
  waiting_.push_back({due, entered_++, std::move(frame)});
  std::push_heap(waiting_.begin(), waiting_.end(), later);
}

link::Frame Line::pop() {
  std::pop_heap(waiting_.begin(), waiting_.end(), later);
  link::Frame frame = std::move(waiting_.back().frame);
  waiting_.pop_back();
  ++stats_.delivered;
  return frame;
}

bool Line::later(const Waiting& one, const Waiting& other) {
  return one.due != other.due ? one.due > other.due : one.order > other.order;
}

link::Frame Line::copy(const link::Frame& frame) {
  if (waiting_.size() == waiting_.capacity()) return {};
  link::Frame made = store_.allocate();
  if (!made) return {};
  CHECK(frame.total_size() <= made.tailroom());
  std::ranges::copy(frame.bytes(), made.append(frame.size()).begin());
  for (const base::Slice& piece : frame.pieces()) {
    std::ranges::copy(piece.bytes(), made.append(piece.size).begin());
  }
  made.offload() = frame.offload();
  return made;
}

}  // namespace windhover::backends::impair
