#include "server/http/connection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/server/http/cases.h"
#include "tests/server/http/echo.h"
#include "tests/server/http/loopback.h"

namespace windhover::server::http {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
using test::Answer;
using test::Case;
using test::Client;
using test::Echo;
using test::get;
using test::Loopback;
using test::LoopbackOptions;
using test::parse;
using test::post;
using test::says_close;

TEST(Connection, keep_alive_request_is_answered) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  EXPECT_EQ(loop.exchange(client, get("/hello")),
            "HTTP/1.1 200 OK\r\nServer: windhover\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 6\r\n\r\n"
            "/hello");
  EXPECT_EQ(parse(loop.exchange(client, get("/again"))).at(0).body, "/again");
  EXPECT_FALSE(client.finished);
  EXPECT_EQ(loop.count(HttpEvent::kRequests), 2U);
  EXPECT_EQ(loop.count(HttpEvent::kResponses2xx), 2U);
  EXPECT_EQ(loop.count(HttpEvent::kConnections), 1U);
}

TEST(Connection, every_case_is_answered_once_and_then_closed_if_bad) {
  Echo echo;
  for (const Case& one : test::cases()) {
    Loopback loop(echo);
    Client& client = loop.connect();
    const auto answers = parse(loop.exchange(client, one.input));
    if (one.name == "http_0_9" || !answers.empty()) {
      ASSERT_EQ(answers.size(), 1U) << one.name;
      EXPECT_EQ(answers[0].status, one.status()) << one.name;
      if (one.bad) {
        EXPECT_TRUE(says_close(answers[0])) << one.name;
        EXPECT_EQ(loop.count(*one.bad), 1U) << one.name;
        EXPECT_TRUE(client.finished) << one.name;
        // What comes after an error is not a request any more.
        EXPECT_EQ(loop.exchange(client, get("/smuggled")), "") << one.name;
      }
    } else {
      ADD_FAILURE() << one.name << " is not answered";
    }
  }
}

TEST(Connection, every_case_byte_by_byte_is_answered_the_same) {
  Echo echo;
  for (const Case& one : test::cases()) {
    if (one.input.size() > 1000) continue;
    Loopback loop(echo);
    Client& client = loop.connect();
    for (const char c : one.input) {
      client.send({&c, 1});
      loop.settle();
    }
    loop.advance(milliseconds(50));
    const auto answers = parse(client.received);
    ASSERT_EQ(answers.size(), 1U) << one.name;
    EXPECT_EQ(answers[0].status, one.status()) << one.name;
  }
}

TEST(Connection, long_head_byte_by_byte_is_answered) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  const std::string request = get("/" + std::string(3000, 'a'), "A: " + std::string(3000, 'b') + "\r\n");
  for (const char c : request) {
    client.send({&c, 1});
    loop.settle();
  }
  loop.advance(milliseconds(50));
  EXPECT_EQ(parse(client.received).at(0).status, 200);
}

TEST(Connection, cut_request_is_never_answered) {
  Echo echo;
  const std::string request = post("/sink", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nA: b\r\n\r\n");
  for (std::size_t size = 0; size < request.size(); ++size) {
    Loopback loop(echo);
    Client& client = loop.connect();
    client.send(request.substr(0, size));
    loop.advance(milliseconds(50));
    client.connection->shutdown();
    loop.advance(seconds(1));
    EXPECT_EQ(client.received, "") << size;
    EXPECT_EQ(loop.server().connection_count(), 0U) << size;
    EXPECT_EQ(loop.count(size == 0 ? ConnectionEnd::kPeerFinished : ConnectionEnd::kPeerFinishedEarly), 1U) << size;
  }
}

TEST(Connection, pipelined_requests_are_answered_in_order) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  std::string requests;
  for (int i = 0; i < 500; ++i)
    requests +=
        i % 7 == 3 ? post("/" + std::to_string(i), "Content-Length: 4\r\n", "body") : get("/" + std::to_string(i));
  const auto answers = parse(loop.exchange(client, requests));
  ASSERT_EQ(answers.size(), 500U);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)].body, "/" + std::to_string(i));
}

TEST(Connection, pipelined_requests_split_anywhere_are_answered_in_order) {
  Echo echo;
  const std::string requests = get("/a") + post("/sink", "Content-Length: 5\r\n", "hello") + "\r\n" + get("/b") +
                               post("/sink", "Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n") + get("/c");
  for (std::size_t at = 1; at < requests.size(); ++at) {
    Loopback loop(echo);
    echo.body.clear();
    Client& client = loop.connect();
    std::string text = loop.exchange(client, requests.substr(0, at));
    text += loop.exchange(client, requests.substr(at));
    const auto answers = parse(text);
    ASSERT_EQ(answers.size(), 5U) << at;
    EXPECT_EQ(answers[2].body, "/b") << at;
    EXPECT_EQ(answers[4].body, "/c") << at;
    EXPECT_EQ(echo.body, "hello.hi.") << at;
  }
}

TEST(Connection, client_that_takes_no_answers_stops_being_read) {
  Echo echo;
  LoopbackOptions options;
  options.limits.min_response_data_rate.bytes_per_second = 0;
  options.client_tcp.receive_window = 32 * 1024;
  Loopback loop(echo, options);
  Client& client = loop.connect();
  client.connection->pause_reading();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/middle");
  client.send(requests);
  loop.advance(seconds(1));
  EXPECT_GE(loop.count(HttpEvent::kBackedUp), 1U);
  EXPECT_LT(loop.count(HttpEvent::kRequests), 10U);
  client.connection->resume_reading();
  loop.advance(seconds(60));
  const auto answers = parse(client.received);
  ASSERT_EQ(answers.size(), 100U);
  EXPECT_TRUE(std::all_of(answers.begin(), answers.end(), [](const Answer& one) { return one.body.size() == 40'000; }));
  client.received.clear();
  EXPECT_EQ(parse(loop.exchange(client, get("/after"))).size(), 1U);
}

TEST(Connection, send_queue_too_small_for_an_answer_is_waited_for) {
  Echo echo;
  LoopbackOptions options;
  options.server_tcp.send_buffer = 300;
  options.client_tcp.receive_window = 8 * 1024;
  Loopback loop(echo, options);
  Client& client = loop.connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += get("/" + std::string(90, 'a')) + (i % 10 == 5 ? get("/middle") : "");
  client.send(requests);
  loop.advance(seconds(30));
  EXPECT_EQ(parse(client.received).size(), 55U);
}

TEST(Connection, large_body_arrives_whole) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  client.send(get("/large"));
  loop.advance(seconds(30));
  EXPECT_EQ(parse(client.received).at(0).body.size(), echo.large.size);
}

TEST(Connection, head_and_bodiless_statuses_have_no_body) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  const auto answers =
      parse(loop.exchange(client, "HEAD /large HTTP/1.1\r\nHost: a\r\n\r\nHEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" +
                                      get("/no-content")),
            true);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_NE(answers[0].head.find("Content-Length: 4194304\r\n"), std::string::npos);
  EXPECT_NE(answers[1].head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_EQ(answers[2].status, 204);
  EXPECT_EQ(answers[2].head.find("Content-Length"), std::string::npos);
}

TEST(Connection, close_is_honoured_and_said) {
  Echo echo;
  for (const std::string& request :
       {get("/a", "Connection: close\r\n"), std::string("GET /a HTTP/1.0\r\n\r\n"), get("/close")}) {
    Loopback loop(echo);
    Client& client = loop.connect();
    const auto answers = parse(loop.exchange(client, request + get("/b")));
    ASSERT_EQ(answers.size(), 1U) << request;
    EXPECT_TRUE(says_close(answers[0]));
    EXPECT_TRUE(client.finished);
    client.connection->shutdown();
    loop.advance(milliseconds(50));
    EXPECT_EQ(loop.count(ConnectionEnd::kAsked), 1U);
    EXPECT_EQ(loop.server().connection_count(), 0U);
  }
}

TEST(Connection, http_1_0_keeps_alive_when_asked) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  for (int i = 0; i < 2; ++i) {
    const auto answers = parse(loop.exchange(client, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_NE(answers[0].head.find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  }
  EXPECT_FALSE(client.finished);
}

TEST(Connection, body_goes_to_its_sink) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += static_cast<char>('a' + i % 26);
  client.send(post("/sink", "Content-Length: 100000\r\n", body));
  loop.advance(seconds(5));
  EXPECT_EQ(parse(client.received).at(0).body, "100001");
  EXPECT_EQ(echo.body, body + ".");
  EXPECT_EQ(echo.abandoned_count, 0);
}

TEST(Connection, unwanted_body_is_discarded_and_the_connection_goes_on) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  client.send(post("/a", "Content-Length: 5000000\r\n", std::string(5'000'000, 'x')) + get("/b"));
  loop.advance(seconds(60));
  const auto answers = parse(client.received);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[1].body, "/b");
}

TEST(Connection, body_ended_early_is_abandoned) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.exchange(client, post("/sink", "Content-Length: 10\r\n", "abc"));
  client.connection->abort();
  loop.advance(milliseconds(50));
  EXPECT_EQ(echo.abandoned_count, 1);
  EXPECT_EQ(loop.count(ConnectionEnd::kTransport), 1U);
}

TEST(Connection, bad_chunk_abandons_the_sink) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.exchange(client, post("/sink", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
  EXPECT_EQ(parse(loop.exchange(client, "x\r\n")).at(0).status, 400);
  EXPECT_EQ(echo.abandoned_count, 1);
}

TEST(Connection, expected_continue_comes_before_the_body) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  EXPECT_EQ(loop.exchange(client, post("/sink", "Expect: 100-continue\r\nContent-Length: 3\r\n", "")),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(parse(loop.exchange(client, "abc")).at(0).body, "4");
  EXPECT_EQ(loop.count(HttpEvent::kContinues), 1U);
}

TEST(Connection, expected_continue_is_not_sent_when_the_body_is_there) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  const auto answers =
      parse(loop.exchange(client, post("/sink", "Expect: 100-continue\r\nContent-Length: 3\r\n", "abc")));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 200);
}

TEST(Connection, expected_continue_for_an_unwanted_body_gets_the_final_answer) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  const auto answers = parse(loop.exchange(client, post("/a", "Expect: 100-continue\r\nContent-Length: 3\r\n", "")));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_TRUE(says_close(answers[0]));
  client.connection->shutdown();
  loop.advance(milliseconds(50));
  EXPECT_EQ(loop.count(ConnectionEnd::kExpectationUnmet), 1U);
}

TEST(Connection, too_large_body_is_refused_before_it_comes) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  EXPECT_EQ(parse(loop.exchange(client, post("/sink", "Expect: 100-continue\r\nContent-Length: 30000001\r\n", "")))
                .at(0)
                .status,
            413);
  EXPECT_EQ(loop.count(BadRequest::kBodyTooLarge), 1U);
}

TEST(Connection, half_closed_client_still_gets_its_answers) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  client.send(get("/large") + get("/b"));
  client.connection->shutdown();
  loop.advance(seconds(30));
  const auto answers = parse(client.received);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].body.size(), echo.large.size);
  EXPECT_EQ(loop.server().connection_count(), 0U);
  EXPECT_EQ(loop.count(ConnectionEnd::kPeerFinished), 1U);
}

TEST(Connection, too_many_bytes_after_an_error_are_cut_off) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.exchange(client, "bad\r\n");
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 20 && !client.closed; ++i) {
    client.send(megabyte);
    loop.settle();
  }
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(loop.count(ConnectionEnd::kLingerTimeout), 1U);
}

TEST(Connection, an_answer_that_was_lost_arrives_before_the_reset) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.server_frame_max = 100;
  client.send("bad\r\n");
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) {
    client.send(megabyte);
    loop.settle();
  }
  EXPECT_FALSE(client.closed);
  EXPECT_EQ(client.received, "");
  loop.server_frame_max = 65535;
  loop.advance(seconds(1));
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 400 ")) << client.received;
  EXPECT_EQ(client.reason, stack::tcp::CloseReason::kPeerReset);
  EXPECT_EQ(loop.count(ConnectionEnd::kLingerTimeout), 1U);
}

TEST(Connection, error_ends_properly_when_the_client_closes) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  loop.exchange(client, "bad\r\n");
  client.connection->shutdown();
  loop.advance(milliseconds(50));
  EXPECT_EQ(loop.count(ConnectionEnd::kBadRequest), 1U);
  EXPECT_EQ(loop.server().connection_count(), 0U);
}

}  // namespace
}  // namespace windhover::server::http
