#include "server/http/parser.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <string>

#include "tests/server/http/cases.h"
#include "tests/server/http/judge.h"

namespace windhover::server::http {
namespace {

using stack::base::as_bytes;
using test::Case;
using test::judge;
using test::Verdict;

TEST(Cases, are_answered_as_they_must_be) {
  for (const Case& one : test::cases()) {
    const Verdict verdict = judge(as_bytes(one.input), one.input.size());
    EXPECT_EQ(verdict.bad, one.bad) << one.name << ": " << (verdict.bad ? name(*verdict.bad) : "good");
    EXPECT_EQ(verdict.complete, !one.bad) << one.name;
    if (verdict.complete) {
      EXPECT_EQ(verdict.size, one.input.size()) << one.name;
    }
  }
}

TEST(Cases, in_pieces_are_answered_the_same) {
  for (const Case& one : test::cases()) {
    const Verdict whole = judge(as_bytes(one.input), one.input.size());
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 16U, 17U, 1000U}) {
      EXPECT_EQ(judge(as_bytes(one.input), piece), whole) << one.name << " in pieces of " << piece;
    }
  }
}

TEST(Cases, with_more_behind_them_are_answered_the_same) {
  for (const Case& one : test::cases()) {
    const Verdict whole = judge(as_bytes(one.input), one.input.size());
    if (!whole.complete && !whole.bad) continue;
    for (const std::string_view more : {"GET / HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n", "0\r\n\r\n", "    ", ":::::"}) {
      const std::string longer = one.input + std::string(more);
      EXPECT_EQ(judge(as_bytes(longer), longer.size()), whole) << one.name << " and " << more;
    }
  }
}

TEST(Cases, cut_at_any_byte_are_not_complete) {
  for (const Case& one : test::cases()) {
    if (one.bad) continue;
    const std::size_t step = one.input.size() > 1000 ? 61 : 1;
    for (std::size_t size = 0; size < one.input.size(); size += step) {
      EXPECT_EQ(judge(as_bytes(one.input).first(size), size), Verdict{}) << one.name << " cut at " << size;
    }
  }
}

TEST(Cases, cause_every_reason_of_the_parser) {
  std::set<BadRequest> caused;
  for (const Case& one : test::cases()) {
    if (const auto bad = judge(as_bytes(one.input), one.input.size()).bad) caused.insert(*bad);
  }
  // These need a clock, a client that sends more than the limit in chunks, or a lane without memory: connection_test.
  for (const BadRequest elsewhere : {BadRequest::kHeadersTimeout, BadRequest::kBodyTooSlow, BadRequest::kNoBuffer}) {
    caused.insert(elsewhere);
  }
  for (std::size_t i = 0; i < kBadRequestCount; ++i) {
    EXPECT_TRUE(caused.contains(static_cast<BadRequest>(i))) << name(static_cast<BadRequest>(i));
  }
}

TEST(Cases, nothing_is_read_behind_the_input) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t room = 16 * page;
  void* memory = ::mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* bytes = static_cast<std::uint8_t*>(memory);
  ASSERT_EQ(::mprotect(bytes + room, page, PROT_NONE), 0);
  for (const Case& one : test::cases()) {
    const std::size_t step = one.input.size() > 1000 ? 97 : 1;
    for (std::size_t size = 1; size <= one.input.size(); size += step) {
      std::uint8_t* at = bytes + room - size;
      std::memcpy(at, one.input.data(), size);
      judge({at, size}, size);
    }
  }
  ::munmap(memory, room + page);
}

/// The request at the front of `input`, which must be good. Views lie in the parser and in `input`.
class Parsed {
 public:
  explicit Parsed(std::string input) : input_(std::move(input)), parser_(limits_) {
    HeadScan scan;
    EXPECT_EQ(scan.scan(limits_, as_bytes(input_)), HeadScan::Status::kComplete);
    const auto bad = parser_.parse(scan, as_bytes(input_), request_);
    EXPECT_FALSE(bad) << name(*bad);
  }
  const Request* operator->() const { return &request_; }

 private:
  Limits limits_;
  std::string input_;
  Parser parser_;
  Request request_;
};

TEST(Request, shows_its_parts) {
  const Parsed request("PUT /a%20b?c=%20 HTTP/1.1\r\nHost: h:1\r\nX-A:  b c \t\r\nx-a: d\r\nEmpty:\r\n\r\n");
  EXPECT_EQ(request->method, Method::kPut);
  EXPECT_EQ(request->target, "/a%20b?c=%20");
  EXPECT_EQ(request->path, "/a b");
  EXPECT_EQ(request->query, "c=%20");
  EXPECT_EQ(request->host, "h:1");
  ASSERT_EQ(request->headers.size(), 4U);
  EXPECT_EQ(request->headers[1].name, "X-A");
  EXPECT_EQ(request->header("x-A"), "b c");
  EXPECT_EQ(request->header("empty"), "");
  EXPECT_EQ(request->header("absent"), std::nullopt);
  EXPECT_FALSE(request->has_body());
}

TEST(Request, absolute_target_overrides_host) {
  const Parsed request("GET http://b:8/c/../d?e HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(request->host, "b:8");
  EXPECT_EQ(request->path, "/d");
  EXPECT_EQ(request->query, "e");
}

TEST(Request, absolute_target_without_path) {
  EXPECT_EQ(Parsed("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n")->path, "/");
  EXPECT_EQ(Parsed("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n")->path, "/");
  EXPECT_EQ(Parsed("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n")->path, "*");
}

TEST(Request, keep_alive_follows_version_and_connection) {
  const auto keeps = [](const std::string& version, const std::string& fields) {
    return Parsed("GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n")->keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_TRUE(keeps("1.1", "Connection: keep-alive\r\n"));
  EXPECT_TRUE(keeps("1.1", "Connection: upgrade\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive, close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: close , keep-alive\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_TRUE(keeps("1.1", "Connection: closed\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: keep-alive\r\n"));
  EXPECT_TRUE(keeps("1.0", "Connection: foo, Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(Request, body_framing) {
  EXPECT_EQ(Parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")->content_length, 12U);
  EXPECT_TRUE(Parsed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")->chunked);
  EXPECT_FALSE(Parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")->has_body());
}

TEST(Request, expectation_of_1_0_is_ignored) {
  const std::string rest = "\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
  EXPECT_TRUE(Parsed("POST / HTTP/1.1" + rest)->expects_continue);
  EXPECT_FALSE(Parsed("POST / HTTP/1.0" + rest)->expects_continue);
}

TEST(Body, chunked_beyond_the_limit_is_too_large) {
  Limits limits;
  limits.max_request_body_size = 5;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string exact = head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const std::string beyond = head + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
  EXPECT_EQ(judge(as_bytes(exact), exact.size(), limits).bad, std::nullopt);
  EXPECT_EQ(judge(as_bytes(beyond), beyond.size(), limits).bad, BadRequest::kBodyTooLarge);
  EXPECT_EQ(judge(as_bytes(beyond), 1, limits).bad, BadRequest::kBodyTooLarge);
}

}  // namespace
}  // namespace windhover::server::http
