#include "stack/ip/neighbours.h"

#include <algorithm>

namespace windhover::stack::ip {

using base::Drop;

Neighbours::Neighbours(base::Instant now, const Limits& limits, NeighbourPort& port, base::Counters& counters)
    : limits_(limits),
      port_(port),
      counters_(counters),
      wheel_(now),
      entries_(std::make_unique<Entry[]>(limits.neighbours_max)),
      waiters_(limits.waiting_max),
      reachable_v6_(limits.reachable),
      retransmit_v6_(limits.retransmit) {
  CHECK(limits.neighbours_max > 0 && limits.neighbours_max <= kNeighboursMax && limits.queue_max > 0);
  order_.reserve(limits.neighbours_max);
  free_.reserve(limits.neighbours_max);
  pinned_.reserve(kPinnedMax);
  for (std::uint32_t index = limits.neighbours_max; index-- > 0;) free_.push_back(index);
  for (std::uint32_t at = limits.waiting_max; at-- > 0;) waiters_[at].next = std::exchange(free_waiter_, at);
}

const wire::MacAddress* Neighbours::find_slowly(base::Instant now, const wire::Address& address, std::uint32_t& hint) {
  const std::uint32_t index = lookup(address);
  if (index == kNone) return nullptr;
  hint = index;
  Entry& entry = entries_[index];
  if (entry.state == State::kIncomplete) return nullptr;
  if (entry.state == State::kStale) enter(now, index, State::kDelay);
  return &entry.mac;
}

void Neighbours::wait(base::Instant now, const wire::Address& address, link::Frame frame) {
  std::uint32_t index = lookup(address);
  if (index == kNone) {
    index = create(address);
    if (index == kNone) return counters_.drop(Drop::kNeighbourTableFull);
    enter(now, index, State::kIncomplete);
  }
  Entry& entry = entries_[index];
  CHECK(entry.state == State::kIncomplete);
  if (entry.queued == limits_.queue_max || (free_waiter_ == kNone && entry.queued > 0)) {
    waiters_[take_oldest(index)].frame.reset();
    counters_.drop(Drop::kNeighbourQueueFull);
  }
  if (free_waiter_ == kNone) return counters_.drop(Drop::kNeighbourQueueFull);

  const std::uint32_t at = free_waiter_;
  free_waiter_ = std::exchange(waiters_[at].next, kNone);
  waiters_[at].frame = std::move(frame);
  (entry.queued == 0 ? entry.first_waiting : waiters_[entry.last_waiting].next) = at;
  entry.last_waiting = at;
  ++entry.queued;
  ++waiting_;
}

bool Neighbours::learn(base::Instant now, const wire::Address& address, const wire::MacAddress& mac, Claim claim) {
  std::uint32_t index = lookup(address);
  if (index == kNone) {
    if (claim != Claim::kQuestion) return false;
    index = create(address);
    if (index == kNone) return false;
    believe(now, index, mac, State::kStale);
    return true;
  }
  Entry& entry = entries_[index];
  if (entry.state == State::kIncomplete) {
    believe(now, index, mac, claim == Claim::kAnswer ? State::kReachable : State::kStale);
    return true;
  }
  if (entry.mac != mac) {
    if (entry.state != State::kProbe) enter(now, index, State::kProbe);
    return false;
  }
  if (claim == Claim::kAnswer && entry.state == State::kProbe) enter(now, index, State::kReachable);
  return true;
}

bool Neighbours::confirm(base::Instant now, const wire::Address& address) {
  const std::uint32_t index = lookup(address);
  if (index == kNone || entries_[index].state != State::kProbe) return false;
  enter(now, index, State::kReachable);
  return true;
}

void Neighbours::progressed(base::Instant now, const wire::Address& address, std::uint32_t hint) {
  const bool hinted = hint < limits_.neighbours_max && entries_[hint].address == address;
  const std::uint32_t index = hinted ? hint : lookup(address);
  if (index == kNone) return;
  const State state = entries_[index].state;
  if (state == State::kDelay || state == State::kProbe) enter(now, index, State::kReachable);
}

void Neighbours::pin(const wire::Address& address) {
  CHECK(pinned_.size() < kPinnedMax);
  pinned_.push_back(address);
  set_pinned(address, true);
}

void Neighbours::unpin(const wire::Address& address) {
  std::erase(pinned_, address);
  set_pinned(address, false);
}

void Neighbours::set_pinned(const wire::Address& address, bool pinned) {
  const std::uint32_t index = lookup(address);
  if (index == kNone) return;
  Entry& entry = entries_[index];
  if (List* list = list_of(entry)) unlink(*list, index);
  entry.pinned = pinned;
  if (List* list = list_of(entry)) link(*list, index);
}

void Neighbours::doubt(base::Instant now) {
  for (const std::uint32_t index : order_) {
    if (entries_[index].state == State::kReachable) enter(now, index, State::kStale);
  }
}

void Neighbours::advance(base::Instant now) {
  wheel_.advance(now, [this, now](timer::Timer& timer) {
    expired(now, static_cast<std::uint32_t>(&static_cast<Entry&>(timer) - entries_.get()));
  });
}

void Neighbours::stop() {
  for (const std::uint32_t index : order_) {
    while (entries_[index].queued > 0) waiters_[take_oldest(index)].frame.reset();
  }
}

std::size_t Neighbours::memory_size() const {
  return limits_.neighbours_max * (sizeof(Entry) + 2 * sizeof(std::uint32_t)) + waiters_.size() * sizeof(Waiter);
}

std::uint32_t Neighbours::position(const wire::Address& address) const {
  const auto before = [this](std::uint32_t index, const wire::Address& key) { return entries_[index].address < key; };
  return static_cast<std::uint32_t>(std::lower_bound(order_.begin(), order_.end(), address, before) - order_.begin());
}

std::uint32_t Neighbours::lookup(const wire::Address& address) const {
  const std::uint32_t at = position(address);
  return at < order_.size() && entries_[order_[at]].address == address ? order_[at] : kNone;
}

std::uint32_t Neighbours::create(const wire::Address& address) {
  if (free_.empty() && !evict()) return kNone;
  const std::uint32_t index = free_.back();
  free_.pop_back();
  order_.insert(order_.begin() + position(address), index);
  entries_[index].address = address;
  entries_[index].used = false;
  entries_[index].pinned = std::find(pinned_.begin(), pinned_.end(), address) != pinned_.end();
  return index;
}

bool Neighbours::evict() {
  std::uint32_t victim = strangers_.first != kNone ? strangers_.first : stale_.first;
  if (victim == kNone || incomplete_.size > limits_.neighbours_max / 2) victim = incomplete_.first;
  if (victim == kNone) return false;
  remove(victim);
  return true;
}

void Neighbours::remove(std::uint32_t index) {
  Entry& entry = entries_[index];
  while (entry.queued > 0) {
    waiters_[take_oldest(index)].frame.reset();
    counters_.drop(Drop::kNeighbourUnresolved);
  }
  enter(base::Instant{}, index, State::kFree);
  order_.erase(order_.begin() + position(entry.address));
  entry.address = {};
  free_.push_back(index);
}

void Neighbours::enter(base::Instant now, std::uint32_t index, State state) {
  Entry& entry = entries_[index];
  wheel_.cancel(entry);
  if (List* list = list_of(entry)) unlink(*list, index);
  const auto unconfirmed = [](State each) { return each == State::kDelay || each == State::kProbe; };
  unconfirmed_ += std::uint32_t{unconfirmed(state)} - std::uint32_t{unconfirmed(entry.state)};
  entry.state = state;
  entry.used |= state == State::kIncomplete || state == State::kDelay;
  if (List* list = list_of(entry)) link(*list, index);
  entry.asked = 0;
  if (state == State::kReachable) wheel_.arm(entry, now + (entry.address.is_v4() ? limits_.reachable : reachable_v6_));
  if (state == State::kStale && !entry.pinned) wheel_.arm(entry, now + kStaleMax);
  if (state == State::kDelay) wheel_.arm(entry, now + kDelayFirstProbe);
  if (state == State::kIncomplete || state == State::kProbe) ask(now, index);
}

void Neighbours::ask(base::Instant now, std::uint32_t index) {
  Entry& entry = entries_[index];
  ++entry.asked;
  wheel_.arm(entry, now + (entry.address.is_v4() ? limits_.retransmit : retransmit_v6_));
  port_.solicit(entry.address, entry.state == State::kProbe ? std::optional(entry.mac) : std::nullopt);
}

void Neighbours::expired(base::Instant now, std::uint32_t index) {
  switch (entries_[index].state) {
    case State::kIncomplete:
    case State::kProbe:
      if (entries_[index].asked < kSolicitationsMax) return ask(now, index);
      return give_up(now, index);
    case State::kReachable:
      return enter(now, index, State::kStale);
    case State::kDelay:
      return enter(now, index, State::kProbe);
    case State::kStale:
      if (!entries_[index].pinned) remove(index);
      return;
    case State::kFree:
      break;
  }
  CHECK(false);
}

void Neighbours::give_up(base::Instant now, std::uint32_t index) {
  const wire::Address silent = entries_[index].address;
  remove(index);
  port_.unreachable(now, silent);
}

void Neighbours::believe(base::Instant now, std::uint32_t index, const wire::MacAddress& mac, State state) {
  Entry& entry = entries_[index];
  entry.mac = mac;
  // What waited is sent at once, and sending to a stale neighbour is what begins its DELAY.
  enter(now, index, state == State::kStale && entry.queued > 0 ? State::kDelay : state);
  while (entry.queued > 0) port_.release(std::move(waiters_[take_oldest(index)].frame), entry.mac);
}

std::uint32_t Neighbours::take_oldest(std::uint32_t index) {
  Entry& entry = entries_[index];
  const std::uint32_t at = entry.first_waiting;
  entry.first_waiting = std::exchange(waiters_[at].next, std::exchange(free_waiter_, at));
  if (--entry.queued == 0) entry.last_waiting = kNone;
  --waiting_;
  return at;
}

Neighbours::List* Neighbours::list_of(const Entry& entry) {
  if (entry.pinned) return nullptr;
  if (entry.state == State::kIncomplete) return &incomplete_;
  if (entry.state != State::kStale) return nullptr;
  return entry.used ? &stale_ : &strangers_;
}

void Neighbours::link(List& list, std::uint32_t index) {
  entries_[index].previous = list.last;
  entries_[index].next = kNone;
  (list.last == kNone ? list.first : entries_[list.last].next) = index;
  list.last = index;
  ++list.size;
}

void Neighbours::unlink(List& list, std::uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.previous == kNone ? list.first : entries_[entry.previous].next) = entry.next;
  (entry.next == kNone ? list.last : entries_[entry.next].previous) = entry.previous;
  --list.size;
}

}  // namespace windhover::stack::ip
