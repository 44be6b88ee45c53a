#include "stack/tcp/syn_table.h"

#include <algorithm>

#include "stack/tcp/config.h"

namespace windhover::stack::tcp {
namespace {

/// Well below the hour after which the table's clock comes around.
constexpr base::Duration kWaitMax = std::chrono::minutes(30);

}  // namespace

PeerSyn SynObject::peer() const {
  return {.irs = irs,
          .ts_recent = ts_recent,
          .mss = mss,
          .wscale = wscale,
          .sack = sack,
          .timestamps = timestamps,
          .ecn = ecn};
}

SynTable::SynTable(base::Instant start, const Config& config)
    : start_(start),
      timeouts_max_(static_cast<std::uint8_t>(std::min<std::uint32_t>(config.syn_retransmissions_max, kTimeoutsMax))),
      table_(config.half_open_max),
      now_(start) {
  base::Duration wait = std::min(config.rto_initial, kWaitMax);
  for (std::uint32_t& wait_us : waits_us_) {
    wait_us = static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::microseconds>(wait).count());
    wait = std::min({2 * wait, config.rto_max, kWaitMax});
  }
}

std::uint32_t SynTable::microseconds(base::Instant at) const {
  return static_cast<std::uint32_t>(std::chrono::floor<std::chrono::microseconds>(at - start_).count());
}

SynObject* SynTable::find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) {
  return table_.find(hash, [&](const SynObject& object) {
    return object.remote_address == remote.address && object.remote_port == remote.port &&
           object.local_port == local.port && locals_[object.local_number] == local.address;
  });
}

SynObject* SynTable::insert(base::Instant now, std::uint64_t hash, const Endpoint& local, const Endpoint& remote,
                            const PeerSyn& syn, wire::Seq iss, const wire::MacAddress& link) {
  if (full()) return nullptr;
  const auto number = locals_.hold(local.address);
  if (!number) return nullptr;
  SynObject& object = table_.allocate(hash);
  object.remote_address = remote.address;
  object.remote_port = remote.port;
  object.local_number = *number;
  object.local_port = local.port;
  object.irs = syn.irs;
  object.iss = iss;
  object.ts_recent = syn.ts_recent;
  object.mss = syn.mss;
  object.wscale = syn.wscale & 0x0f;
  object.sack = syn.sack;
  object.timestamps = syn.timestamps;
  object.ecn = syn.ecn;
  object.link = link;
  queue(now, object);
  return &object;
}

void SynTable::queue(base::Instant now, SynObject& object) {
  now_ = now;
  object.sent_us = microseconds(now);
  table_.append(queues_[object.timeouts], object);
}

void SynTable::erase(SynObject& object) {
  table_.unlink(queues_[object.timeouts], object);
  locals_.release(object.local_number);
  table_.release(object);
}

base::Duration SynTable::since_sent(base::Instant now, const SynObject& object) const {
  return std::chrono::microseconds(microseconds(now) - object.sent_us);
}

void SynTable::sent_again(base::Instant now, SynObject& object) {
  object.resent = true;
  table_.unlink(queues_[object.timeouts], object);
  queue(now, object);
}

SynObject* SynTable::take_expired(base::Instant now, bool& given_up) {
  now_ = now;
  given_up = false;
  for (std::size_t timeouts = 0; timeouts <= timeouts_max_; ++timeouts) {
    if (queues_[timeouts].empty()) continue;
    SynObject& object = table_.oldest(queues_[timeouts]);
    if (microseconds(now) - object.sent_us < waits_us_[timeouts]) continue;
    given_up = object.timeouts == timeouts_max_;
    if (given_up) return &object;
    table_.unlink(queues_[timeouts], object);
    ++object.timeouts;
    object.answers = 0;
    object.resent = true;
    queue(now, object);
    return &object;
  }
  return nullptr;
}

base::Instant SynTable::next_deadline() const {
  base::Instant next = base::kNever;
  if (table_.size() == 0) return next;
  for (std::size_t timeouts = 0; timeouts <= timeouts_max_; ++timeouts) {
    if (queues_[timeouts].empty()) continue;
    const SynObject& object = table_.oldest(queues_[timeouts]);
    // Whole microseconds on both sides, so that take_expired() agrees.
    const base::Instant sent = now_ - (now_ - start_) % std::chrono::microseconds(1) - since_sent(now_, object);
    next = std::min(next, sent + std::chrono::microseconds(waits_us_[timeouts]));
  }
  return next;
}

}  // namespace windhover::stack::tcp
