#include "stack/tcp/syn_table.h"

#include <gtest/gtest.h>

#include <map>

#include "stack/tcp/config.h"
#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

using namespace std::chrono_literals;

const Endpoint kLocal{wire::Address::v4(0x0a420002), 80};
const base::Instant kStart = base::Instant{} + 5h;

Endpoint remote(std::uint16_t port) { return {wire::Address::v4(0x0a420001), port}; }
/// Few values, so that chains form.
std::uint64_t hash(std::uint16_t port) { return port % 3U; }

Config small(std::uint32_t objects, std::uint32_t retransmissions = 2) {
  Config config;
  config.half_open_max = objects;
  config.syn_retransmissions_max = retransmissions;
  return config;
}

SynObject* insert(SynTable& table, base::Instant now, std::uint16_t port) {
  return table.insert(now, hash(port), kLocal, remote(port), {.irs = wire::Seq(port)}, wire::Seq(7), {});
}
SynObject* find(SynTable& table, std::uint16_t port) { return table.find(hash(port), kLocal, remote(port)); }

TEST(SynTable, empty_has_no_deadline_and_says_what_it_costs) {
  const SynTable table(kStart, small(1024));
  EXPECT_EQ(table.next_deadline(), base::kNever);
  EXPECT_GE(table.memory_size(), 1024U * (64 + 4));
  EXPECT_LE(table.memory_size(), 1024U * (64 + 4) + 4096);
}

TEST(SynTable, an_object_keeps_what_the_handshake_needs) {
  SynTable table(kStart, small(4));
  const wire::MacAddress link{{2, 0, 0, 0, 0, 9}};
  const Endpoint from{wire::Address::parse("fd66::1").value(), 40000};
  const Endpoint to{wire::Address::parse("fd66::2").value(), 80};
  const PeerSyn syn{.irs = wire::Seq(0xfffffff0),
                    .ts_recent = 0x80000001,
                    .mss = 8940,
                    .wscale = 14,
                    .sack = true,
                    .timestamps = true,
                    .ecn = true};
  table.insert(kStart, 5, to, from, syn, wire::Seq(99), link);
  const SynObject* const object = table.find(5, to, from);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(table.local_of(*object), to);
  EXPECT_EQ(object->remote(), from);
  EXPECT_EQ(object->iss, wire::Seq(99));
  EXPECT_EQ(object->link, link);
  const PeerSyn kept = object->peer();
  EXPECT_EQ(kept.irs, syn.irs);
  EXPECT_EQ(kept.ts_recent, syn.ts_recent);
  EXPECT_EQ(kept.mss, 8940);
  EXPECT_EQ(kept.wscale, 14);
  EXPECT_TRUE(kept.sack && kept.timestamps && kept.ecn && kept.scales());
  EXPECT_EQ(table.find(5, {to.address, 81}, from), nullptr);
  EXPECT_EQ(table.find(5, {from.address, 80}, from), nullptr);
  EXPECT_EQ(table.find(5, to, {from.address, 40001}), nullptr);
}

TEST(SynTable, when_full_takes_no_more_until_one_has_gone) {
  SynTable table(kStart, small(3));
  for (std::uint16_t port = 1; port <= 3; ++port) EXPECT_NE(insert(table, kStart, port), nullptr);
  EXPECT_TRUE(table.full());
  EXPECT_EQ(insert(table, kStart, 4), nullptr);
  table.erase(*find(table, 2));
  EXPECT_NE(insert(table, kStart, 4), nullptr);
  EXPECT_EQ(table.size(), 3U);
}

// RFC 6298 5.5: each wait is twice the one before; after the last the object is given up.
TEST(SynTable, waits_double_until_it_is_given_up) {
  SynTable table(kStart, small(4, 2));
  insert(table, kStart, 1);
  base::Instant now = kStart;
  bool given_up = false;
  std::uint8_t timeouts = 0;
  for (const base::Duration wait : {1s, 2s}) {
    EXPECT_EQ(table.next_deadline(), now + wait);
    EXPECT_EQ(table.take_expired(now + wait - 1us, given_up), nullptr);
    now += wait;
    SynObject* const object = table.take_expired(now, given_up);
    ASSERT_EQ(object, find(table, 1));
    EXPECT_FALSE(given_up);
    EXPECT_EQ(object->timeouts, ++timeouts);
    EXPECT_TRUE(object->resent);
    EXPECT_EQ(table.take_expired(now, given_up), nullptr) << "once";
  }
  EXPECT_EQ(table.take_expired(now + 4s - 1us, given_up), nullptr);
  SynObject* const object = table.take_expired(now + 4s, given_up);
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(given_up);
  table.erase(*object);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.next_deadline(), base::kNever);
}

TEST(SynTable, an_answer_begins_the_wait_anew) {
  SynTable table(kStart, small(4));
  insert(table, kStart, 1);
  insert(table, kStart + 100ms, 2);
  table.sent_again(kStart + 300ms, *find(table, 1));
  EXPECT_EQ(table.since_sent(kStart + 350ms, *find(table, 1)), 50ms);
  EXPECT_TRUE(find(table, 1)->resent);
  EXPECT_EQ(find(table, 1)->timeouts, 0);
  EXPECT_EQ(table.next_deadline(), kStart + 1100ms);
  bool given_up = false;
  EXPECT_EQ(table.take_expired(kStart + 1100ms, given_up), find(table, 2));
  EXPECT_EQ(table.next_deadline(), kStart + 1300ms);
}

// The clock of the objects is 32 bits of microseconds.
TEST(SynTable, time_may_come_around) {
  for (const base::Duration later : std::initializer_list<base::Duration>{4294s, 8589s, 4294967295us, 100h}) {
    SynTable table(kStart, small(4));
    const base::Instant now = kStart + later + 300ns;
    insert(table, now, 1);
    bool given_up = false;
    EXPECT_EQ(table.take_expired(now + 1s - 1us, given_up), nullptr);
    EXPECT_LE(table.next_deadline(), now + 1s);
    EXPECT_EQ(table.take_expired(table.next_deadline(), given_up), find(table, 1));
  }
}

TEST(SynTable, a_listeners_objects_go_together) {
  SynTable table(kStart, small(16));
  for (std::uint16_t port = 1; port <= 6; ++port) insert(table, kStart, port);
  const Endpoint other{kLocal.address, 81};
  for (std::uint16_t port = 1; port <= 6; ++port) {
    table.insert(kStart, hash(port), other, remote(port), {}, wire::Seq(1), {});
  }
  bool given_up = false;
  table.take_expired(kStart + 1s, given_up);
  table.erase_if([](const Endpoint& local) { return local.port == 80; });
  EXPECT_EQ(table.size(), 6U);
  EXPECT_EQ(find(table, 1), nullptr);
  EXPECT_NE(table.find(hash(1), other, remote(1)), nullptr);
}

class SynModel : public testing::TestWithParam<unsigned> {};

TEST_P(SynModel, agrees_with_a_map) {
  struct Expected {
    base::Instant sent;
    std::uint8_t timeouts = 0;
  };
  constexpr std::array<base::Duration, 4> kWaits{1s, 2s, 4s, 8s};
  test::Random random(GetParam());
  SynTable table(kStart, small(24, 3));
  std::map<std::uint16_t, Expected> model;
  base::Instant now = kStart;
  for (int step = 0; step < 5000; ++step) {
    now += std::chrono::milliseconds(random() % 300);
    bool given_up = false;
    while (SynObject* const object = table.take_expired(now, given_up)) {
      const auto port = object->remote_port;
      ASSERT_TRUE(model.contains(port));
      ASSERT_GE(now - model[port].sent, kWaits[model[port].timeouts]);
      ASSERT_EQ(given_up, model[port].timeouts == 3);
      if (given_up) {
        table.erase(*object);
        model.erase(port);
      } else {
        model[port] = {now, static_cast<std::uint8_t>(model[port].timeouts + 1)};
      }
    }
    base::Instant next = base::kNever;
    for (const auto& [port, expected] : model) next = std::min(next, expected.sent + kWaits[expected.timeouts]);
    ASSERT_EQ(table.next_deadline(), next);
    const auto port = static_cast<std::uint16_t>(random() % 40);
    SynObject* const object = find(table, port);
    ASSERT_EQ(object != nullptr, model.contains(port));
    if (object == nullptr) {
      ASSERT_EQ(insert(table, now, port) != nullptr, model.size() < 24);
      if (model.size() < 24) model[port] = {now};
    } else if (random() % 2 == 0) {
      table.sent_again(now, *object);
      model[port].sent = now;
    } else {
      table.erase(*object);
      model.erase(port);
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SynModel, testing::Range(1U, 5U));

}  // namespace
}  // namespace windhover::stack::tcp
