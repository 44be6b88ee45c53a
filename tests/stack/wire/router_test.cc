// Router discovery messages (RFC 4861 4.1, 4.2, 6.1.2; RFC 4191).

#include "stack/wire/router.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

Address address(std::string_view text) { return *Address::parse(text); }

const Address kRouter = address("fe80::1");
const NdpEnvelope kEnvelope{kRouter, address("ff02::1"), kNdpHopLimit};

/// Hop limit 64, preference high, lifetime 1800 s, reachable 30 s, retransmit 1 s; source link address, MTU 1480 and
/// 2001:db8:1::/64 on link for a day.
const auto kHead = hex("8600 0000 40 08 0708 00007530 000003e8");
const auto kMacOption = hex("0101 020000000001");
const auto kMtuOption = hex("0501 0000 000005c8");
const auto kPrefixOption = hex("0304 40 c0 00015180 00003840 00000000 20010db8000100000000000000000000");

std::vector<std::uint8_t> join(std::initializer_list<std::vector<std::uint8_t>> parts) {
  std::vector<std::uint8_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

const auto kWhole = join({kHead, kMacOption, kMtuOption, kPrefixOption});

std::vector<std::uint8_t> changed(std::vector<std::uint8_t> message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
}

TEST(RouterTest, advertisement_shows_its_fields) {
  const Guarded message(kWhole);
  const auto told = RouterAdvertisement::parse(message.bytes(), kEnvelope);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->lifetime_s, 1800);
  EXPECT_EQ(told->preference, RouterPreference::kHigh);
  EXPECT_EQ(told->reachable_ms, 30'000U);
  EXPECT_EQ(told->retransmit_ms, 1000U);
  EXPECT_EQ(told->mtu, 1480U);
  ASSERT_TRUE(told->source_mac);
  EXPECT_EQ(told->source_mac->to_string(), "02:00:00:00:00:01");
  ASSERT_EQ(told->prefix_count, 1U);
  EXPECT_EQ(told->prefixes[0].prefix, address("2001:db8:1::"));
  EXPECT_EQ(told->prefixes[0].length, 64);
  EXPECT_EQ(told->prefixes[0].valid_lifetime_s, 86'400U);
}

TEST(RouterTest, advertisement_cut_anywhere_but_between_options_is_refused_rfc4861_6_1_2) {
  for_each_truncation(kWhole, [](base::Bytes bytes) {
    const bool whole_options = bytes.size() == 16 || bytes.size() == 24 || bytes.size() == 32;
    EXPECT_EQ(RouterAdvertisement::parse(bytes, kEnvelope).has_value(), whole_options);
  });
}

TEST(RouterTest, advertisement_from_elsewhere_is_refused_rfc4861_6_1_2) {
  EXPECT_TRUE(RouterAdvertisement::parse(kHead, kEnvelope));
  EXPECT_FALSE(RouterAdvertisement::parse(kHead, {kRouter, kEnvelope.destination, 254}));
  EXPECT_FALSE(RouterAdvertisement::parse(kHead, {address("2001:db8::1"), kEnvelope.destination, 255}));
  EXPECT_FALSE(RouterAdvertisement::parse(kHead, {address("::"), kEnvelope.destination, 255}));
  EXPECT_FALSE(RouterAdvertisement::parse(changed(kHead, 1, 1), kEnvelope));    // Code.
  EXPECT_FALSE(RouterAdvertisement::parse(changed(kHead, 0, 133), kEnvelope));  // Another type.
  EXPECT_FALSE(RouterAdvertisement::parse(changed(kWhole, 17, 0), kEnvelope));  // An option of length zero.
}

TEST(RouterTest, preference_as_in_rfc4191_2_1) {
  const auto preference = [](std::uint8_t flags) {
    return RouterAdvertisement::parse(changed(kHead, 5, flags), kEnvelope)->preference;
  };
  EXPECT_EQ(preference(0x08), RouterPreference::kHigh);
  EXPECT_EQ(preference(0x00), RouterPreference::kMedium);
  EXPECT_EQ(preference(0x18), RouterPreference::kLow);
  EXPECT_EQ(preference(0x10), RouterPreference::kMedium);  // Reserved.
  EXPECT_EQ(preference(0xc0), RouterPreference::kMedium);  // Managed, other: not of the preference.
}

TEST(RouterTest, prefixes_that_are_not_on_link_are_passed_over) {
  const auto count = [](std::vector<std::uint8_t> option) {
    return RouterAdvertisement::parse(join({kHead, option}), kEnvelope)->prefix_count;
  };
  EXPECT_EQ(count(kPrefixOption), 1U);
  EXPECT_EQ(count(changed(kPrefixOption, 3, 0x40)), 0U);  // Only for autoconfiguration.
  EXPECT_EQ(count(changed(kPrefixOption, 2, 129)), 0U);
  EXPECT_EQ(count(changed(kPrefixOption, 2, 0)), 0U);
  EXPECT_EQ(count(changed(kPrefixOption, 16, 0xff)), 0U);                                // A group.
  EXPECT_EQ(count(changed(changed(kPrefixOption, 16, 0xfe), 17, 0x80)), 0U);             // Link-local.
  EXPECT_EQ(count(join({hex("0301 40c0 00015180"), std::vector<std::uint8_t>{}})), 0U);  // Of another size.
}

TEST(RouterTest, prefixes_beyond_the_bound_are_passed_over) {
  auto message = kHead;
  for (std::uint8_t at = 0; at < 12; ++at) {
    const auto option = changed(kPrefixOption, 21, at);
    message.insert(message.end(), option.begin(), option.end());
  }
  const auto told = RouterAdvertisement::parse(message, kEnvelope);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->prefix_count, RouterAdvertisement::kPrefixesMax);
}

TEST(RouterTest, solicitation_is_written_with_and_without_link_address) {
  const Address source = address("fd66::2");
  std::vector<std::uint8_t> written(RouterSolicitation{}.size());
  RouterSolicitation{}.write(written, address("::"), all_routers());
  EXPECT_EQ(written, hex("8500 7bb8 00000000"));
  const RouterSolicitation named{MacAddress{{2, 0, 0, 0, 0, 2}}};
  written.assign(named.size(), 0xee);
  named.write(written, source, all_routers());
  EXPECT_EQ(std::vector<std::uint8_t>(written.begin() + 4, written.end()), hex("00000000 0101 020000000002"));
  EXPECT_TRUE(Icmpv6View::parse(written)->checksum_ok(source, all_routers()));
}

}  // namespace
}  // namespace windhover::stack::wire
