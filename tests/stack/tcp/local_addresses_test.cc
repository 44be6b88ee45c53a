#include "stack/tcp/local_addresses.h"

#include <gtest/gtest.h>

namespace windhover::stack::tcp {
namespace {

wire::Address address(std::uint32_t host) { return wire::Address::v4(0x0a420000 + host); }

TEST(LocalAddresses, the_same_address_has_the_same_number_as_long_as_it_is_held) {
  LocalAddresses addresses;
  const auto first = addresses.hold(address(1));
  ASSERT_TRUE(first);
  const auto second = addresses.hold(address(2));
  ASSERT_TRUE(second);
  EXPECT_NE(first, second);
  EXPECT_EQ(addresses.hold(address(1)), first);
  EXPECT_EQ(addresses[*first], address(1));
  EXPECT_EQ(addresses[*second], address(2));
  addresses.release(*first);
  EXPECT_EQ(addresses[*first], address(1)) << "held once more";
  addresses.release(*first);
  EXPECT_EQ(addresses.hold(address(3)), first) << "the number is free again";
  EXPECT_EQ(addresses.hold(address(2)), second);
}

TEST(LocalAddresses, an_address_is_not_given_a_second_number_when_an_earlier_one_comes_free) {
  LocalAddresses addresses;
  const auto first = addresses.hold(address(1));
  const auto second = addresses.hold(address(2));
  addresses.release(*first);
  EXPECT_EQ(addresses.hold(address(2)), second);
}

TEST(LocalAddresses, there_are_as_many_numbers_as_it_says) {
  LocalAddresses addresses;
  for (std::uint32_t host = 0; host < LocalAddresses::kMax; ++host) ASSERT_TRUE(addresses.hold(address(host)));
  EXPECT_FALSE(addresses.hold(address(1000)));
  EXPECT_TRUE(addresses.hold(address(5)));
  addresses.release(7);
  EXPECT_TRUE(addresses.hold(address(1000)));
}

}  // namespace
}  // namespace windhover::stack::tcp
