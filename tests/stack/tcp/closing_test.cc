#include "stack/tcp/closing.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

TEST(Close, sends_fin_behind_what_is_queued_and_ends_like_shutdown) {
  Peer peer;
  App& app = peer.establish();
  app.send("last words");
  app.connection->close();
  peer.expect({.flags = kFinAck | kTcpPsh, .seq = 1, .payload = "last words"});
  peer.send({});
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .seq = 12, .ack = 2});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
}

TEST(Close, no_event_but_the_end_comes_any_more) {
  Peer peer;
  App& app = peer.establish();
  app.send("x");
  app.connection->set_timer(peer.now + 1s);
  app.connection->close();
  EXPECT_EQ(app.send("y"), 0U);
  app.connection->set_timer(peer.now + 1s);
  peer.expect({.flags = kFinAck | kTcpPsh});
  peer.send({});
  peer.advance(2s);
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck});
  EXPECT_EQ(app.timers, 0);
  EXPECT_EQ(app.drained, 0);
  EXPECT_EQ(app.peer_finished, 0);
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

// RFC 1122 §4.2.2.13: data after CLOSE is lost, and the peer should learn that.
TEST(Close, data_that_comes_later_is_reset_in_every_state_that_takes_data) {
  for (const bool acknowledged : {false, true}) {
    Peer peer;
    App& app = peer.establish();
    app.connection->close();
    peer.expect({.flags = kFinAck, .seq = 1});
    if (acknowledged) peer.send({});
    EXPECT_EQ(app.connection->info().state, acknowledged ? "FIN-WAIT-2" : "FIN-WAIT-1");
    peer.send({.ack = acknowledged ? 2U : 1U, .payload = "more"});
    peer.expect({.flags = kRstAck, .seq = 2, .ack = 5});
    EXPECT_EQ(app.closed, CloseReason::kUnread);
    EXPECT_EQ(app.received, "");
    EXPECT_EQ(peer.drops(Drop::kTcpUnread), 1U);
    EXPECT_EQ(peer.closed(CloseReason::kUnread), 1U);
  }
}

// RFC 2525 §2.17
TEST(Close, with_unread_data_resets_at_once) {
  for (const bool finished : {false, true}) {
    Peer peer;
    App& app = peer.establish();
    app.connection->pause_reading();
    peer.send({.flags = finished ? kFinAck : kPshAck, .payload = "unread"});
    peer.take_all();
    app.send("never");
    app.connection->close();
    EXPECT_FALSE(app.closed) << "events come later, never from inside a verb";
    peer.expect({.flags = kRstAck, .seq = 1, .ack = finished ? 8U : 7U});
    EXPECT_EQ(app.closed, CloseReason::kUnread);
  }
}

TEST(Close, while_paused_with_nothing_unread_is_a_close) {
  Peer peer;
  App& app = peer.establish();
  app.connection->pause_reading();
  app.connection->close();
  peer.expect({.flags = kFinAck, .seq = 1});
  peer.send({});
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .ack = 2});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

TEST(Close, while_paused_behind_the_peers_fin_ends_in_last_ack) {
  Peer peer;
  App& app = peer.establish();
  app.connection->pause_reading();
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .ack = 2});
  app.connection->close();
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 2});
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(app.peer_finished, 0);
}

TEST(Close, out_of_order_data_resets_when_its_hole_is_filled) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.seq = 4, .payload = "def"});
  peer.expect({.flags = kTcpAck, .ack = 1});
  app.connection->close();
  peer.expect({.flags = kFinAck, .seq = 1});
  peer.send({.seq = 1, .payload = "abc"});
  EXPECT_TRUE(peer.expect({}).flags.rst());
  EXPECT_EQ(app.closed, CloseReason::kUnread);
}

TEST(Close, from_inside_data_ends_cleanly_where_that_was_all) {
  Peer peer;
  App& app = peer.establish();
  app.when_data = [](Connection& connection, std::string_view) {
    connection.send(base::as_bytes("answer"));
    connection.close();
  };
  peer.send({.payload = "question"});
  peer.expect({.flags = kFinAck | kTcpPsh, .ack = 9, .payload = "answer"});
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .ack = 10});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

// As Linux's tcp_fin_timeout: nobody waits for ever for a peer that does not close.
TEST(Close, the_peers_fin_is_waited_for_a_minute) {
  Peer peer;
  App& app = peer.establish();
  app.connection->close();
  peer.expect({.flags = kFinAck});
  peer.send({});
  peer.advance(60s - 2ms);
  EXPECT_FALSE(app.closed);
  peer.advance(4ms);
  EXPECT_EQ(app.closed, CloseReason::kCloseTimedOut);
  peer.expect_nothing();
  EXPECT_EQ(peer.stack->connection_count(), 0U);
}

TEST(Close, after_shutdown_bounds_the_wait_too) {
  Peer peer;
  App& app = peer.enter("FIN-WAIT-2");
  peer.advance(500s);
  EXPECT_FALSE(app.closed) << "an application that reads may wait for as long as it likes";
  app.connection->close();
  peer.advance(60s + 2ms);
  EXPECT_EQ(app.closed, CloseReason::kCloseTimedOut);
}

TEST(Close, lingers_for_as_long_as_it_is_told_and_then_resets) {
  Peer peer;
  App& app = peer.establish();
  app.send("unacknowledged");
  app.connection->close(5s);
  peer.expect({.flags = kFinAck | kTcpPsh});
  peer.advance(5s - 2ms);
  EXPECT_FALSE(app.closed);
  peer.take_all();
  peer.advance(4ms);
  peer.expect({.flags = kRstAck, .seq = 16, .ack = 1});
  EXPECT_EQ(app.closed, CloseReason::kCloseTimedOut);
}

TEST(Close, what_is_acknowledged_in_time_is_not_reset) {
  Peer peer;
  App& app = peer.establish();
  app.connection->close(5s);
  peer.expect({.flags = kFinAck});
  peer.send({});
  peer.advance(30s);
  EXPECT_FALSE(app.closed) << "now it is the peer's FIN that is waited for";
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

TEST(Close, twice_is_once_and_abort_still_ends_it) {
  Peer peer;
  App& app = peer.establish();
  app.connection->close();
  app.connection->close(1s);
  peer.expect({.flags = kFinAck});
  peer.advance(100ms);
  app.connection->abort();
  peer.expect({.flags = kRstAck, .seq = 2});
  EXPECT_EQ(app.closed, CloseReason::kAborted);
}

TEST(Close, in_syn_sent_ends_it_without_a_segment) {
  Peer peer;
  App& app = peer.connect();
  peer.expect({.flags = kTcpSyn});
  app.connection->close();
  peer.expect_nothing();
  EXPECT_EQ(app.closed, CloseReason::kAborted);
}

TEST(Close, a_rst_of_the_peers_ends_it) {
  Peer peer;
  App& app = peer.establish();
  app.connection->close();
  peer.expect({.flags = kFinAck});
  peer.send({.flags = kTcpRst});
  EXPECT_EQ(app.closed, CloseReason::kPeerReset);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
