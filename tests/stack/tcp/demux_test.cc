#include "stack/tcp/demux.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include <vector>

#include "stack/tcp/engine.h"
#include "stack/tcp/tcb.h"
#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

/// Real connections to put into a table of our own.
class FlowTableTest : public testing::TestWithParam<unsigned> {
 protected:
  FlowTableTest() {
    ip_config.addresses = {{local.address, 24}};
    config.connections_max = config.time_wait_max = config.send_blocks = config.send_entries = 8;
    config.reassembly_blocks = 8;
    ip = std::make_unique<ip::Ip>(base::Instant{}, ip_config, caps, arena, counters, base::SipKey{});
    engine = std::make_unique<Engine>(base::Instant{}, config, Keys{}, caps, arena, *ip, counters);
  }
  Tcb& make(base::Pool<Tcb>& pool, std::uint16_t port) {
    return *pool.allocate(*engine, local, Endpoint{wire::Address::v4(0x0a420001), port}, ip::Route{}, 536U);
  }

  const Endpoint local{wire::Address::v4(0x0a420002), 80};
  link::Caps caps{.medium = link::Medium::kIp};
  link::FrameArena arena{link::ArenaShape{.frame_count = 1, .frame_size = 2048}};
  base::Counters counters;
  ip::Config ip_config;
  Config config;
  std::unique_ptr<ip::Ip> ip;
  std::unique_ptr<Engine> engine;
};

TEST_F(FlowTableTest, equal_hashes_are_told_apart_by_endpoints) {
  base::Pool<Tcb> pool(4);
  FlowTable table(pool);
  Tcb& first = make(pool, 1);
  Tcb& second = make(pool, 2);
  table.insert(7, first);
  table.insert(7, second);
  EXPECT_EQ(table.find(7, local, first.remote), &first);
  EXPECT_EQ(table.find(7, local, second.remote), &second);
  EXPECT_EQ(table.find(7, {local.address, 81}, first.remote), nullptr);
  table.erase(7, first);
  EXPECT_EQ(table.find(7, local, first.remote), nullptr);
  EXPECT_EQ(table.find(7, local, second.remote), &second);
  table.erase(7, second);
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(FlowTableTest, any_visits_each_once_while_they_are_erased) {
  base::Pool<Tcb> pool(32);
  FlowTable table(pool);
  for (std::uint16_t port = 0; port < 32; ++port) table.insert(port * 5U, make(pool, port));
  std::size_t visited = 0;
  while (Tcb* const tcb = table.any()) {
    table.erase(tcb->remote.port * 5U, *tcb);
    ++visited;
  }
  EXPECT_EQ(visited, 32U);
}

// Hashes from a handful of values, so that runs wrap around the table's end and overlap.
TEST_P(FlowTableTest, agrees_with_a_map) {
  test::Random random(GetParam());
  base::Pool<Tcb> pool(24);
  FlowTable table(pool);
  std::vector<Tcb*> tcbs;
  for (std::uint16_t port = 0; port < 24; ++port) tcbs.push_back(&make(pool, port));
  std::map<std::uint16_t, std::uint64_t> model;  // Port to hash.
  for (int step = 0; step < 20000; ++step) {
    const auto port = static_cast<std::uint16_t>(random() % 24);
    Tcb& tcb = *tcbs[port];
    if (const auto found = model.find(port); found != model.end()) {
      ASSERT_EQ(table.find(found->second, local, tcb.remote), &tcb);
      if (random() % 2 == 0) {
        table.erase(found->second, tcb);
        model.erase(found);
      }
    } else {
      const std::uint64_t hash = random() % 3 == 0 ? 62 + random() % 4 : random() % 64;
      ASSERT_EQ(table.find(hash, local, tcb.remote), nullptr);
      table.insert(hash, tcb);
      model.emplace(port, hash);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [port, hash] : model) ASSERT_EQ(table.find(hash, local, tcbs[port]->remote), tcbs[port]);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlowTableTest, testing::Range(1U, 5U));

}  // namespace
}  // namespace windhover::stack::tcp
