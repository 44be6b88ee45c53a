#include "server/http/head_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/http/counters.h"

namespace windhover::server::http {
namespace {

using stack::base::Instant;
using std::chrono::milliseconds, std::chrono::seconds;

constexpr ClockOffset kOffset = seconds(784111777);

std::string head(HeadWriter& writer, Instant now, const Response& response, Persistence persistence) {
  std::vector<std::uint8_t> out(HeadWriter::kHeadMax);
  out.resize(writer.write(now, response, persistence, out));
  return std::string(stack::base::as_text(out));
}

class Heads : public testing::Test {
 protected:
  Heads() { response_.reset(); }
  HeadWriter writer_{kOffset};
  Response response_;
};

TEST_F(Heads, ok_with_a_body) {
  response_.borrow_headers("Content-Type: text/plain\r\n");
  ASSERT_TRUE(response_.add_header("X", "y"));
  response_.copy_body("hello");
  EXPECT_EQ(head(writer_, Instant{}, response_, Persistence::kDefault),
            "HTTP/1.1 200 OK\r\nServer: windhover\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n"
            "Content-Type: text/plain\r\nX: y\r\n\r\n");
}

TEST_F(Heads, say_what_becomes_of_the_connection) {
  EXPECT_NE(head(writer_, Instant{}, response_, Persistence::kClose).find("\r\nConnection: close\r\n"),
            std::string::npos);
  EXPECT_NE(head(writer_, Instant{}, response_, Persistence::kKeepAlive).find("\r\nConnection: keep-alive\r\n"),
            std::string::npos);
  EXPECT_EQ(head(writer_, Instant{}, response_, Persistence::kDefault).find("Connection"), std::string::npos);
}

TEST_F(Heads, without_a_body_have_no_length) {
  for (const std::uint16_t status : {std::uint16_t{204}, std::uint16_t{304}}) {
    response_.set_status(status);
    EXPECT_EQ(head(writer_, Instant{}, response_, Persistence::kDefault).find("Content-Length"), std::string::npos);
  }
  response_.set_status(404);
  EXPECT_NE(head(writer_, Instant{}, response_, Persistence::kDefault).find("\r\nContent-Length: 0\r\n"),
            std::string::npos);
}

TEST_F(Heads, date_moves_with_the_second_and_not_before) {
  const auto date = [this](Instant now) {
    return head(writer_, now, response_, Persistence::kDefault).substr(36 + 6, 29);
  };
  EXPECT_EQ(date(Instant{}), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(Instant(milliseconds(999))), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(Instant(milliseconds(1000))), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date(Instant(seconds(3600))), "Sun, 06 Nov 1994 09:49:37 GMT");
}

TEST_F(Heads, have_a_phrase_for_every_refusal) {
  for (std::size_t i = 0; i < kBadRequestCount; ++i) {
    const std::uint16_t status = status_of(static_cast<BadRequest>(i));
    EXPECT_FALSE(reason_phrase(status).empty()) << status;
  }
}

TEST(Response, header_that_breaks_out_of_its_line_is_refused) {
  Response response;
  response.reset();
  EXPECT_FALSE(response.add_header("A", "b\r\nC: d"));
  EXPECT_FALSE(response.add_header("A", "b\n"));
  EXPECT_FALSE(response.add_header("A\r\nB", "c"));
  EXPECT_FALSE(response.add_header("A b", "c"));
  EXPECT_FALSE(response.add_header("", "c"));
  EXPECT_EQ(response.owned_headers(), "");
  EXPECT_TRUE(response.add_header("A", "b"));
  EXPECT_EQ(response.owned_headers(), "A: b\r\n");
}

TEST(Response, headers_beyond_the_room_are_refused) {
  Response response;
  response.reset();
  EXPECT_FALSE(response.add_header("A", std::string(Response::kOwnedHeadersMax, 'b')));
  EXPECT_TRUE(response.add_header("A", std::string(Response::kOwnedHeadersMax - 5, 'b')));
  EXPECT_FALSE(response.add_header("A", ""));
}

TEST(Response, used_again_begins_empty) {
  Response response;
  response.reset();
  response.set_status(500);
  response.close_connection();
  ASSERT_TRUE(response.add_header("A", "b"));
  response.share_body(stack::base::copy_to_heap(stack::base::as_bytes("body")));
  response.reset();
  EXPECT_EQ(response.status(), 200);
  EXPECT_FALSE(response.closes_connection());
  EXPECT_EQ(response.owned_headers(), "");
  EXPECT_EQ(response.body_size(), 0U);
}

}  // namespace
}  // namespace windhover::server::http
