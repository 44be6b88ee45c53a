#include "server/http/server.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/server/http/echo.h"
#include "tests/server/http/loopback.h"

namespace windhover::server::http {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
using test::Client;
using test::Echo;
using test::get;
using test::Loopback;
using test::LoopbackOptions;
using test::parse;
using test::says_close;

// The lane's bounds.

TEST(Server, connections_beyond_the_limit_are_refused) {
  Echo echo;
  LoopbackOptions options;
  options.limits.max_concurrent_connections = 2;
  Loopback loop(echo, options);
  loop.connect();
  Client& second = loop.connect();
  Client& third = loop.connect();
  loop.advance(milliseconds(50));
  EXPECT_TRUE(third.closed);
  EXPECT_EQ(loop.count(HttpEvent::kConnectionsRefused), 1U);
  second.connection->abort();
  loop.settle();
  Client& fourth = loop.connect();
  EXPECT_EQ(parse(loop.exchange(fourth, get("/a"))).size(), 1U);
}

TEST(Server, without_buffers_split_requests_are_refused_and_whole_ones_served) {
  Echo echo;
  LoopbackOptions options;
  options.capacity.small_buffers = 1;
  options.capacity.large_buffers = 1;
  Loopback loop(echo, options);
  Client* clients[4] = {};
  for (Client*& client : clients) {
    client = &loop.connect();
    client->send("GET /");
    loop.settle();
  }
  loop.advance(milliseconds(50));
  EXPECT_EQ(clients[0]->received, "");
  EXPECT_EQ(parse(clients[2]->received).at(0).status, 503);
  EXPECT_EQ(parse(clients[3]->received).at(0).status, 503);
  EXPECT_EQ(loop.count(BadRequest::kNoBuffer), 2U);
  EXPECT_EQ(parse(loop.exchange(loop.connect(), get("/a"))).at(0).status, 200);
  EXPECT_EQ(parse(loop.exchange(*clients[0], "a HTTP/1.1\r\nHost: a\r\n\r\n")).at(0).status, 200);
}

TEST(Server, without_buffers_an_answer_that_must_wait_ends_its_connection) {
  Echo echo;
  LoopbackOptions options;
  options.capacity.small_buffers = 0;
  options.capacity.large_buffers = 0;
  options.server_tcp.send_buffer = 50;
  Loopback loop(echo, options);
  Client& client = loop.connect();
  loop.exchange(client, get("/a"));
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(loop.count(ConnectionEnd::kOutOfMemory), 1U);
}

TEST(Server, drained_closes_idle_connections_at_once_and_busy_ones_after_their_answer) {
  Echo echo;
  Loopback loop(echo);
  Client& idle = loop.connect();
  loop.exchange(idle, get("/a"));
  Client& busy = loop.connect();
  loop.exchange(busy, "GET /b HTTP/1.1\r\n");
  loop.server().drain();
  loop.advance(milliseconds(50));
  EXPECT_TRUE(idle.finished);
  EXPECT_FALSE(busy.finished);
  const auto answers = parse(loop.exchange(busy, "Host: a\r\n\r\n"));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].body, "/b");
  EXPECT_TRUE(says_close(answers[0]));
  EXPECT_TRUE(busy.finished);
  EXPECT_TRUE((loop.connect(), loop.advance(milliseconds(50)), true));
  EXPECT_EQ(loop.count(HttpEvent::kConnectionsRefused), 1U);
  idle.connection->shutdown();
  busy.connection->shutdown();
  loop.advance(milliseconds(50));
  EXPECT_EQ(loop.count(ConnectionEnd::kShutdown), 2U);
  EXPECT_EQ(loop.server().connection_count(), 0U);
}

TEST(Server, answers_are_counted_by_class) {
  Echo echo;
  Loopback loop(echo);
  loop.exchange(loop.connect(), get("/a"));
  loop.exchange(loop.connect(), "bad\r\n");
  loop.exchange(loop.connect(), "GET / HTTP/2.0\r\n\r\n");
  EXPECT_EQ(loop.count(HttpEvent::kResponses2xx), 1U);
  EXPECT_EQ(loop.count(HttpEvent::kResponses4xx), 1U);
  EXPECT_EQ(loop.count(HttpEvent::kResponses5xx), 1U);
  EXPECT_EQ(loop.count(HttpEvent::kRequests), 1U);
}

}  // namespace
}  // namespace windhover::server::http
