#include "stack/tcp/source_table.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

wire::Address address(std::string_view text) { return wire::Address::parse(text).value(); }

base::SipKey key() {
  base::SipKey key;
  key.fill(0x5a);
  return key;
}

TEST(SourceTable, admits_up_to_the_cap_and_again_when_one_has_gone) {
  SourceTable table(key(), 2, 8);
  const wire::Address source = address("10.66.0.1");
  table.add(source);
  EXPECT_TRUE(table.admits(source));
  table.add(source);
  EXPECT_FALSE(table.admits(source));
  EXPECT_TRUE(table.admits(address("10.66.0.3")));
  table.remove(source);
  EXPECT_TRUE(table.admits(source));
  EXPECT_EQ(table.count(source), 1U);
}

TEST(SourceTable, a_prefix_of_64_bits_is_one_source) {
  SourceTable table(key(), 1, 8);
  table.add(address("2001:db8:1:2::1"));
  EXPECT_FALSE(table.admits(address("2001:db8:1:2:ffff::9")));
  EXPECT_TRUE(table.admits(address("2001:db8:1:3::1")));
  EXPECT_TRUE(table.admits(address("::1:2:3"))) << "nor does IPv4 share one";
}

TEST(SourceTable, without_a_cap_takes_no_memory_and_admits_everybody) {
  SourceTable table(key(), 0, 65536);
  EXPECT_EQ(table.memory_size(), 0U);
  for (int count = 0; count < 100; ++count) table.add(address("10.66.0.1"));
  EXPECT_TRUE(table.admits(address("10.66.0.1")));
  table.remove(address("10.66.0.1"));
}

class SourceModel : public testing::TestWithParam<unsigned> {};

TEST_P(SourceModel, agrees_with_a_map) {
  test::Random random(GetParam());
  SourceTable table(key(), 3, 64);
  std::map<std::uint32_t, std::uint32_t> model;
  std::uint32_t total = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto host = static_cast<std::uint32_t>(random() % 80);
    const wire::Address source = wire::Address::v4(0x0a420000 + host);
    ASSERT_EQ(table.count(source), model[host]);
    ASSERT_EQ(table.admits(source), model[host] < 3);
    if (random() % 2 == 0 && model[host] > 0) {
      table.remove(source);
      --model[host];
      --total;
    } else if (model[host] < 3 && total < 64) {
      table.add(source);
      ++model[host];
      ++total;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SourceModel, testing::Range(1U, 4U));

}  // namespace
}  // namespace windhover::stack::tcp
