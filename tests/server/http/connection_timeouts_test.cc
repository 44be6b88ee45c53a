#include "server/http/connection.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/server/http/echo.h"
#include "tests/server/http/loopback.h"

namespace windhover::server::http {
namespace {

using stack::tcp::CloseReason;
using std::chrono::milliseconds, std::chrono::seconds;
using test::Client;
using test::Echo;
using test::get;
using test::Loopback;
using test::LoopbackOptions;
using test::parse;
using test::post;

// Timeouts: the moment before, and the moment.

TEST(Timeouts, idle_connection_is_closed_silently) {
  Echo echo;
  Loopback loop(echo);
  Client& fresh = loop.connect();
  Client& used = loop.connect();
  loop.exchange(used, get("/a"));
  loop.advance(milliseconds(129'800));
  EXPECT_FALSE(fresh.finished);
  loop.advance(milliseconds(200));
  EXPECT_TRUE(fresh.finished);
  EXPECT_EQ(fresh.received, "");
  loop.advance(milliseconds(200));
  EXPECT_TRUE(used.finished);
  EXPECT_EQ(used.received, "");
  fresh.connection->shutdown();
  used.connection->shutdown();
  loop.advance(seconds(1));
  EXPECT_EQ(loop.count(ConnectionEnd::kKeepAliveTimeout), 2U);
}

TEST(Timeouts, idle_time_begins_with_the_last_answer) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  for (int i = 0; i < 5; ++i) {
    loop.advance(seconds(100));
    EXPECT_EQ(parse(loop.exchange(client, get("/a"))).size(), 1U);
  }
  loop.advance(seconds(129));
  EXPECT_FALSE(client.finished);
  loop.advance(seconds(2));
  EXPECT_TRUE(client.finished);
}

TEST(Timeouts, slow_head_is_answered_408) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.advance(seconds(50));
  client.send("G");
  for (int i = 0; i < 29; ++i) {
    loop.advance(seconds(1));
    client.send("E");
  }
  loop.advance(milliseconds(900));
  EXPECT_EQ(client.received, "");
  loop.advance(milliseconds(200));
  const auto answers = parse(client.received);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 408);
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(loop.count(BadRequest::kHeadersTimeout), 1U);
}

TEST(Timeouts, slow_body_is_answered_408) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  client.send(post("/sink", "Content-Length: 10000\r\n", ""));
  for (int i = 0; i < 49; ++i) {
    client.send("a");
    loop.advance(milliseconds(100));
  }
  EXPECT_EQ(client.received, "");
  loop.advance(milliseconds(200));
  EXPECT_EQ(parse(client.received).at(0).status, 408);
  EXPECT_EQ(loop.count(BadRequest::kBodyTooSlow), 1U);
  EXPECT_EQ(echo.abandoned_count, 1);
}

TEST(Timeouts, body_at_the_least_rate_is_accepted) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  client.send(post("/sink", "Content-Length: 10000\r\n", ""));
  for (int i = 0; i < 40; ++i) {
    client.send(std::string(250, 'a'));
    loop.advance(seconds(1));
  }
  EXPECT_EQ(parse(client.received).at(0).status, 200);
}

TEST(Timeouts, client_that_does_not_take_its_answer_is_aborted) {
  Echo echo;
  LoopbackOptions options;
  options.client_tcp.receive_window = 16 * 1024;
  Loopback loop(echo, options);
  Client& client = loop.connect();
  client.connection->pause_reading();
  client.send(get("/large"));
  loop.advance(milliseconds(4900));
  EXPECT_EQ(loop.count(ConnectionEnd::kResponseTooSlow), 0U);
  loop.advance(seconds(6));
  EXPECT_EQ(loop.count(ConnectionEnd::kResponseTooSlow), 1U);
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(client.reason, CloseReason::kPeerReset);
}

TEST(Timeouts, client_that_takes_its_answer_slowly_is_served) {
  Echo echo;
  LoopbackOptions options;
  options.client_tcp.receive_window = 16 * 1024;
  options.client_tcp.reassembly_blocks = 64;
  Loopback loop(echo, options);
  Client& client = loop.connect();
  client.send(get("/large"));
  for (int i = 0; i < 30; ++i) {
    client.connection->pause_reading();
    loop.advance(seconds(3));
    client.connection->resume_reading();
    loop.settle();
  }
  loop.advance(seconds(60));
  EXPECT_EQ(parse(client.received).at(0).body.size(), echo.large.size);
}

TEST(Timeouts, client_that_goes_on_after_an_error_is_cut_off) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  EXPECT_EQ(parse(loop.exchange(client, "bad\r\n")).at(0).status, 400);
  EXPECT_TRUE(client.finished);
  loop.advance(milliseconds(4800));
  client.send("more");
  loop.settle();
  EXPECT_FALSE(client.closed);
  loop.advance(milliseconds(300));
  EXPECT_FALSE(client.closed);
  client.send("and more");
  loop.settle();
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(client.reason, CloseReason::kPeerReset);
  EXPECT_EQ(loop.count(ConnectionEnd::kLingerTimeout), 1U);
}

/// Its TCP has acknowledged the answer; whether its application has read it, nobody knows.
TEST(Timeouts, client_that_is_slow_to_close_is_not_reset) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.exchange(client, get("/close"));
  EXPECT_TRUE(client.finished);
  loop.advance(seconds(60));
  EXPECT_FALSE(client.closed);
  EXPECT_EQ(loop.server().connection_count(), 1U);
  client.connection->shutdown();
  loop.advance(milliseconds(50));
  EXPECT_EQ(loop.server().connection_count(), 0U);
  EXPECT_EQ(loop.count(ConnectionEnd::kLingerTimeout), 1U);
}

TEST(Timeouts, client_that_never_closes_is_forgotten) {
  Echo echo;
  LoopbackOptions options;
  options.server_tcp.fin_wait_2 = seconds(20);
  Loopback loop(echo, options);
  Client& client = loop.connect();
  loop.exchange(client, get("/close"));
  loop.advance(milliseconds(24'900));
  EXPECT_EQ(loop.server().connection_count(), 1U);
  loop.advance(milliseconds(200));
  EXPECT_EQ(loop.server().connection_count(), 0U);
  EXPECT_FALSE(client.closed);
}

TEST(Timeouts, client_that_vanished_before_our_end_is_given_up) {
  Echo echo;
  LoopbackOptions options;
  options.limits.keep_alive_timeout = seconds(10);
  Loopback loop(echo, options);
  loop.connect();
  loop.server_frame_max = 0;
  loop.advance(milliseconds(19'900));
  EXPECT_EQ(loop.server().connection_count(), 1U);
  loop.advance(milliseconds(200));
  EXPECT_EQ(loop.server().connection_count(), 0U);
  loop.server_frame_max = 65535;
}

TEST(Timeouts, client_that_never_closes_does_not_hold_up_a_drain) {
  Echo echo;
  Loopback loop(echo);
  Client& early = loop.connect();
  loop.exchange(early, get("/close"));
  loop.advance(seconds(6));
  Client& late = loop.connect();
  loop.server().drain();
  loop.settle();
  EXPECT_EQ(early.reason, CloseReason::kPeerReset);
  EXPECT_TRUE(late.finished);
  loop.advance(milliseconds(4900));
  EXPECT_EQ(loop.server().connection_count(), 1U);
  loop.advance(milliseconds(200));
  EXPECT_EQ(loop.server().connection_count(), 0U);
  EXPECT_EQ(late.reason, CloseReason::kPeerReset);
}

}  // namespace
}  // namespace windhover::server::http
