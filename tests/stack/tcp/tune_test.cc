#include "stack/tcp/tune.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

Scenario tuned(bool timestamps) {
  Scenario scenario;
  scenario.timestamps = timestamps;
  scenario.sack = true;
  scenario.window_scale = 7;
  scenario.tcp.receive_window = 1 << 20;
  scenario.tcp.receive_window_initial = 64 * 1024;
  return scenario;
}

/// A handshake that takes 100 ms.
App& establish_far(Peer& peer) {
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  peer.advance(100ms);
  peer.send({});
  return peer.app();
}

/// `rounds` round trips of 100 ms in each of which the peer sends `size` bytes.
void exchange(Peer& peer, int rounds, std::uint32_t size) {
  for (int round = 0; round < rounds; ++round) {
    for (std::uint32_t sent = 0; sent < size; sent += 1000) peer.send({.payload = text(1000)});
    peer.take_all();
    peer.advance(100ms);
    peer.take_all();
  }
}

class Tuning : public testing::TestWithParam<bool> {};

TEST_P(Tuning, a_window_that_is_read_within_a_round_trip_grows_until_it_is_twice_that) {
  Peer peer(tuned(GetParam()));
  App& app = establish_far(peer);
  EXPECT_EQ(app.connection->info().rcv_space, 65536U);
  exchange(peer, 1, 31'000);
  EXPECT_EQ(app.connection->info().rcv_space, 65536U);
  exchange(peer, 8, 60'000);
  const std::uint32_t space = app.connection->info().rcv_space;
  EXPECT_GE(space, 120'000U);
  EXPECT_LE(space, 262'144U);
  EXPECT_GT(peer.events(Event::kTcpWindowGrown), 0U);
  EXPECT_GE(app.connection->info().rcv_wnd + 2 * 1460, space);
}

TEST_P(Tuning, a_slow_peer_keeps_the_first_window) {
  Peer peer(tuned(GetParam()));
  App& app = establish_far(peer);
  exchange(peer, 30, 10'000);
  EXPECT_EQ(app.connection->info().rcv_space, 65536U);
}

TEST_P(Tuning, the_configuration_bounds_it) {
  Scenario scenario = tuned(GetParam());
  scenario.tcp.receive_window = 200'000;
  Peer peer(scenario);
  App& app = establish_far(peer);
  for (const std::uint32_t size : {60'000U, 120'000U, 190'000U, 190'000U, 190'000U}) exchange(peer, 2, size);
  EXPECT_EQ(app.connection->info().rcv_space, 200'000U);
}

TEST_P(Tuning, a_reader_that_has_paused_does_not_grow_it) {
  Peer peer(tuned(GetParam()));
  App& app = establish_far(peer);
  app.connection->pause_reading();
  exchange(peer, 2, 60'000);
  EXPECT_EQ(app.connection->info().rcv_space, 65536U);
  EXPECT_LT(app.connection->info().rcv_wnd, 6000U);
  app.connection->abort();
  peer.take_all();
}

INSTANTIATE_TEST_SUITE_P(Timestamps, Tuning, testing::Bool());

// The SYN-ACK was sent twice, so the handshake measured nothing.
TEST(TuningByWindow, a_window_of_data_measures_the_round_trip_when_nothing_else_does) {
  Peer peer(tuned(false));
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.advance(1500ms);
  EXPECT_EQ(peer.take_all().size(), 2U);
  peer.send({});
  App& app = peer.app();
  exchange(peer, 1, 60'000);
  EXPECT_EQ(app.connection->info().rcv_rtt, 0ms);
  exchange(peer, 4, 60'000);
  EXPECT_EQ(app.connection->info().rcv_rtt, 100ms);
  EXPECT_GE(app.connection->info().rcv_space, 120'000U);
}

TEST(TuningWithoutScaling, ends_at_what_the_field_can_say) {
  Scenario scenario = tuned(true);
  scenario.window_scale.reset();
  Peer peer(scenario);
  App& app = establish_far(peer);
  exchange(peer, 4, 60'000);
  EXPECT_LE(app.connection->info().rcv_space, 65536U);
}

TEST(TuningFirst, a_small_first_window_is_what_the_syn_announces) {
  Scenario scenario = tuned(false);
  scenario.tcp.receive_window_initial = 10'000;
  Peer peer(scenario);
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck, .window = 10'000});
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().rcv_wnd, 10'000U);
}

// RFC 9293 §3.8.6: a scaled window is announced in units; rounding must not take any of it back.
TEST(ReceiveEdge, does_not_move_back_on_the_wire_by_rounding) {
  Scenario scenario = tuned(false);  // In units of 32.
  Peer peer(scenario);
  App& app = peer.establish();
  std::uint32_t edge = 0;
  for (int count = 0; count < 300; ++count) {
    if (count == 200) app.connection->pause_reading();
    peer.send({.payload = text(count < 200 ? 7 : 320)});
    for (const Segment& segment : peer.take_all()) {
      const std::uint32_t announced = segment.ack + (std::uint32_t{segment.window} << 5);
      EXPECT_GE(announced, edge);
      EXPECT_LE(announced - segment.ack, 65536U + 32);
      edge = announced;
    }
  }
  app.connection->abort();
  peer.take_all();
}

// RFC 7323 §2.4: a reader that has stopped may show a unit less than it grants, and honours what it showed.
TEST(ReceiveEdge, of_a_stopped_reader_shows_at_most_a_unit_less_than_it_grants) {
  Scenario scenario = tuned(false);
  Peer peer(scenario);
  App& app = peer.establish();
  app.connection->pause_reading();
  std::uint32_t edge = 0;
  for (int count = 0; count < 300; ++count) {
    peer.send({.payload = text(7)});
    for (const Segment& segment : peer.take_all()) {
      const std::uint32_t announced = segment.ack + (std::uint32_t{segment.window} << 5);
      EXPECT_GE(announced + 31, edge);
      EXPECT_LE(announced, 1 + 65536U + 32);
      edge = std::max(edge, announced);
    }
  }
  app.connection->abort();
  peer.take_all();
}

// RFC 9293 §3.8.6: a shut window is reopened by an announcement of its own, at once.
TEST(ReceiveEdge, a_shut_window_that_opens_is_announced_at_once) {
  Scenario scenario;
  scenario.tcp.receive_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.connection->pause_reading();
  for (int count = 0; count < 4; ++count) peer.send({.payload = text(1000)});
  peer.advance(100ms);
  EXPECT_EQ(peer.take_all().back().window, 0);
  app.connection->resume_reading();
  peer.expect({.flags = kTcpAck, .ack = 4001, .window = 4000, .size = 0});
}

TEST(SendSpace, is_twice_the_congestion_window_within_its_bounds) {
  Scenario scenario;
  scenario.window_scale = 7;
  scenario.tcp.send_buffer_initial = 20'000;
  scenario.tcp.send_buffer = 60'000;
  Peer peer(scenario);
  App& app = peer.establish();
  EXPECT_EQ(app.connection->info().snd_space, 29'200U) << "ten segments, twice";
  EXPECT_EQ(app.send(text(100'000)), 29'200U);
  while (app.connection->unacknowledged() > 0) {
    peer.take_all();
    peer.send({});
  }
  EXPECT_EQ(app.connection->info().snd_space, 60'000U) << "slow start";
  EXPECT_EQ(app.sendable, 1);
  EXPECT_EQ(app.send(text(100'000)), 60'000U);
  app.connection->abort();
  peer.take_all();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
