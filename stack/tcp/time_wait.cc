#include "stack/tcp/time_wait.h"

#include <bit>

#include "stack/base/check.h"

namespace windhover::stack::tcp {

TimeWaitTable::TimeWaitTable(std::uint32_t entries_max, base::Duration wait)
    : nodes_(entries_max), buckets_(std::bit_ceil(std::size_t{entries_max}), kNone), wait_(wait) {
  CHECK(entries_max > 0);
  for (std::uint32_t at = 0; at < entries_max; ++at) nodes_[at].chain = at + 1 < entries_max ? at + 1 : kNone;
}

bool TimeWaitTable::insert(base::Instant now, std::uint64_t hash, const TimeWait& entry) {
  const bool full = free_ == kNone;
  if (full) erase(nodes_[oldest_].entry);
  const std::uint32_t index = free_;
  Node& node = nodes_[index];
  free_ = node.chain;
  node.entry = entry;
  node.expires = now + wait_;
  node.bucket = static_cast<std::uint32_t>(hash & (buckets_.size() - 1));
  node.chain = buckets_[node.bucket];
  buckets_[node.bucket] = index;
  append(index);
  ++size_;
  return !full;
}

TimeWait* TimeWaitTable::find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) {
  if (size_ == 0) return nullptr;
  for (std::uint32_t at = buckets_[hash & (buckets_.size() - 1)]; at != kNone; at = nodes_[at].chain) {
    if (nodes_[at].entry.remote == remote && nodes_[at].entry.local == local) return &nodes_[at].entry;
  }
  return nullptr;
}

std::uint32_t TimeWaitTable::index_of(const TimeWait& entry) const {
  // The entry is its node's first member.
  return static_cast<std::uint32_t>(reinterpret_cast<const Node*>(&entry) - nodes_.data());
}

void TimeWaitTable::append(std::uint32_t index) {
  Node& node = nodes_[index];
  node.previous = newest_;
  node.next = kNone;
  (newest_ == kNone ? oldest_ : nodes_[newest_].next) = index;
  newest_ = index;
}

void TimeWaitTable::unlink(std::uint32_t index) {
  const Node& node = nodes_[index];
  (node.previous == kNone ? oldest_ : nodes_[node.previous].next) = node.next;
  (node.next == kNone ? newest_ : nodes_[node.next].previous) = node.previous;
}

void TimeWaitTable::restart(base::Instant now, TimeWait& entry) {
  const std::uint32_t index = index_of(entry);
  unlink(index);
  nodes_[index].expires = now + wait_;
  append(index);
}

void TimeWaitTable::erase(TimeWait& entry) {
  const std::uint32_t index = index_of(entry);
  unlink(index);
  Node& node = nodes_[index];
  std::uint32_t* link = &buckets_[node.bucket];
  while (*link != index) link = &nodes_[*link].chain;
  *link = node.chain;
  node.chain = free_;
  free_ = index;
  --size_;
}

void TimeWaitTable::advance(base::Instant now) {
  while (oldest_ != kNone && nodes_[oldest_].expires <= now) erase(nodes_[oldest_].entry);
}

base::Instant TimeWaitTable::next_deadline() const { return oldest_ == kNone ? base::kNever : nodes_[oldest_].expires; }

}  // namespace windhover::stack::tcp
