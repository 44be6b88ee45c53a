// Messages read from the wire form, torn at every byte, right before an unmapped page.

#include "backends/host/netlink_message.h"

#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "backends/host/netdev.h"
#include "backends/host/netlink.h"

namespace windhover::backends::host {
namespace {

namespace base = stack::base;
using stack::wire::Address;

/// One readable page with an unmapped one behind it.
class LastPage {
 public:
  LastPage() : size_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* const at = mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    begin_ = static_cast<std::uint8_t*>(at);
    EXPECT_EQ(mprotect(begin_ + size_, size_, PROT_NONE), 0);
  }
  ~LastPage() { munmap(begin_, 2 * size_); }
  LastPage(const LastPage&) = delete;
  LastPage& operator=(const LastPage&) = delete;

  /// The first `length` bytes of a message, as near to the end as its alignment lets it lie, its length set to them.
  /// Precondition: length >= sizeof(nlmsghdr).
  const nlmsghdr& place(const nlmsghdr& message, std::uint32_t length) {
    std::uint8_t* const at = begin_ + size_ - NLMSG_ALIGN(length);
    std::memcpy(at, &message, length);
    auto* const placed = reinterpret_cast<nlmsghdr*>(at);
    placed->nlmsg_len = length;
    return *placed;
  }

 private:
  std::size_t size_;
  std::uint8_t* begin_ = nullptr;
};

/// Calls each(message, length) for every length that a message can be torn to.
template <typename Each>
void at_every_byte(const nlmsghdr& message, Each&& each) {
  LastPage page;
  for (std::uint32_t length = sizeof(nlmsghdr); length < message.nlmsg_len; ++length)
    each(page.place(message, length), length);
}

NetlinkRequest<ifinfomsg> link_message() {
  NetlinkRequest<ifinfomsg> message(RTM_NEWLINK, 0);
  message.body().ifi_index = 7;
  message.body().ifi_flags = IFF_UP | IFF_LOWER_UP;
  message.body().ifi_type = ARPHRD_ETHER;
  message.attribute(IFLA_IFNAME, std::string("s0"));
  message.attribute(IFLA_ADDRESS, std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 1});
  message.attribute(IFLA_MTU, 1500);
  message.attribute(IFLA_MAX_MTU, 9000);
  message.attribute(IFLA_TXQLEN, 1000);
  return message;
}

TEST(NetlinkMessage, link_is_read) {
  auto message = link_message();
  const LinkState link = parse_link(message.header());
  EXPECT_EQ(link.index, 7);
  EXPECT_EQ(link.name, "s0");
  EXPECT_EQ(link.mac.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(link.mtu, 1500u);
  EXPECT_EQ(link.mtu_max, 9000u);
  EXPECT_EQ(link.queue_length, 1000u);
  EXPECT_TRUE(link.up);
  EXPECT_TRUE(link.carrier);
  EXPECT_TRUE(link.ethernet);
}

TEST(NetlinkMessage, torn_link_is_read_as_far_as_it_goes) {
  auto message = link_message();
  at_every_byte(message.header(), [](const nlmsghdr& torn, std::uint32_t length) {
    const LinkState link = parse_link(torn);
    EXPECT_EQ(link.index, length < NLMSG_LENGTH(sizeof(ifinfomsg)) ? 0 : 7) << length;
    EXPECT_EQ(link.queue_length, 0u) << length;
  });
}

NetlinkRequest<ifaddrmsg> address_message(std::uint32_t flags) {
  NetlinkRequest<ifaddrmsg> message(RTM_NEWADDR, 0);
  message.body().ifa_family = AF_INET6;
  message.body().ifa_prefixlen = 64;
  message.body().ifa_index = 7;
  message.attribute(IFA_FLAGS, flags);
  message.attribute(IFA_ADDRESS, Address::parse("fd01::1")->octets());
  return message;
}

TEST(NetlinkMessage, address_is_read_with_its_flags) {
  auto found = parse_address(address_message(0).header());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->index, 7);
  EXPECT_EQ(found->assigned, (AssignedAddress{*Address::parse("fd01::1"), 64, false}));
  EXPECT_TRUE(parse_address(address_message(IFA_F_TENTATIVE).header())->assigned.tentative);
  EXPECT_TRUE(parse_address(address_message(IFA_F_PERMANENT | IFA_F_DADFAILED).header())->assigned.tentative);
}

TEST(NetlinkMessage, torn_address_is_none) {
  auto message = address_message(0);
  at_every_byte(message.header(), [](const nlmsghdr& torn, std::uint32_t length) {
    EXPECT_FALSE(parse_address(torn).has_value()) << length;
  });
}

TEST(NetlinkMessage, address_of_another_family_or_size_is_none) {
  auto message = address_message(0);
  message.body().ifa_family = AF_INET;
  EXPECT_FALSE(parse_address(message.header()).has_value());
  message.body().ifa_family = AF_PACKET;
  EXPECT_FALSE(parse_address(message.header()).has_value());
}

TEST(NetlinkMessage, attribute_that_claims_too_little_or_too_much_ends_the_reading) {
  for (const std::uint16_t length : {std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{60000}}) {
    auto message = link_message();
    auto* const first = reinterpret_cast<std::uint8_t*>(&message.header()) + NLMSG_SPACE(sizeof(ifinfomsg));
    std::memcpy(first, &length, sizeof length);
    const LinkState link = parse_link(message.header());
    EXPECT_EQ(link.index, 7);
    EXPECT_EQ(link.name, "");
    EXPECT_EQ(link.mtu, 0u);
  }
}

NetlinkRequest<genlmsghdr> features_message(std::uint64_t xdp, std::uint64_t socket) {
  NetlinkRequest<genlmsghdr> message(20, 0);
  const auto bytes = [](const std::uint64_t& value) {
    return base::Bytes{reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
  };
  message.attribute(1, 7);
  message.attribute(3, bytes(xdp));
  message.attribute(6, bytes(socket));
  message.attribute(4, 17);
  return message;
}

TEST(NetlinkMessage, xdp_features_are_read) {
  EXPECT_EQ(parse_xdp_features(features_message(1 | 2 | 8 | 32, 2).header()), (XdpFeatures{.native = true,
                                                                                           .zero_copy = true,
                                                                                           .multi_buffer = true,
                                                                                           .zero_copy_segments_max = 17,
                                                                                           .transmit_checksum = true}));
  EXPECT_EQ(parse_xdp_features(features_message(1 | 4, 1).header()), (XdpFeatures{.zero_copy_segments_max = 17}));
}

TEST(NetlinkMessage, torn_xdp_features_are_read_as_far_as_they_go) {
  auto message = features_message(1 | 2, 2);
  const std::uint32_t said = NLMSG_SPACE(sizeof(genlmsghdr)) + RTA_SPACE(4) + RTA_LENGTH(8);
  at_every_byte(message.header(), [&](const nlmsghdr& torn, std::uint32_t length) {
    const auto features = parse_xdp_features(torn);
    ASSERT_EQ(features.has_value(), length >= said) << length;
    EXPECT_EQ(features.value_or(XdpFeatures{}).zero_copy_segments_max, 1u) << length;
  });
}

}  // namespace
}  // namespace windhover::backends::host
