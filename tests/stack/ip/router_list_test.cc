// Which router is taken, and for how long (RFC 4861 6.3.4 to 6.3.6, RFC 4191 3.2).

#include "stack/ip/router_list.h"

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

using wire::RouterPreference;

const Address kFirst = address("fe80::1");
const Address kSecond = address("fe80::2");
constexpr auto kLow = RouterPreference::kLow;
constexpr auto kMedium = RouterPreference::kMedium;
constexpr auto kHigh = RouterPreference::kHigh;

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

TEST(RouterList, first_heard_is_taken_and_kept_among_equals) {
  RouterList list;
  EXPECT_EQ(list.best(), std::nullopt);
  EXPECT_EQ(list.next_deadline(), base::kNever);
  EXPECT_EQ(list.empty_at(), base::kNever);
  list.heard(at(0s), kFirst, 30s, kMedium);
  list.heard(at(1s), kSecond, 100s, kMedium);
  EXPECT_EQ(list.best(), kFirst);
  EXPECT_EQ(list.next_deadline(), at(30s));
  EXPECT_EQ(list.empty_at(), at(101s));
  EXPECT_EQ(list.expire(at(29'999ms)), std::nullopt);
  EXPECT_EQ(list.expire(at(30s)), kFirst);
  EXPECT_EQ(list.best(), kSecond);
  list.heard(at(31s), kFirst, 30s, kMedium);
  EXPECT_EQ(list.best(), kSecond);
}

TEST(RouterList, preference_decides_rfc4191_3_2) {
  RouterList list;
  list.heard(at(0s), kFirst, 100s, kMedium);
  list.heard(at(0s), kSecond, 100s, kHigh);
  EXPECT_EQ(list.best(), kSecond);
  list.heard(at(1s), kSecond, 100s, kLow);
  EXPECT_EQ(list.best(), kFirst);
}

TEST(RouterList, lifetime_of_zero_takes_out_rfc4861_6_3_4) {
  RouterList list;
  list.heard(at(0s), kFirst, 0s, kMedium);
  EXPECT_EQ(list.best(), std::nullopt);
  list.heard(at(0s), kFirst, 100s, kMedium);
  list.heard(at(1s), kFirst, 0s, kMedium);
  EXPECT_EQ(list.best(), std::nullopt);
  EXPECT_FALSE(list.remove(kFirst));
  EXPECT_FALSE(list.remove(Address{}));
}

TEST(RouterList, unreachable_router_gives_way_until_it_is_heard_again) {
  RouterList list;
  EXPECT_FALSE(list.failed(at(0s), kFirst));
  list.heard(at(0s), kFirst, 1000s, kHigh);
  list.heard(at(0s), kSecond, 1000s, kLow);
  EXPECT_TRUE(list.failed(at(1s), kFirst));
  EXPECT_EQ(list.best(), kSecond);
  EXPECT_TRUE(list.failed(at(2s), kSecond));
  EXPECT_EQ(list.best(), kFirst);  // All are: in turn.
  EXPECT_TRUE(list.failed(at(3s), kFirst));
  EXPECT_EQ(list.best(), kSecond);
  list.heard(at(4s), kFirst, 1000s, kHigh);
  EXPECT_EQ(list.best(), kFirst);
}

TEST(RouterList, full_list_takes_only_what_is_better_than_its_worst) {
  RouterList list;
  const auto router = [](unsigned number) {
    auto octets = kFirst.mapped();
    octets[15] = static_cast<std::uint8_t>(number);
    return Address::v6(octets);
  };
  for (unsigned number = 1; number <= kRoutersMax; ++number) list.heard(at(0s), router(number), 100s, kMedium);
  EXPECT_EQ(list.heard(at(1s), router(9), 100s, kMedium), std::nullopt);
  EXPECT_FALSE(list.contains(router(9)));
  EXPECT_EQ(list.heard(at(1s), router(9), 100s, kHigh), router(kRoutersMax));
  EXPECT_EQ(list.best(), router(9));
  list.failed(at(2s), router(1));
  EXPECT_EQ(list.heard(at(3s), router(8), 100s, kLow), router(1));
}

TEST(RouterList, prefixes_are_bounded_and_expire) {
  RouterList list;
  for (std::uint8_t number = 0; number < 2 * kPrefixesMax; ++number) {
    auto octets = address("2001:db8::").mapped();
    octets[7] = number;
    list.heard_prefix(at(0s), {Address::v6(octets), 64}, std::chrono::seconds(100 + number));
  }
  EXPECT_EQ(list.prefixes().size(), kPrefixesMax);
  EXPECT_EQ(list.next_deadline(), at(100s));
  EXPECT_EQ(list.expire(at(100s)), std::nullopt);
  EXPECT_EQ(list.prefixes().size(), kPrefixesMax - 1);
  list.heard_prefix(at(100s), {address("2001:db8:0:1::5"), 64}, 0s);  // The same prefix, whatever lies behind it.
  EXPECT_EQ(list.prefixes().size(), kPrefixesMax - 2);
  list.heard_prefix(at(100s), {address("2001:db8:0:2::"), 64}, base::Duration::max());
  list.expire(at(1000s));
  ASSERT_EQ(list.prefixes().size(), 1U);
  EXPECT_EQ(list.prefixes()[0].network, address("2001:db8:0:2::"));
  EXPECT_EQ(list.next_deadline(), base::kNever);
}

}  // namespace
}  // namespace windhover::stack::ip
