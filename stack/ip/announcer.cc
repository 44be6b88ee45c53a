#include "stack/ip/announcer.h"

#include <algorithm>

namespace windhover::stack::ip {

void Announcer::begin(base::Instant now, const wire::Address& address) {
  if (!interface_.answers_neighbours()) return;
  const auto& ours = interface_.configured();
  for (std::size_t at = 0; at < ours.size(); ++at) {
    if (ours[at].address != address || ours[at].quiet) continue;
    entries_[at] = {count_, now};
    next_ = std::min(next_, now);
  }
  advance(now);
}

void Announcer::begin_all(base::Instant now) {
  for (const InterfaceAddress& local : interface_.addresses()) begin(now, local.address);
}

void Announcer::step(base::Instant now, std::size_t index) {
  Entry& entry = entries_[index];
  const wire::Address& address = interface_.configured()[index].address;
  entry.due = base::kNever;
  if (entry.left == 0 || !interface_.is_local(address)) return;
  tell(address);
  if (--entry.left > 0) entry.due = now + (address.is_v4() ? kAnnounceInterval : interval_v6_);
}

void Announcer::fire(base::Instant now) {
  next_ = base::kNever;
  for (std::size_t at = 0; at < interface_.configured().size(); ++at) {
    if (entries_[at].due <= now) step(now, at);
    next_ = std::min(next_, entries_[at].due);
  }
}

}  // namespace windhover::stack::ip
