#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "server/http/connection.h"
#include "tests/server/http/echo.h"
#include "tests/server/http/loopback.h"

namespace windhover::server::http {
namespace {

using Address = decltype(stack::tcp::Endpoint::address);
using std::chrono::milliseconds, std::chrono::seconds;
using test::Client;
using test::get;
using test::Loopback;
using test::LoopbackOptions;
using test::parse;

/// Answers with the client and the connection's peer.
class Who final : public Responder {
 public:
  void respond(const Request& request, Response& response) override { response.copy_body(name(request)); }
  BodySink* begin_body(const Request& request) override {
    EXPECT_EQ(request.client.remote().to_string(), "192.0.2.1:49153");
    return nullptr;
  }

  static std::string name(const Request& request) {
    return request.client.remote().to_string() + " by " + request.client.transport_remote().address.to_string();
  }
};

constexpr std::string_view kLine = "PROXY TCP4 192.0.2.1 10.66.0.2 49153 80\r\n";
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\x0a\x42\0\2\xc0\1\0\x50", 28);
constexpr std::string_view kLocal("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

/// A loopback whose client, 10.66.0.1, is a proxy; or one beside it.
LoopbackOptions believing(std::string_view proxy = "10.66.0.1") {
  LoopbackOptions options;
  options.proxy.from = {{*Address::parse(proxy), 32}};
  return options;
}

std::string text(std::string_view bytes) { return std::string(bytes); }

std::string body_of(Loopback& loop, Client& client, const std::string& bytes) {
  const auto answers = parse(loop.exchange(client, bytes));
  return answers.empty() ? "" : answers.back().body;
}

TEST(ConnectionProxy, names_the_client_of_every_request) {
  Who who;
  Loopback loop(who, believing());
  for (const std::string_view header : {kLine, kBinary}) {
    Client& client = loop.connect();
    EXPECT_EQ(body_of(loop, client, text(header) + get("/")), "192.0.2.1:49153 by 10.66.0.1");
    EXPECT_EQ(body_of(loop, client, get("/")), "192.0.2.1:49153 by 10.66.0.1");
    EXPECT_EQ(body_of(loop, client, test::post("/", "Content-Length: 1\r\n", "x")), "192.0.2.1:49153 by 10.66.0.1");
  }
  EXPECT_EQ(loop.count(HttpEvent::kProxyHeaders), 2U);
}

TEST(ConnectionProxy, of_itself_names_the_peer) {
  Who who;
  Loopback loop(who, believing());
  const std::string body = body_of(loop, loop.connect(), text(kLocal) + get("/"));
  EXPECT_TRUE(body.starts_with("10.66.0.1:")) << body;
  EXPECT_TRUE(body.ends_with(" by 10.66.0.1")) << body;
}

TEST(ConnectionProxy, header_may_come_in_any_parts) {
  Who who;
  for (const std::string& whole : {text(kLine) + get("/"), text(kBinary) + get("/")}) {
    Loopback loop(who, believing());
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      Client& client = loop.connect();
      EXPECT_EQ(loop.exchange(client, whole.substr(0, cut)), "");
      EXPECT_EQ(body_of(loop, client, whole.substr(cut)), "192.0.2.1:49153 by 10.66.0.1") << cut;
      client.connection->abort();
      loop.settle();
    }
  }
}

TEST(ConnectionProxy, without_its_header_is_closed) {
  Who who;
  Loopback loop(who, believing());
  Client& client = loop.connect();
  EXPECT_EQ(loop.exchange(client, get("/")), "");
  EXPECT_TRUE(client.closed);
  EXPECT_EQ(loop.count(ConnectionEnd::kProxyHeaderMalformed), 1U);
  EXPECT_EQ(loop.count(HttpEvent::kRequests), 0U);
}

TEST(ConnectionProxy, elsewhere_is_a_bad_request) {
  Who who;
  Loopback loop(who, believing("10.66.0.7"));
  EXPECT_EQ(parse(loop.exchange(loop.connect(), text(kLine) + get("/"))).at(0).status, 400);
  EXPECT_EQ(parse(loop.exchange(loop.connect(), text(kBinary) + get("/"))).at(0).status, 400);
  const std::string body = body_of(loop, loop.connect(), get("/"));
  EXPECT_TRUE(body.starts_with("10.66.0.1:")) << body;
  EXPECT_EQ(loop.count(HttpEvent::kProxyHeaders), 0U);
}

TEST(ConnectionProxy, header_has_the_time_of_a_head) {
  Who who;
  Loopback loop(who, believing());
  Client& silent = loop.connect();
  Client& slow = loop.connect();
  slow.send(kLine.substr(0, 20));
  loop.advance(milliseconds(29'900));
  EXPECT_FALSE(silent.closed || slow.closed);
  loop.advance(milliseconds(200));
  EXPECT_TRUE(silent.closed && slow.closed);
  EXPECT_EQ(loop.count(ConnectionEnd::kProxyHeaderTimeout), 2U);
}

TEST(ConnectionProxy, is_kept_as_long_as_any_other_once_its_header_has_come) {
  Who who;
  Loopback loop(who, believing());
  Client& client = loop.connect();
  client.send(kLine);
  loop.advance(seconds(129));
  EXPECT_FALSE(client.finished);
  loop.advance(seconds(2));
  EXPECT_TRUE(client.finished);
  EXPECT_EQ(loop.count(ConnectionEnd::kProxyHeaderTimeout), 0U);
}

TEST(ConnectionProxy, that_has_said_nothing_is_idle_to_a_drain) {
  Who who;
  Loopback loop(who, believing());
  Client& client = loop.connect();
  loop.server().drain();
  loop.settle();
  EXPECT_TRUE(client.finished);
}

}  // namespace
}  // namespace windhover::server::http
