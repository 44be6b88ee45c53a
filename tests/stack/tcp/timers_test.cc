#include "stack/tcp/timers.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

// RFC 6298 5.4 to 5.6, Karn
TEST(Retransmission, is_repeated_with_back_off_until_given_up) {
  Scenario scenario;
  scenario.tcp.retransmissions_max = 4;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send("hello?");
  peer.expect({.payload = "hello?"});
  base::Duration timeout = 200ms;
  for (int count = 0; count < 4; ++count, timeout *= 2) {
    peer.advance(timeout - 3ms);
    peer.expect_nothing();
    peer.advance(3ms);
    peer.expect({.flags = kPshAck, .seq = 1, .payload = "hello?"});
  }
  EXPECT_EQ(app.connection->info().retransmitted, 4U);
  EXPECT_EQ(peer.events(Event::kTcpRetransmitted), 4U);
  peer.advance(timeout - 10ms);
  EXPECT_FALSE(app.closed);
  peer.advance(20ms);
  EXPECT_EQ(app.closed, CloseReason::kTimedOut);
  EXPECT_EQ(peer.closed(CloseReason::kTimedOut), 1U);
  peer.take_all();
}

// RFC 6298 5.7 and Karn: an acknowledgement of something sent twice is no sample, so the back-off stays.
TEST(Retransmission, an_ambiguous_acknowledgement_is_no_sample) {
  Peer peer;
  App& app = peer.establish();
  app.send("a");
  peer.expect({});
  peer.advance(200ms);
  peer.expect({});
  const base::Duration srtt = app.connection->info().srtt;
  peer.advance(50ms);
  peer.send({});
  EXPECT_EQ(app.connection->info().srtt, srtt);
  EXPECT_EQ(app.connection->info().rto, 400ms);
  app.send("b");
  peer.expect({});
  peer.advance(50ms);
  peer.send({});
  EXPECT_LT(app.connection->info().rto, 400ms);
  EXPECT_GT(app.connection->info().srtt, srtt);
}

TEST(Retransmission, stops_when_everything_is_acknowledged) {
  Peer peer;
  App& app = peer.establish();
  app.send("a");
  peer.expect({});
  peer.advance(100ms);
  peer.send({});
  peer.advance(100s);
  peer.expect_nothing();
  EXPECT_FALSE(app.closed);
}

// RFC 6298 5.3: new data acknowledged restarts the timer.
TEST(Retransmission, progress_restarts_the_timer) {
  Peer peer;
  App& app = peer.establish();
  app.send(text(2920));
  peer.take_all();
  peer.advance(150ms);
  peer.send({.ack = 1461});
  peer.advance(195ms);
  peer.expect_nothing();
}

TEST(Retransmission, fin_is_repeated) {
  for (const char* state : {"FIN-WAIT-1", "LAST-ACK"}) {
    Peer peer;
    App& app = peer.enter(state);
    peer.advance(201ms);
    peer.expect({.flags = kFinAck, .seq = 1, .size = 0});
    peer.send({});
    peer.advance(10s);
    peer.expect_nothing();
    EXPECT_EQ(app.closed.has_value(), state == std::string_view("LAST-ACK"));
  }
}

TEST(Retransmission, a_silent_peer_ends_a_closing_connection) {
  Scenario scenario;
  scenario.tcp.retransmissions_max = 2;
  Peer peer(scenario);
  App& app = peer.enter("LAST-ACK");
  peer.advance(10s);
  EXPECT_EQ(app.closed, CloseReason::kTimedOut);
  peer.take_all();
}

Scenario with_keep_alive() {
  Scenario scenario;
  scenario.tcp.keep_alive_idle = 60s;
  scenario.tcp.keep_alive_interval = 10s;
  scenario.tcp.keep_alive_probes = 3;
  return scenario;
}

// RFC 1122 §4.2.3.6 (MUST-25): off unless asked for.
TEST(KeepAlive, is_off_by_default) {
  Peer peer;
  peer.establish();
  peer.advance(std::chrono::hours(24));
  peer.expect_nothing();
}

// RFC 9293 §3.8.4
TEST(KeepAlive, probes_an_idle_peer_and_is_content_with_an_answer) {
  Peer peer(with_keep_alive());
  App& app = peer.establish();
  for (int round = 0; round < 3; ++round) {
    peer.advance(58s);
    peer.expect_nothing();
    peer.advance(3s);
    peer.expect({.flags = kTcpAck, .seq = 0, .ack = 1, .size = 0});
    peer.send({});
    peer.advance(1s);
  }
  EXPECT_FALSE(app.closed);
}

TEST(KeepAlive, gives_up_on_a_silent_peer) {
  Peer peer(with_keep_alive());
  App& app = peer.establish();
  peer.advance(89s);
  EXPECT_EQ(peer.take_all().size(), 3U);
  EXPECT_FALSE(app.closed);
  peer.advance(2s);
  EXPECT_EQ(app.closed, CloseReason::kKeepAliveTimedOut);
  EXPECT_EQ(peer.closed(CloseReason::kKeepAliveTimedOut), 1U);
  peer.take_all();
}

TEST(KeepAlive, traffic_postpones_it) {
  Peer peer(with_keep_alive());
  peer.establish();
  for (int count = 0; count < 5; ++count) {
    peer.advance(50s);
    peer.send({.payload = "x"});
    peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt});
  }
}

// RFC 9293 §3.8.4: the answer to the peer's own probe.
TEST(KeepAlive, the_peers_probe_is_answered) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.seq = 0});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  peer.send({.seq = 0, .payload = "g"});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  EXPECT_EQ(app.received, "");
}

TEST(Stop, resets_every_connection_and_says_so) {
  Peer peer;
  App& first = peer.establish();
  peer.new_flow(41000);
  App& second = peer.enter("CLOSE-WAIT");
  peer.stack->stop(peer.now);
  EXPECT_EQ(first.closed, CloseReason::kStopped);
  EXPECT_EQ(second.closed, CloseReason::kStopped);
  EXPECT_EQ(peer.closed(CloseReason::kStopped), 2U);
  EXPECT_EQ(peer.stack->connection_count(), 0U);
  for (const Segment& segment : peer.take_all()) EXPECT_TRUE(segment.flags.rst());
}

}  // namespace
}  // namespace windhover::stack::tcp::test
