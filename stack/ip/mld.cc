#include "stack/ip/mld.h"

#include <algorithm>

#include "stack/wire/ndp.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

using base::Drop;
using wire::Address;
using wire::MldRecord;

}  // namespace

Mld::Mld(const Config& config, const Interface& interface, Output& output, base::Counters& counters)
    : interface_(interface),
      output_(output),
      counters_(counters),
      jitter_(config.mac),
      speaks_(config.multicast_reports && interface.answers_neighbours()) {
  for (std::size_t at = 0; at < interface.configured().size(); ++at) {
    const InterfaceAddress& ours = interface.configured()[at];
    if (!ours.address.is_v4() && !ours.quiet) entries_[at].group = wire::solicited_node(ours.address);
  }
}

Mld::Entry* Mld::find(const Address& address) {
  if (!speaks_) return nullptr;
  for (std::size_t at = 0; at < interface_.configured().size(); ++at) {
    const bool same = interface_.configured()[at].address == address;
    if (same && !entries_[at].group.is_unspecified()) return &entries_[at];
  }
  return nullptr;
}

void Mld::join(base::Instant now, const Address& address) {
  Entry* const entry = find(address);
  if (entry == nullptr || entry->member) return;
  entry->member = true;
  entry->tell_joined = kMldRobustness;
  entry->tell_left = 0;
  schedule_changes(now);
  if (repeat_due_ == base::kNever) set(repeat_due_, now + kQueryInterval);
}

void Mld::leave(base::Instant now, const Address& address) {
  Entry* const entry = find(address);
  if (entry == nullptr || !entry->member) return;
  entry->member = false;
  entry->tell_joined = 0;
  const auto shares = [&](const Entry& other) { return other.member && other.group == entry->group; };
  if (std::any_of(entries_.begin(), entries_.end(), shares)) return;
  entry->tell_left = kMldRobustness;
  schedule_changes(now);
}

void Mld::join_again(base::Instant now) {
  for (Entry& entry : entries_) entry.tell_joined = entry.member ? kMldRobustness : 0;
  schedule_changes(now);
}

void Mld::schedule_changes(base::Instant now) { set(changes_due_, now); }

void Mld::set(base::Instant& deadline, base::Instant at) {
  deadline = std::min(deadline, at);
  next_ = std::min(next_, deadline);
}

void Mld::query(base::Instant now, base::Bytes packet, base::Bytes message, const Arrival& arrival) {
  // RFC 3810 6.2: one from further away than this link would show us to somebody who has no business here.
  if (!arrival.source.is_link_local() || arrival.hop_limit != wire::kMldHopLimit ||
      !wire::has_mld_router_alert(packet)) {
    return counters_.drop(Drop::kMldInvalid);
  }
  const auto asked = wire::MldQuery::parse(message);
  if (!asked) return counters_.drop(Drop::kMldInvalid);
  const bool general = asked->group.is_unspecified();
  bool any = false;
  for (Entry& entry : entries_) {
    if (!entry.member || (!general && entry.group != asked->group)) continue;
    entry.asked = any = true;
  }
  if (!any) return counters_.drop(Drop::kIcmpIgnored);
  counters_.count(base::Event::kFramesConsumed);
  const base::Duration wait =
      asked->response_max > base::Duration::zero() ? jitter_.below(asked->response_max) : base::Duration::zero();
  base::Instant at = now + wait;
  if (reported_ != base::Instant::min()) at = std::max(at, reported_ + kReportGap);
  set(answer_due_, at);
  if (general) {
    repeat_due_ = now + kQueryInterval;
    next_ = std::min({changes_due_, answer_due_, repeat_due_});
  }
}

void Mld::fire(base::Instant now) {
  if (changes_due_ <= now) {
    changes_due_ = base::kNever;
    bool more = false;
    const auto take = [&more](std::uint32_t& left) {
      if (left == 0) return false;
      more |= --left > 0;
      return true;
    };
    report(now, MldRecord::kJoined, [&](Entry& entry) { return take(entry.tell_joined); });
    report(now, MldRecord::kLeft, [&](Entry& entry) { return take(entry.tell_left); });
    if (more) changes_due_ = now + base::Duration(1) + jitter_.below(kUnsolicitedReportInterval);
  }
  if (repeat_due_ <= now) {
    for (Entry& entry : entries_) entry.asked = entry.member;
    answer_due_ = now;
    repeat_due_ = now + kQueryInterval;
  }
  if (answer_due_ <= now) {
    answer_due_ = base::kNever;
    report(now, MldRecord::kListening, [](Entry& entry) { return std::exchange(entry.asked, false) && entry.member; });
  }
  next_ = std::min({changes_due_, answer_due_, repeat_due_});
}

template <typename Wanted>
void Mld::report(base::Instant now, MldRecord record, Wanted&& wanted) {
  std::array<Address, kAddressesMax> groups;
  std::size_t count = 0;
  for (Entry& entry : entries_) {
    if (!wanted(entry)) continue;
    const auto end = groups.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(groups.begin(), end, entry.group) == end) groups[count++] = entry.group;
  }
  if (count == 0) return;
  reported_ = now;
  link::Frame frame = output_.make(output_.headroom(false), wire::kRouterAlertSize + wire::MldReport::size(count));
  if (!frame) return;
  // A link-local address, as seen from one.
  const Address all = wire::all_mld_routers();
  Address source;
  for (const InterfaceAddress& local : interface_.addresses()) {
    if (!local.address.is_v4() && local.address.is_link_local() && !local.quiet) source = local.address;
  }
  wire::write_router_alert(frame.bytes());
  wire::MldReport::write(frame.bytes().subspan(wire::kRouterAlertSize), {groups.data(), count}, record, source, all);
  output_.send_to_group(std::move(frame), source, all, wire::kProtocolHopByHop, wire::kMldHopLimit);
}

}  // namespace windhover::stack::ip
