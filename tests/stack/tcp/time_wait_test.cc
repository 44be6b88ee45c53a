#include "stack/tcp/time_wait.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kWait = 60s;

Endpoint remote(std::uint16_t port) { return {wire::Address::v4(0x0a420001), port}; }
const Endpoint kLocal{wire::Address::v4(0x0a420002), 80};

TimeWait entry(std::uint16_t port) { return {.rcv_nxt = wire::Seq(port)}; }
/// Few values, so that chains form.
std::uint64_t hash(std::uint16_t port) { return port % 3U; }

base::Instant at(base::Duration since_start) { return base::Instant{} + since_start; }

class TimeWaitTableTest : public testing::Test {
 protected:
  bool insert(base::Duration now, std::uint16_t port) {
    return table.insert(at(now), hash(port), kLocal, remote(port), entry(port));
  }
  TimeWait* find(std::uint16_t port) { return table.find(hash(port), kLocal, remote(port)); }

  TimeWaitTable table{4, kWait};
};

TEST_F(TimeWaitTableTest, empty_has_no_deadline) {
  EXPECT_EQ(table.next_deadline(), base::kNever);
  EXPECT_EQ(find(1), nullptr);
}

TEST_F(TimeWaitTableTest, an_entry_is_found_by_both_endpoints) {
  EXPECT_TRUE(insert(0s, 1));
  ASSERT_NE(find(1), nullptr);
  EXPECT_EQ(find(1)->rcv_nxt, wire::Seq(1));
  EXPECT_EQ(find(4), nullptr) << "same bucket, other port";
  EXPECT_EQ(table.find(hash(1), {kLocal.address, 81}, remote(1)), nullptr);
}

// RFC 9293 §3.10.8
TEST_F(TimeWaitTableTest, an_entry_goes_when_its_time_is_over_and_not_before) {
  insert(0s, 1);
  insert(1s, 2);
  EXPECT_EQ(table.next_deadline(), at(kWait));
  table.advance(at(kWait - 1ns));
  EXPECT_EQ(table.size(), 2U);
  table.advance(at(kWait));
  EXPECT_EQ(find(1), nullptr);
  EXPECT_NE(find(2), nullptr);
  EXPECT_EQ(table.next_deadline(), at(kWait + 1s));
}

TEST_F(TimeWaitTableTest, restarting_begins_the_wait_again) {
  insert(0s, 1);
  insert(1s, 2);
  table.restart(at(10s), *find(1));
  table.advance(at(kWait + 1s));
  EXPECT_NE(find(1), nullptr);
  EXPECT_EQ(find(2), nullptr);
  table.advance(at(kWait + 10s));
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(TimeWaitTableTest, when_full_the_oldest_gives_way) {
  for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_TRUE(insert(1s * port, port));
  EXPECT_FALSE(insert(5s, 5));
  EXPECT_EQ(find(1), nullptr);
  EXPECT_NE(find(5), nullptr);
  EXPECT_EQ(table.size(), 4U);
}

TEST_F(TimeWaitTableTest, an_erased_entry_leaves_its_neighbours) {
  for (const std::uint16_t port : std::array<std::uint16_t, 3>{1, 4, 7}) insert(0s, port);
  table.erase(*find(4));
  EXPECT_NE(find(1), nullptr);
  EXPECT_EQ(find(4), nullptr);
  EXPECT_NE(find(7), nullptr);
}

class TimeWaitModel : public testing::TestWithParam<unsigned> {};

TEST_P(TimeWaitModel, agrees_with_a_map) {
  test::Random random(GetParam());
  TimeWaitTable table(16, kWait);
  std::map<std::uint16_t, base::Instant> model;  // Port to expiry.
  base::Instant now{};
  for (int step = 0; step < 5000; ++step) {
    const auto port = static_cast<std::uint16_t>(random() % 40);
    now += std::chrono::milliseconds(random() % 6000);
    table.advance(now);
    std::erase_if(model, [&](const auto& item) { return item.second <= now; });
    TimeWait* const found = table.find(hash(port), kLocal, remote(port));
    ASSERT_EQ(found != nullptr, model.contains(port));
    if (found == nullptr) {
      const bool roomy = model.size() < 16;
      ASSERT_EQ(table.insert(now, hash(port), kLocal, remote(port), entry(port)), roomy);
      if (!roomy) {
        model.erase(std::min_element(model.begin(), model.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; }));
      }
      model[port] = now + kWait;
    } else if (random() % 2 == 0) {
      table.restart(now, *found);
      model[port] = now + kWait;
    } else {
      table.erase(*found);
      model.erase(port);
    }
    ASSERT_EQ(table.size(), model.size());
    base::Instant next = base::kNever;
    for (const auto& [ignored, expires] : model) next = std::min(next, expires);
    ASSERT_EQ(table.next_deadline(), next);
    now += 1ns;  // Expiries stay distinct, so the oldest is one and the same for both.
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimeWaitModel, testing::Range(1U, 5U));

}  // namespace
}  // namespace windhover::stack::tcp
