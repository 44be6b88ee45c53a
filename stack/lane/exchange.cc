#include "stack/lane/exchange.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "stack/base/spsc_bytes.h"
#include "stack/link/steering.h"

namespace windhover::stack::lane {
namespace {

using LaneSet = std::uint64_t;  // Bit L: lane L.
static_assert(kLanesMax == 64);

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kMailboxSizeMin = 256 * 1024;

// A super-frame of 64 KiB with its link header. An odd number of cache lines, so that the first lines of all frames,
// where headers lie, do not compete for the same few places of the cache.
constexpr std::uint32_t kFrameSize = 65536 + kCacheLine;

constexpr LaneSet set_of(std::uint32_t lane) { return LaneSet{1} << lane; }

template <typename Visit>
void for_each(LaneSet lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(static_cast<std::uint32_t>(std::countr_zero(lanes)));
}

/// Takes the empty handles out of the burst; what is left keeps its order.
void close_gaps(link::Burst& burst) {
  const auto frames = burst.frames();
  std::size_t begin = frames.size();
  for (std::size_t at = frames.size(); at-- > 0;) {
    if (frames[at]) std::swap(frames[--begin], frames[at]);
  }
  burst.drop_front(begin);
}

/// What one lane has for itself.
struct alignas(kCacheLine) Own {
  explicit Own(std::uint32_t frame_count) : arena({frame_count, kFrameSize, 0, false}) {}

  link::FrameArena arena;
  LaneSet mail = 0;         // Lanes whose mailboxes may hold something.
  LaneSet to_wake = 0;      // Lanes that slept when this one posted to them.
  std::uint32_t first = 0;  // Whose mail is taken first: after the one at which the last burst was full.
  Doorbell* doorbell = nullptr;
  MailStats stats;
};

/// The word of exchange.h.
struct alignas(kCacheLine) Word {
  std::atomic<LaneSet> bits{0};
};

}  // namespace

struct Exchange::Parts {
  Parts(std::uint32_t count_in, std::size_t mailbox_size) : count(count_in), words(count_in), mailboxes(count * count) {
    for (std::uint32_t from = 0; from < count; ++from) {
      own.push_back(std::make_unique<Own>(count == 1 ? 0 : link::kBurstMax));
      for (std::uint32_t to = 0; to < count; ++to) {
        if (from != to) mailboxes[from * count + to] = std::make_unique<base::SpscBytes>(mailbox_size);
      }
    }
  }

  base::SpscBytes& mailbox(std::uint32_t from, std::uint32_t to) { return *mailboxes[from * count + to]; }

  /// Copies the frame into the mailbox; false when it was full.
  bool post(std::uint32_t from, std::uint32_t to, const link::Frame& frame);
  LaneSet post_to_all(std::uint32_t from, const link::Frame& frame);
  /// Lets the mailboxes' owners see what was posted.
  void announce(std::uint32_t from, LaneSet posted);
  /// Moves up to `room` records from a mailbox into the burst; returns how many it has taken out.
  std::size_t take(std::uint32_t from, std::uint32_t to, link::Burst& burst, std::size_t room);

  std::uint32_t count;
  std::vector<Word> words;
  std::vector<std::unique_ptr<Own>> own;
  std::vector<std::unique_ptr<base::SpscBytes>> mailboxes;
};

bool Exchange::Parts::post(std::uint32_t from, std::uint32_t to, const link::Frame& frame) {
  base::SpscBytes& mailbox = this->mailbox(from, to);
  const base::Bytes bytes = frame.bytes();
  const base::MutableBytes record = mailbox.reserve(sizeof(link::Offload) + bytes.size());
  if (record.empty()) {
    own[from]->stats.dropped.add();
    return false;
  }
  std::memcpy(record.data(), &frame.offload(), sizeof(link::Offload));
  std::memcpy(record.data() + sizeof(link::Offload), bytes.data(), bytes.size());
  mailbox.commit();
  own[from]->stats.posted.add();
  return true;
}

LaneSet Exchange::Parts::post_to_all(std::uint32_t from, const link::Frame& frame) {
  LaneSet posted = 0;
  for (std::uint32_t to = 0; to < count; ++to) {
    if (to != from && post(from, to, frame)) posted |= set_of(to);
  }
  return posted;
}

void Exchange::Parts::announce(std::uint32_t from, LaneSet posted) {
  for_each(posted, [&](std::uint32_t to) {
    mailbox(from, to).publish();
    const LaneSet before = words[to].bits.fetch_or(set_of(from), std::memory_order_acq_rel);
    if ((before & set_of(to)) != 0) own[from]->to_wake |= set_of(to);
  });
}

std::size_t Exchange::Parts::take(std::uint32_t from, std::uint32_t to, link::Burst& burst, std::size_t room) {
  base::SpscBytes& mailbox = this->mailbox(from, to);
  Own& self = *own[to];
  std::size_t taken = 0;
  for (; taken < room; ++taken) {
    const base::Bytes record = mailbox.front();
    if (record.empty()) break;
    const base::Bytes bytes = record.subspan(sizeof(link::Offload));
    link::Frame frame = self.arena.allocate();
    if (frame && bytes.size() <= frame.tailroom()) {
      std::memcpy(&frame.offload(), record.data(), sizeof(link::Offload));
      std::memcpy(frame.append(bytes.size()).data(), bytes.data(), bytes.size());
      burst.push(std::move(frame));
      self.stats.received.add();
    } else {
      self.stats.dropped.add();
    }
    mailbox.pop();
  }
  mailbox.release();
  return taken;
}

Exchange::Exchange(std::uint32_t lane_count, std::size_t mailbox_size) {
  CHECK(lane_count >= 1 && lane_count <= kLanesMax && mailbox_size >= kMailboxSizeMin);
  parts_ = std::make_unique<Parts>(lane_count, mailbox_size);
}

Exchange::~Exchange() = default;

std::uint32_t Exchange::lane_count() const { return parts_->count; }

void Exchange::connect(std::uint32_t lane, Doorbell& doorbell) { parts_->own[lane]->doorbell = &doorbell; }

void Exchange::sort(std::uint32_t lane, link::Medium medium, link::Burst& burst) {
  if (parts_->count == 1) return;
  LaneSet posted = 0;
  bool gaps = false;
  for (link::Frame& frame : burst.frames()) {
    const std::uint32_t owner = link::owner_of(frame.bytes(), medium, parts_->count);
    if (owner == lane) continue;
    if (owner == link::kEveryLane) {
      posted |= parts_->post_to_all(lane, frame);
      continue;
    }
    if (parts_->post(lane, owner, frame)) posted |= set_of(owner);
    frame.reset();
    gaps = true;
  }
  if (gaps) close_gaps(burst);
  parts_->announce(lane, posted);
}

void Exchange::ring(std::uint32_t lane) {
  Own& self = *parts_->own[lane];
  for_each(std::exchange(self.to_wake, 0), [&](std::uint32_t to) {
    const LaneSet before = parts_->words[to].bits.fetch_and(~set_of(to), std::memory_order_acq_rel);
    if ((before & set_of(to)) == 0) return;
    parts_->own[to]->doorbell->ring();
    self.stats.rung.add();
  });
}

std::size_t Exchange::collect(std::uint32_t lane, link::Burst& burst) {
  Own& self = *parts_->own[lane];
  std::atomic<LaneSet>& word = parts_->words[lane].bits;
  // A plain load while nothing comes: the line stays shared, and polling disturbs nobody.
  if (word.load(std::memory_order_relaxed) != 0)
    self.mail |= word.exchange(0, std::memory_order_acq_rel) & ~set_of(lane);
  const std::size_t before = burst.size();
  std::size_t room = burst.room();
  for (LaneSet left = self.mail; left != 0 && room > 0;) {
    const int ahead = std::countr_zero(std::rotr(left, static_cast<int>(self.first)));
    const std::uint32_t from = (static_cast<std::uint32_t>(ahead) + self.first) % kLanesMax;
    const std::size_t offered = room;
    room -= parts_->take(from, lane, burst, offered);
    left &= ~set_of(from);
    if (room > 0) {
      self.mail &= ~set_of(from);
    } else {
      self.first = (from + 1) % kLanesMax;
    }
  }
  return burst.size() - before;
}

bool Exchange::may_sleep(std::uint32_t lane) {
  Own& self = *parts_->own[lane];
  CHECK(self.doorbell != nullptr);
  if (self.mail != 0) return false;
  std::atomic<LaneSet>& word = parts_->words[lane].bits;
  if (word.fetch_or(set_of(lane), std::memory_order_acq_rel) == 0) return true;
  word.fetch_and(~set_of(lane), std::memory_order_acq_rel);
  return false;
}

void Exchange::awake(std::uint32_t lane) {
  parts_->words[lane].bits.fetch_and(~set_of(lane), std::memory_order_acq_rel);
}

const MailStats& Exchange::stats(std::uint32_t lane) const { return parts_->own[lane]->stats; }

std::size_t Exchange::memory_size() const {
  std::size_t sum = 0;
  for (const auto& mailbox : parts_->mailboxes) sum += mailbox ? mailbox->capacity() : 0;
  for (const auto& own : parts_->own) sum += own->arena.memory_size();
  return sum;
}

}  // namespace windhover::stack::lane
