#include "server/http/head_memory.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/http/head_scan.h"
#include "server/http/parser.h"
#include "tests/server/http/cases.h"
#include "tests/server/http/echo.h"
#include "tests/server/http/loopback.h"

namespace windhover::server::http {
namespace {

using stack::base::as_bytes;
using test::Case;
using test::Client;
using test::Echo;
using test::get;
using test::Loopback;

class Memory : public ::testing::Test {
 protected:
  /// Parses `head`, remembers what it became, and forgets the bytes.
  void meet(std::string head) {
    HeadScan scan;
    ASSERT_EQ(scan.scan(limits_, as_bytes(head)), HeadScan::Status::kComplete);
    Request request;
    ASSERT_FALSE(parser_.parse(scan, as_bytes(head), request));
    memory_->remember(as_bytes(head).first(scan.size()), request);
  }
  const HeadMemory::Known* find(std::string_view input) const { return memory_->find(as_bytes(input)); }

  Limits limits_;
  Parser parser_{limits_};
  std::unique_ptr<HeadMemory> memory_ = std::make_unique<HeadMemory>();
};

TEST_F(Memory, equal_head_is_the_same_request_in_memory_of_its_own) {
  const std::string head = "GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nX-A:  d \r\n\r\n";
  EXPECT_EQ(find(head), nullptr);
  meet(head);
  const std::string again = head + "GET /next";
  const HeadMemory::Known* known = find(again);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->size, head.size());
  const Request& request = known->request;
  EXPECT_EQ(request.method, Method::kGet);
  EXPECT_EQ(request.target, "/a?b=c");
  EXPECT_EQ(request.path, "/a");
  EXPECT_EQ(request.query, "b=c");
  EXPECT_EQ(request.host, "h:1");
  EXPECT_FALSE(request.keep_alive);
  EXPECT_EQ(request.header("x-a"), "d");
  EXPECT_TRUE(request.target.data() < again.data() || request.target.data() >= again.data() + again.size());
}

TEST_F(Memory, any_other_byte_is_another_request) {
  const std::string head = get("/a", "X-A: d\r\n");
  meet(head);
  for (std::size_t at = 0; at < head.size(); ++at) {
    std::string other = head;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_EQ(find(other), nullptr) << "byte " << at;
    EXPECT_EQ(find(head.substr(0, at)), nullptr) << "cut at " << at;
  }
  EXPECT_NE(find(head), nullptr);
}

TEST_F(Memory, what_does_not_depend_on_the_head_alone_is_not_kept) {
  for (const std::string& head : {
           std::string("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"),
           std::string("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
           get("/a%20b"),  // Its path lies in the parser.
           get("/a", "X-A: " + std::string(HeadMemory::kHeadMax, 'x') + "\r\n"),
       }) {
    meet(head);
    EXPECT_EQ(find(head), nullptr) << head.substr(0, 60);
  }
}

TEST_F(Memory, too_many_headers_are_not_kept) {
  std::string fields;
  for (std::size_t i = 0; i < HeadMemory::kHeadersMax; ++i) fields += "X: y\r\n";
  meet(get("/a", fields));  // And Host.
  EXPECT_EQ(find(get("/a", fields)), nullptr);
}

TEST_F(Memory, many_heads_take_turns) {
  for (int i = 0; i < 1000; ++i) {
    const std::string head = get("/" + std::to_string(i));
    meet(head);
    ASSERT_NE(find(head), nullptr);
    EXPECT_EQ(find(head)->request.path, "/" + std::to_string(i));
  }
}

TEST(KnownHeads, every_case_is_answered_the_same_the_second_time) {
  Echo echo;
  for (const Case& one : test::cases()) {
    Loopback loop(echo);
    const std::string first = loop.exchange(loop.connect(), one.input);
    const std::string second = loop.exchange(loop.connect(), one.input);
    if (one.input.find("/sink") != std::string::npos) continue;  // Its answer counts up.
    EXPECT_EQ(first, second) << one.name;
  }
}

TEST(KnownHeads, head_in_pieces_is_not_taken_for_a_known_one_too_early) {
  Echo echo;
  Loopback loop(echo);
  Client& client = loop.connect();
  const std::string whole = loop.exchange(client, get("/a"));
  const std::string request = get("/a");
  EXPECT_EQ(loop.exchange(client, request.substr(0, 20)), "");
  EXPECT_EQ(loop.exchange(client, request.substr(20)), whole);
  EXPECT_EQ(loop.exchange(client, request + request), whole + whole);
}

}  // namespace
}  // namespace windhover::server::http
