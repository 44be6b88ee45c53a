#pragma once
// Netlink messages (netlink(7)): a request to fill in, and an answer to read.

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::backends::host {

/// A request: its header, the fixed body of its family, attributes. Body is a struct of the kernel's, all zeros at
/// first.
template <typename Body>
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    header().nlmsg_len = NLMSG_LENGTH(sizeof(Body));
  }
  nlmsghdr& header() { return message_.header; }
  Body& body() { return message_.body; }

  /// Precondition: all attributes together, with their headers, fit in 128 bytes.
  void attribute(std::uint16_t type, stack::base::Bytes value) {
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
  void attribute(std::uint16_t type, const std::string& text) {
    attribute(type, {reinterpret_cast<const std::uint8_t*>(text.c_str()), text.size() + 1});
  }

 private:
  static constexpr std::size_t kAttributesMax = 128;

  struct Message {
    nlmsghdr header;
    Body body;
    alignas(NLMSG_ALIGNTO) std::uint8_t attributes[kAttributesMax];
  };
  static_assert(offsetof(Message, attributes) == NLMSG_SPACE(sizeof(Body)));

  Message message_{};
};

/// The body of an answer, or nothing when the message is too short for it. Precondition: nlmsg_len bytes are readable.
template <typename Body>
std::optional<Body> netlink_body(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(Body))) return {};
  Body body;
  std::memcpy(&body, NLMSG_DATA(&message), sizeof body);
  return body;
}

/// Calls each(type, value) for the attributes behind a body of that type, as far as they are well formed. The type
/// comes without its flag bits. Precondition: nlmsg_len bytes are readable.
template <typename Body, typename Each>
void for_each_attribute(const nlmsghdr& message, Each&& each) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(&message);
  std::size_t at = NLMSG_SPACE(sizeof(Body));
  while (at + sizeof(rtattr) <= message.nlmsg_len) {
    rtattr head;
    std::memcpy(&head, begin + at, sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > message.nlmsg_len - at) return;
    each(static_cast<std::uint16_t>(head.rta_type & NLA_TYPE_MASK),
         stack::base::Bytes{begin + at + RTA_LENGTH(0), head.rta_len - RTA_LENGTH(0)});
    at += RTA_ALIGN(head.rta_len);
  }
}

/// A number in host order; of a value that is too short, what there is of it.
template <typename T>
T netlink_number(stack::base::Bytes value) {
  T result = 0;
  std::memcpy(&result, value.data(), std::min(value.size(), sizeof result));
  return result;
}

}  // namespace windhover::backends::host
