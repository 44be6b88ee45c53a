// RFC 5482, as Linux's TCP_USER_TIMEOUT: how long nothing may move.

#include <gtest/gtest.h>

#include "stack/tcp/timers.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

TEST(UserTimeout, ends_what_is_not_acknowledged) {
  Peer peer;
  App& app = peer.establish();
  app.connection->set_user_timeout(10s);
  app.send("x");
  peer.advance(10s - 20ms);
  EXPECT_FALSE(app.closed);
  peer.advance(500ms);
  EXPECT_EQ(app.closed, CloseReason::kUserTimedOut);
  for (const Segment& segment : peer.take_all()) EXPECT_FALSE(segment.flags.rst());
}

TEST(UserTimeout, is_a_default_of_the_configuration) {
  Scenario scenario;
  scenario.tcp.user_timeout = 5s;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send("x");
  peer.advance(4900ms);
  EXPECT_FALSE(app.closed);
  peer.advance(500ms);
  EXPECT_EQ(app.closed, CloseReason::kUserTimedOut);
  peer.take_all();
}

TEST(UserTimeout, progress_begins_it_anew) {
  Peer peer;
  App& app = peer.establish();
  app.connection->set_user_timeout(10s);
  for (int round = 0; round < 4; ++round) {
    app.send("x");
    peer.advance(8s);
    peer.take_all();
    peer.send({});
    ASSERT_FALSE(app.closed) << round;
    peer.advance(3s);
  }
  EXPECT_FALSE(app.closed);
  peer.take_all();
}

// The peer answers each probe and yet takes nothing.
TEST(UserTimeout, a_window_that_stays_shut_is_no_progress) {
  Peer peer;
  App& app = peer.establish();
  app.connection->set_user_timeout(20s);
  peer.send({.window = 0});
  app.send("x");
  for (int second = 0; second < 19; ++second) {
    peer.advance(1s);
    if (!peer.take_all().empty()) peer.send({.window = 0});
    ASSERT_FALSE(app.closed) << second;
  }
  peer.advance(2s);
  EXPECT_EQ(app.closed, CloseReason::kUserTimedOut);
  peer.take_all();
}

TEST(UserTimeout, a_window_that_opens_in_time_is) {
  Peer peer;
  App& app = peer.establish();
  app.connection->set_user_timeout(20s);
  for (int round = 0; round < 3; ++round) {
    peer.send({.window = 0});
    app.send("x");
    peer.advance(15s);
    peer.take_all();
    peer.send({});
    peer.advance(100ms);
    peer.take_all();
    peer.send({});
    ASSERT_FALSE(app.closed) << round;
  }
}

TEST(UserTimeout, bounds_a_handshake_of_ours) {
  Scenario scenario;
  scenario.tcp.user_timeout = 4s;
  Peer peer(scenario);
  App& app = peer.connect();
  peer.advance(3900ms);
  EXPECT_FALSE(app.closed);
  peer.advance(200ms);
  EXPECT_EQ(app.closed, CloseReason::kUserTimedOut);
  peer.take_all();
}

// Linux: it takes the place of the number of probes.
TEST(UserTimeout, bounds_keep_alive_and_resets) {
  Scenario scenario;
  scenario.tcp.keep_alive_idle = 10s;
  scenario.tcp.keep_alive_interval = 1s;
  scenario.tcp.user_timeout = 15s;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.advance(15s - 10ms);
  EXPECT_FALSE(app.closed);
  peer.take_all();
  peer.advance(20ms);
  EXPECT_EQ(app.closed, CloseReason::kUserTimedOut);
  EXPECT_TRUE(peer.expect({}).flags.rst());
}

TEST(UserTimeout, idle_connections_have_none) {
  Scenario scenario;
  scenario.tcp.user_timeout = 1s;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.advance(1000s);
  EXPECT_FALSE(app.closed);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
