#include "stack/tcp/time_wait.h"

#include "stack/tcp/answer_limit.h"

namespace windhover::stack::tcp {

TimeWaitTable::TimeWaitTable(std::uint32_t entries_max, base::Duration wait) : table_(entries_max), wait_(wait) {}

bool TimeWaitTable::insert(base::Instant now, std::uint64_t hash, const Endpoint& local, const Endpoint& remote,
                           const TimeWait& entry) {
  const bool full = table_.full();
  if (full) erase(table_.oldest(queue_));
  const auto number = locals_.hold(local.address);
  if (!number) return false;
  TimeWait& kept = table_.allocate(hash);
  const ObjectLinks links = kept.links;
  kept = entry;
  kept.links = links;
  kept.expires = now + wait_;
  kept.remote_address = remote.address;
  kept.remote_port = remote.port;
  kept.local_number = *number;
  kept.local_port = local.port;
  table_.append(queue_, kept);
  return !full;
}

TimeWait* TimeWaitTable::find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) {
  return table_.find(hash, [&](const TimeWait& entry) {
    return entry.remote_address == remote.address && entry.remote_port == remote.port &&
           entry.local_port == local.port && locals_[entry.local_number] == local.address;
  });
}

void TimeWaitTable::restart(base::Instant now, TimeWait& entry) {
  table_.unlink(queue_, entry);
  entry.expires = now + wait_;
  entry.answered_ms = 0;
  table_.append(queue_, entry);
}

bool TimeWaitTable::may_answer(base::Instant now, TimeWait& entry) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(entry.expires - now);
  if (entry.answered_ms != 0 && std::chrono::milliseconds(entry.answered_ms) - left < kAnswerInterval) return false;
  entry.answered_ms = static_cast<std::uint32_t>(left.count());
  return true;
}

void TimeWaitTable::erase(TimeWait& entry) {
  table_.unlink(queue_, entry);
  locals_.release(entry.local_number);
  table_.release(entry);
}

void TimeWaitTable::advance(base::Instant now) {
  while (!queue_.empty() && table_.oldest(queue_).expires <= now) erase(table_.oldest(queue_));
}

base::Instant TimeWaitTable::next_deadline() const {
  return queue_.empty() ? base::kNever : table_.oldest(queue_).expires;
}

}  // namespace windhover::stack::tcp
