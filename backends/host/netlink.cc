#include "backends/host/netlink.h"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::host {
namespace {

namespace base = stack::base;
namespace wire = stack::wire;

constexpr std::size_t kAttributesMax = 128;
constexpr std::size_t kAnswerMax = 64 * 1024;  // More than the kernel puts into one datagram of a dump.

/// A request: its header, the fixed body of its family, attributes.
template <typename Body>
class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    header().nlmsg_len = NLMSG_LENGTH(sizeof(Body));
  }
  nlmsghdr& header() { return message_.header; }
  Body& body() { return message_.body; }

  void attribute(std::uint16_t type, base::Bytes value) {
    rtattr head{};
    head.rta_type = type;
    head.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
    const std::size_t at = NLMSG_ALIGN(header().nlmsg_len) - offsetof(Message, attributes);
    CHECK(at + RTA_SPACE(value.size()) <= kAttributesMax);
    std::memcpy(message_.attributes + at, &head, sizeof head);
    std::memcpy(message_.attributes + at + RTA_LENGTH(0), value.data(), value.size());
    header().nlmsg_len = static_cast<std::uint32_t>(offsetof(Message, attributes) + at + RTA_SPACE(value.size()));
  }
  void attribute(std::uint16_t type, std::uint32_t value) {
    attribute(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }

 private:
  struct Message {
    nlmsghdr header;
    Body body;
    alignas(NLMSG_ALIGNTO) std::uint8_t attributes[kAttributesMax];
  };
  static_assert(offsetof(Message, attributes) == NLMSG_SPACE(sizeof(Body)));

  Message message_{};
};

/// The body of an answer, or nothing when the message is too short for it.
template <typename Body>
std::optional<Body> body_of(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(Body))) return {};
  Body body;
  std::memcpy(&body, NLMSG_DATA(&message), sizeof body);
  return body;
}

/// Calls each(type, value) for the attributes behind a body of that type, as far as they are well formed.
template <typename Body, typename Each>
void for_each_attribute(const nlmsghdr& message, Each&& each) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(&message);
  std::size_t at = NLMSG_SPACE(sizeof(Body));
  while (at + sizeof(rtattr) <= message.nlmsg_len) {
    rtattr head;
    std::memcpy(&head, begin + at, sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > message.nlmsg_len - at) return;
    each(head.rta_type, base::Bytes{begin + at + RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0)});
    at += RTA_ALIGN(head.rta_len);
  }
}

std::uint32_t number(base::Bytes value) {
  std::uint32_t result = 0;
  std::memcpy(&result, value.data(), std::min(value.size(), sizeof result));
  return result;
}

LinkState read_link(const nlmsghdr& message) {
  LinkState link;
  const auto body = body_of<ifinfomsg>(message);
  if (!body) return link;
  link.index = body->ifi_index;
  link.up = (body->ifi_flags & IFF_UP) != 0;
  for_each_attribute<ifinfomsg>(message, [&](std::uint16_t type, base::Bytes value) {
    if (type == IFLA_MTU) link.mtu = number(value);
    if (type == IFLA_TXQLEN) link.queue_length = number(value);
  });
  return link;
}

std::uint8_t family(const wire::Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

}  // namespace

RouteSocket::RouteSocket() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (socket_.fd() < 0) {
    throw base::SetupError("socket(AF_NETLINK, NETLINK_ROUTE)", errno,
                           "Allow netlink sockets to this process (systemd: RestrictAddressFamilies=AF_NETLINK).");
  }
}

int RouteSocket::exchange(nlmsghdr& request, const std::function<void(const nlmsghdr&)>& each) {
  request.nlmsg_seq = ++sequence_;
  if (send(socket_.fd(), &request, request.nlmsg_len, 0) < 0) return errno;
  std::vector<nlmsghdr> buffer(kAnswerMax / sizeof(nlmsghdr));  // Aligned for the messages in it.
  while (true) {
    const ssize_t received = recv(socket_.fd(), buffer.data(), kAnswerMax, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return received < 0 ? errno : EPROTO;
    auto left = static_cast<unsigned>(received);
    for (const nlmsghdr* message = buffer.data(); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_seq != sequence_) continue;
      if (message->nlmsg_type == NLMSG_DONE) return 0;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto answer = body_of<nlmsgerr>(*message);
        return answer ? -answer->error : EPROTO;
      }
      each(*message);
    }
  }
}

RouteSocket::Found RouteSocket::find_link(const std::string& name) {
  Request<ifinfomsg> request(RTM_GETLINK, NLM_F_ACK);
  request.attribute(IFLA_IFNAME, {reinterpret_cast<const std::uint8_t*>(name.c_str()), name.size() + 1});
  Found found;
  found.error = exchange(request.header(), [&](const nlmsghdr& message) { found.link = read_link(message); });
  return found;
}

int RouteSocket::change_link(int index, const LinkChange& change) {
  Request<ifinfomsg> request(RTM_NEWLINK, NLM_F_ACK);
  request.body().ifi_index = index;
  if (change.up) request.body().ifi_flags = request.body().ifi_change = IFF_UP;
  if (change.mtu) request.attribute(IFLA_MTU, *change.mtu);
  if (change.queue_length) request.attribute(IFLA_TXQLEN, *change.queue_length);
  return exchange(request.header(), [](const nlmsghdr&) {});
}

bool RouteSocket::has_address(int index, const wire::Address& address, std::uint8_t prefix_length) {
  Request<ifaddrmsg> request(RTM_GETADDR, NLM_F_DUMP);
  request.body().ifa_family = family(address);
  bool found = false;
  const auto look = [&](const nlmsghdr& message) {
    const auto body = body_of<ifaddrmsg>(message);
    if (!body || body->ifa_index != static_cast<unsigned>(index) || body->ifa_prefixlen != prefix_length) return;
    // On a point-to-point device IFA_ADDRESS is the far end of an IPv4 address, and IFA_LOCAL its own.
    const std::uint16_t own = address.is_v4() ? IFA_LOCAL : IFA_ADDRESS;
    for_each_attribute<ifaddrmsg>(message, [&](std::uint16_t type, base::Bytes value) {
      if (type == own && std::ranges::equal(value, address.octets())) found = true;
    });
  };
  return exchange(request.header(), look) == 0 && found;
}

int RouteSocket::add_address(int index, const wire::Address& address, std::uint8_t prefix_length) {
  Request<ifaddrmsg> request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  request.body().ifa_family = family(address);
  request.body().ifa_prefixlen = prefix_length;
  request.body().ifa_flags = address.is_v4() ? 0 : IFA_F_NODAD;
  request.body().ifa_index = static_cast<unsigned>(index);
  request.attribute(IFA_LOCAL, address.octets());
  request.attribute(IFA_ADDRESS, address.octets());
  return exchange(request.header(), [](const nlmsghdr&) {});
}

bool RouteSocket::delivers(const wire::Address& address) {
  Request<rtmsg> request(RTM_GETROUTE, NLM_F_ACK);
  request.body().rtm_family = family(address);
  request.body().rtm_dst_len = address.is_v4() ? 32 : 128;
  request.attribute(RTA_DST, address.octets());
  bool local = false;
  const int error = exchange(request.header(), [&](const nlmsghdr& message) {
    const auto body = body_of<rtmsg>(message);
    local = body && body->rtm_type == RTN_LOCAL;
  });
  return error == 0 && local;
}

}  // namespace windhover::backends::host
