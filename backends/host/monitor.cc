#include "backends/host/monitor.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "backends/host/netlink_message.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::host {
namespace {

constexpr int kDatagramsMax = 64;  // Of one read().
constexpr std::size_t kDatagramSize = 32 * 1024;

File open_socket() {
  File socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (socket.fd() < 0 || bind(socket.fd(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    throw stack::base::SetupError(
        "socket(AF_NETLINK, NETLINK_ROUTE)", errno,
        "Allow netlink sockets to this process (systemd: RestrictAddressFamilies=AF_NETLINK).");
  }
  return socket;
}

}  // namespace

Monitor::Monitor(const Interface& known)
    : socket_(open_socket()),
      index_(known.index),
      up_(known.up),
      carrier_(known.up && known.carrier),
      mtu_(known.mtu),
      addresses_(known.addresses) {
  std::erase_if(addresses_, [](const AssignedAddress& one) { return one.tentative; });
}

std::vector<Change> Monitor::read() {
  std::vector<Change> changes;
  std::vector<nlmsghdr> buffer(kDatagramSize / sizeof(nlmsghdr));  // Aligned for the messages in it.
  bool drained = false;
  for (int count = 0; count < kDatagramsMax && !drained && !gone_; ++count) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t received =
        recvfrom(socket_.fd(), buffer.data(), kDatagramSize, MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (received < 0) {
      if (errno == ENOBUFS) query_due_ = true;
      drained = errno != ENOBUFS && errno != EINTR;
      continue;
    }
    if (from.nl_pid != 0) continue;
    if (static_cast<std::size_t>(received) > kDatagramSize) {
      query_due_ = true;
      continue;
    }
    auto left = static_cast<unsigned>(received);
    for (const nlmsghdr* message = buffer.data(); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
      take(*message, changes);
  }
  // Not before the socket is empty: what still waits there is older than the answer, and would be believed after it.
  if (query_due_ && drained && !gone_) query(changes);
  return changes;
}

void Monitor::query(std::vector<Change>& changes) {
  const auto [link_error, link] = route_.find_link(index_);
  if (link_error == ENODEV) return take_end(changes);
  const auto [error, addresses] = route_.addresses(index_);
  query_due_ = link_error != 0 || error != 0;
  if (query_due_) return;
  take_link(link, changes);
  const std::vector<AssignedAddress> before = addresses_;
  for (const AssignedAddress& one : before) {
    const bool there = std::ranges::find(addresses, one) != addresses.end();
    if (!there) take_address(one, false, changes);
  }
  for (const AssignedAddress& one : addresses) take_address(one, true, changes);
}

void Monitor::take(const nlmsghdr& message, std::vector<Change>& changes) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const auto body = netlink_body<ifinfomsg>(message);
      // A bridge speaks of its ports with these types too; a port that leaves it is not a link that goes.
      if (!body || body->ifi_family != AF_UNSPEC || body->ifi_index != index_) return;
      if (message.nlmsg_type == RTM_DELLINK) return take_end(changes);
      return take_link(parse_link(message), changes);
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const auto found = parse_address(message);
      if (!found || found->index != index_) return;
      return take_address(found->assigned, message.nlmsg_type == RTM_NEWADDR, changes);
    }
    default:
      return;
  }
}

void Monitor::take_link(const LinkState& link, std::vector<Change>& changes) {
  if (link.up != up_) {
    up_ = link.up;
    changes.push_back({.kind = up_ ? Change::Kind::kUp : Change::Kind::kDown, .address = {}});
  }
  const bool carrier = link.up && link.carrier;
  if (carrier != carrier_) {
    carrier_ = carrier;
    if (up_) changes.push_back({.kind = carrier ? Change::Kind::kCarrier : Change::Kind::kNoCarrier, .address = {}});
  }
  if (link.mtu != mtu_ && link.mtu != 0) {
    mtu_ = link.mtu;
    changes.push_back({.kind = Change::Kind::kMtu, .mtu = mtu_, .address = {}});
  }
}

void Monitor::take_address(const AssignedAddress& address, bool there, std::vector<Change>& changes) {
  const auto known = std::ranges::find_if(addresses_, [&](const AssignedAddress& one) {
    return one.address == address.address && one.prefix_length == address.prefix_length;
  });
  const bool usable = there && !address.tentative;
  if (usable == (known != addresses_.end())) return;
  if (usable) {
    addresses_.push_back(address);
    changes.push_back({.kind = Change::Kind::kAddressAdded, .address = address});
  } else {
    changes.push_back({.kind = Change::Kind::kAddressRemoved, .address = *known});
    addresses_.erase(known);
  }
}

void Monitor::take_end(std::vector<Change>& changes) {
  gone_ = true;
  changes.push_back({.kind = Change::Kind::kGone, .address = {}});
}

}  // namespace windhover::backends::host
