#include "stack/tcp/budget.h"

#include <gtest/gtest.h>

#include <array>

#include "stack/tcp/receive_store.h"
#include "stack/tcp/tune.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

/// The pressure after one part of 240 is used so far, and the other not at all.
Pressure after(Budget& budget, std::uint32_t used) {
  const std::array<Budget::Part, 2> parts{{{0, 10}, {used, 240}}};
  budget.update(parts);
  return budget.pressure();
}

TEST(Budget, is_high_from_two_thirds_until_below_a_half) {
  Budget budget;
  EXPECT_EQ(after(budget, 159), Pressure::kNone);
  EXPECT_EQ(after(budget, 160), Pressure::kHigh);
  EXPECT_EQ(after(budget, 120), Pressure::kHigh);
  EXPECT_EQ(after(budget, 119), Pressure::kNone);
  EXPECT_EQ(after(budget, 120), Pressure::kNone);
}

TEST(Budget, is_tight_from_seven_eighths_until_below_two_thirds) {
  Budget budget;
  EXPECT_EQ(after(budget, 209), Pressure::kHigh);
  EXPECT_EQ(after(budget, 210), Pressure::kTight);
  EXPECT_EQ(after(budget, 160), Pressure::kTight);
  EXPECT_EQ(after(budget, 159), Pressure::kHigh);
  EXPECT_EQ(after(budget, 240), Pressure::kTight);
  EXPECT_EQ(after(budget, 0), Pressure::kNone);
}

TEST(Budget, tells_when_the_pressure_rises) {
  Budget budget;
  const std::array<Budget::Part, 1> high{{{2, 3}}};
  const std::array<Budget::Part, 1> tight{{{3, 3}}};
  EXPECT_TRUE(budget.update(high));
  EXPECT_FALSE(budget.update(high));
  EXPECT_TRUE(budget.update(tight));
  EXPECT_FALSE(budget.update(high));
}

/// A lane of twelve blocks for received data, in which a connection holds `blocks` of them out of order.
class Pressed : public testing::Test {
 protected:
  Pressed() {
    Scenario scenario;
    scenario.sack = true;
    scenario.window_scale = 7;
    scenario.tcp.reassembly_blocks = 12;
    scenario.tcp.receive_window = 256 * 1024;
    scenario.tcp.send_buffer_initial = 20'000;
    peer.emplace(scenario);
    first = &peer->establish();
  }
  ~Pressed() override { peer->take_all(); }
  /// One byte in each of that many blocks.
  void hold(std::uint32_t blocks) {
    for (std::uint32_t block = 1; block <= blocks; ++block) {
      peer->send({.seq = 1 + block * kReceiveBlockSize, .payload = "x"});
    }
    peer->take_all();
  }

  std::optional<Peer> peer;
  App* first = nullptr;
};

TEST_F(Pressed, high_stops_windows_and_send_buffers) {
  hold(7);
  EXPECT_EQ(peer->events(Event::kTcpMemoryPressure), 0U);
  EXPECT_EQ(first->connection->info().snd_space, 29'200U);
  hold(8);
  EXPECT_EQ(peer->events(Event::kTcpMemoryPressure), 1U);
  EXPECT_EQ(first->connection->info().snd_space, 20'000U);
  // Another connection reads a window in a round trip, and is kept where it is.
  peer->new_flow(41000);
  App& second = peer->establish();
  for (int count = 0; count < 70; ++count) {
    if (count == 30) peer->advance(50ms);
    peer->send({.payload = text(1000)});
  }
  peer->take_all();
  EXPECT_EQ(second.connection->info().rcv_space, 65536U);
  EXPECT_GT(peer->events(Event::kTcpWindowGrowthHeld), 0U);
  EXPECT_EQ(peer->events(Event::kTcpWindowGrown), 0U);
}

TEST_F(Pressed, tight_refuses_connections_and_gives_the_least_to_send) {
  hold(10);
  EXPECT_EQ(peer->drops(Drop::kTcpMemoryShort), 0U);
  hold(11);
  EXPECT_EQ(peer->events(Event::kTcpMemoryTight), 1U);
  EXPECT_EQ(first->connection->info().snd_space, kSendSpaceMin);
  peer->new_flow(41000);
  peer->send({.flags = kTcpSyn, .options = peer->syn_options(), .plain = true});
  peer->expect_nothing();
  EXPECT_EQ(peer->drops(Drop::kTcpMemoryShort), 1U);
  // The peer tries again when the pressure has gone.
  first->connection->abort();
  peer->remote.port = 40000;
  peer->pump();
  peer->take_all();
  peer->new_flow(41000);
  peer->establish();
}

TEST_F(Pressed, tight_does_not_open_the_window_of_a_reader_that_has_stopped) {
  hold(10);
  first->connection->pause_reading();
  for (int count = 0; count < 4; ++count) peer->send({.payload = text(500)});
  peer->advance(100ms);
  peer->take_all();
  EXPECT_EQ(peer->events(Event::kTcpMemoryTight), 1U);
  // A block is read, and the rest stays.
  first->when_data = [](Connection& connection, std::string_view) { connection.pause_reading(); };
  first->connection->resume_reading();
  peer->expect_nothing();
  EXPECT_GT(first->received.size(), 2 * 536U - 100);
  first->when_data = nullptr;
  first->connection->resume_reading();
  peer->expect({.ack = 2001, .size = 0});
  EXPECT_EQ(first->received.size(), 2000U);
}

TEST_F(Pressed, used_up_it_takes_what_is_farthest_from_delivery) {
  hold(12);
  EXPECT_EQ(peer->events(Event::kTcpReneged), 0U);
  peer->send({.seq = 101, .payload = "y"});
  EXPECT_EQ(peer->events(Event::kTcpReneged), 1U);
  EXPECT_EQ(peer->drops(Drop::kTcpReassemblyFull), 0U);
  peer->take_all();
  // What is farther than all that is held is dropped itself.
  peer->send({.seq = 1 + 20 * kReceiveBlockSize, .payload = "z"});
  EXPECT_EQ(peer->drops(Drop::kTcpReassemblyFull), 1U);
}

TEST_F(Pressed, used_up_a_connection_that_holds_less_takes_from_one_that_holds_more) {
  const std::uint32_t irs = peer->irs;
  peer->new_flow(41000);
  peer->establish();
  const std::uint32_t second_irs = peer->irs;
  const auto turn_to = [&](std::uint16_t port, std::uint32_t its_irs) {
    peer->new_flow(port);
    peer->irs = its_irs;
    peer->snd_nxt = peer->rcv_nxt = 1;
  };
  turn_to(40000, irs);
  hold(12);
  turn_to(41000, second_irs);
  hold(3);
  EXPECT_EQ(peer->events(Event::kTcpRenegedForOthers), 3U);
  EXPECT_EQ(first->connection->info().rcv_waiting, 9U);
  EXPECT_EQ(peer->app().connection->info().rcv_waiting, 3U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
