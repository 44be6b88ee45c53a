// Flow control both ways (RFC 9293 §3.8.6): what the peer's window lets us send, and what ours says.

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

TEST(SendWindow, is_never_exceeded) {
  Scenario scenario;
  scenario.peer_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(10'000));
  std::size_t sent = 0;
  for (const Segment& segment : peer.take_all()) sent += segment.payload.size();
  EXPECT_EQ(sent, 2920U) << "two full segments; the rest of the window would be a silly one";
  peer.send({.window = 5000});
  sent = 0;
  for (const Segment& segment : peer.take_all()) sent += segment.payload.size();
  EXPECT_EQ(sent, 4380U);
}

TEST(SendWindow, the_initial_congestion_window_is_ten_segments) {
  Scenario scenario;
  scenario.window_scale = 7;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(50'000));
  EXPECT_EQ(peer.take_all().size(), 10U);
  peer.send({.ack = 2921});
  EXPECT_EQ(peer.take_all().size(), 4U) << "slow start: what was acknowledged, twice";
}

// RFC 9293 §3.8.6.2.1
TEST(SendWindow, a_silly_window_waits_and_is_used_after_the_override_timeout) {
  Scenario scenario;
  scenario.peer_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(5000));
  peer.take_all();
  peer.send({.window = 100});
  peer.advance(198ms);
  peer.expect_nothing();
  peer.advance(4ms);
  peer.expect({.seq = 2921, .size = 100});
  EXPECT_FALSE(app.closed);
}

TEST(SendWindow, half_the_largest_window_is_not_silly) {
  Scenario scenario;
  scenario.peer_window = 1000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(1700));
  peer.expect({.seq = 1, .size = 1000});
  peer.send({.window = 500});
  peer.expect({.seq = 1001, .size = 500});
}

TEST(SendWindow, the_rest_of_the_data_may_be_small) {
  Scenario scenario;
  scenario.peer_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(2930));
  peer.take_all();
  EXPECT_EQ(peer.rcv_nxt, 2931U);
}

// RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from shrinking the window.
TEST(SendWindow, an_older_segment_does_not_change_it) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.payload = "abc"});
  peer.send({.window = 5000, .payload = "def"});
  peer.take_all();
  peer.send({.seq = 1, .window = 10, .payload = "abcdefg"});
  EXPECT_EQ(app.connection->info().snd_wnd, 5000U);
  EXPECT_EQ(app.received, "abcdefg");
  peer.take_all();
  app.send("hello");
  peer.expect({.payload = "hello"});
  peer.send({.seq = 8, .ack = 6, .window = 4000});
  peer.send({.seq = 8, .ack = 1, .window = 10});
  EXPECT_EQ(app.connection->info().snd_wnd, 4000U);
}

// RFC 9293 §3.8.6.1: probed from one RTO on, with back-off, for as long as the peer answers.
TEST(ZeroWindow, is_probed_with_back_off_for_as_long_as_the_peer_answers) {
  Scenario scenario;
  scenario.tcp.retransmissions_max = 3;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.window = 0});
  app.send("waiting");
  peer.expect_nothing();
  base::Duration interval = 200ms;  // The handshake took no time, so the RTO is at its least.
  base::Instant due = peer.now + interval;
  for (int probe = 0; probe < 8; ++probe) {
    peer.advance(due - 2ms - peer.now);
    peer.expect_nothing();
    peer.advance(4ms);
    peer.expect({.flags = kTcpAck, .seq = 0, .size = 0});
    peer.send({.window = 0});
    due += interval *= 2;
  }
  EXPECT_FALSE(app.closed);
  peer.send({.window = 1000});
  peer.expect({.flags = kPshAck, .seq = 1, .payload = "waiting"});
  peer.send({});
  peer.advance(10s);
  peer.expect_nothing();
}

TEST(ZeroWindow, unanswered_probes_end_the_connection) {
  Scenario scenario;
  scenario.tcp.retransmissions_max = 3;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.window = 0});
  app.send("waiting");
  peer.advance(2900ms);  // 200, 400 and 800 ms probe; 1600 ms later it is over.
  EXPECT_EQ(peer.take_all().size(), 3U);
  EXPECT_FALSE(app.closed);
  peer.advance(200ms);
  EXPECT_EQ(app.closed, CloseReason::kPersistTimedOut);
  EXPECT_EQ(peer.closed(CloseReason::kPersistTimedOut), 1U);
  peer.take_all();
}

TEST(ZeroWindow, fin_does_not_wait_for_it) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.window = 0});
  app.connection->shutdown();
  peer.expect({.flags = kFinAck, .seq = 1});
}

// RFC 9293 §3.8.6 (SHLD-14): the right edge never moves back.
TEST(ReceiveWindow, its_edge_never_moves_back) {
  Scenario scenario;
  scenario.tcp.receive_window = 20'000;
  Peer peer(scenario);
  App& app = peer.establish();
  std::uint32_t edge = 0;
  for (int count = 0; count < 60; ++count) {
    if (count == 5) app.connection->pause_reading();
    if (count == 15) app.connection->resume_reading();
    peer.send({.payload = text(1000)});
    for (const Segment& segment : peer.take_all()) {
      EXPECT_GE(segment.ack + segment.window, edge);
      EXPECT_LE(segment.window, 20'000U);
      edge = segment.ack + segment.window;
    }
  }
  EXPECT_EQ(app.received.size(), 60'000U);
}

// RFC 9293 §3.8.6.2.2: it opens by a segment or half the buffer, not byte by byte.
TEST(ReceiveWindow, opens_in_steps_worth_announcing) {
  Scenario scenario;
  scenario.tcp.receive_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.payload = text(300)});
  peer.expect({.ack = 301, .window = 3700});
  peer.send({.payload = text(300)});
  peer.expect({.ack = 601, .window = 4000});
  EXPECT_EQ(app.received.size(), 600U);
}

// RFC 7323 §2.3
TEST(ReceiveWindow, is_announced_scaled) {
  Scenario scenario;
  scenario.tcp.receive_window = scenario.tcp.receive_window_initial = 1 << 20;
  scenario.window_scale = 7;
  Peer peer(scenario);
  peer.establish();
  peer.send({.payload = text(1000)});
  const Segment answer = peer.expect({.ack = 1001});
  EXPECT_EQ(std::uint32_t{answer.window} << 5, 1U << 20);
}

TEST(ReceiveWindow, without_scaling_is_as_large_as_the_field) {
  Scenario scenario;
  scenario.tcp.receive_window = 1 << 20;
  Peer peer(scenario);
  peer.establish();
  peer.send({.payload = text(1000)});
  peer.expect({.ack = 1001, .window = 0xffff});
}

}  // namespace
}  // namespace windhover::stack::tcp::test
