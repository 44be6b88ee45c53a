#include "backends/host/netlink.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "backends/host/netlink_message.h"

namespace windhover::backends::host {
namespace {

namespace base = stack::base;
namespace wire = stack::wire;

constexpr int kDumpTries = 8;

void ignore(const nlmsghdr&) {}

std::uint8_t family(const wire::Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

/// The text without the zero that ends it.
std::string text(base::Bytes value) { return {value.begin(), std::find(value.begin(), value.end(), std::uint8_t{0})}; }

std::optional<wire::Address> address(std::uint8_t family, base::Bytes value) {
  if (family == AF_INET && value.size() == 4) return wire::Address::v4(value);
  if (family == AF_INET6 && value.size() == wire::Address::kSize) return wire::Address::v6(value);
  return {};
}

}  // namespace

LinkState parse_link(const nlmsghdr& message) {
  LinkState link;
  const auto body = netlink_body<ifinfomsg>(message);
  if (!body) return link;
  link.index = body->ifi_index;
  link.up = (body->ifi_flags & IFF_UP) != 0;
  link.carrier = (body->ifi_flags & IFF_LOWER_UP) != 0;
  link.ethernet = body->ifi_type == ARPHRD_ETHER;
  for_each_attribute<ifinfomsg>(message, [&](std::uint16_t type, base::Bytes value) {
    if (type == IFLA_IFNAME) link.name = text(value);
    if (type == IFLA_ADDRESS && value.size() == wire::MacAddress::kSize) link.mac = wire::MacAddress::load(value);
    if (type == IFLA_MTU) link.mtu = netlink_number<std::uint32_t>(value);
    if (type == IFLA_MAX_MTU) link.mtu_max = netlink_number<std::uint32_t>(value);
    if (type == IFLA_TXQLEN) link.queue_length = netlink_number<std::uint32_t>(value);
  });
  return link;
}

std::optional<FoundAddress> parse_address(const nlmsghdr& message) {
  const auto body = netlink_body<ifaddrmsg>(message);
  if (!body) return {};
  std::uint32_t flags = body->ifa_flags;
  std::optional<wire::Address> own;  // IFA_LOCAL; on a point-to-point link, IFA_ADDRESS is the far end then.
  std::optional<wire::Address> other;
  for_each_attribute<ifaddrmsg>(message, [&](std::uint16_t type, base::Bytes value) {
    if (type == IFA_LOCAL) own = address(body->ifa_family, value);
    if (type == IFA_ADDRESS) other = address(body->ifa_family, value);
    if (type == IFA_FLAGS) flags = netlink_number<std::uint32_t>(value);
  });
  if (!own) own = other;
  if (!own) return {};
  return FoundAddress{
      .index = static_cast<int>(body->ifa_index),
      .assigned = {*own, body->ifa_prefixlen, (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0},
  };
}

RouteSocket::RouteSocket() : socket_(NETLINK_ROUTE, "NETLINK_ROUTE") {}

RouteSocket::Found RouteSocket::find_link(const std::string& name) {
  Found found;
  if (name.empty() || name.size() >= IFNAMSIZ) {
    found.error = ENODEV;
    return found;
  }
  NetlinkRequest<ifinfomsg> request(RTM_GETLINK, NLM_F_ACK);
  request.attribute(IFLA_IFNAME, name);
  found.error = socket_.exchange(request.header(), [&](const nlmsghdr& message) { found.link = parse_link(message); });
  return found;
}

RouteSocket::Found RouteSocket::find_link(int index) {
  NetlinkRequest<ifinfomsg> request(RTM_GETLINK, NLM_F_ACK);
  request.body().ifi_index = index;
  Found found;
  found.error = socket_.exchange(request.header(), [&](const nlmsghdr& message) { found.link = parse_link(message); });
  return found;
}

int RouteSocket::change_link(int index, const LinkChange& change) {
  NetlinkRequest<ifinfomsg> request(RTM_NEWLINK, NLM_F_ACK);
  request.body().ifi_index = index;
  if (change.up) request.body().ifi_flags = request.body().ifi_change = IFF_UP;
  if (change.mtu) request.attribute(IFLA_MTU, *change.mtu);
  if (change.queue_length) request.attribute(IFLA_TXQLEN, *change.queue_length);
  return socket_.exchange(request.header(), ignore);
}

RouteSocket::Addresses RouteSocket::addresses(int index) {
  Addresses found;
  for (int tries = 0; tries < kDumpTries; ++tries) {
    NetlinkRequest<ifaddrmsg> request(RTM_GETADDR, NLM_F_DUMP);
    request.body().ifa_family = AF_UNSPEC;
    found.list.clear();
    found.error = socket_.exchange(request.header(), [&](const nlmsghdr& message) {
      const auto one = parse_address(message);
      if (one && one->index == index) found.list.push_back(one->assigned);
    });
    if (found.error != EINTR) break;
  }
  return found;
}

bool RouteSocket::has_address(int index, const wire::Address& address, std::uint8_t prefix_length) {
  return std::ranges::any_of(addresses(index).list, [&](const AssignedAddress& one) {
    return one.address == address && one.prefix_length == prefix_length;
  });
}

int RouteSocket::add_address(int index, const wire::Address& address, std::uint8_t prefix_length) {
  NetlinkRequest<ifaddrmsg> request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  request.body().ifa_family = family(address);
  request.body().ifa_prefixlen = prefix_length;
  request.body().ifa_flags = address.is_v4() ? 0 : IFA_F_NODAD;
  request.body().ifa_index = static_cast<unsigned>(index);
  request.attribute(IFA_LOCAL, address.octets());
  request.attribute(IFA_ADDRESS, address.octets());
  return socket_.exchange(request.header(), ignore);
}

bool RouteSocket::delivers(const wire::Address& address) {
  NetlinkRequest<rtmsg> request(RTM_GETROUTE, NLM_F_ACK);
  request.body().rtm_family = family(address);
  request.body().rtm_dst_len = address.is_v4() ? 32 : 128;
  request.attribute(RTA_DST, address.octets());
  bool local = false;
  const int error = socket_.exchange(request.header(), [&](const nlmsghdr& message) {
    const auto body = netlink_body<rtmsg>(message);
    local = body && body->rtm_type == RTN_LOCAL;
  });
  return error == 0 && local;
}

}  // namespace windhover::backends::host
