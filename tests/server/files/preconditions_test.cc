#include "server/files/preconditions.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/server/files/request_from.h"

namespace windhover::server::files {
namespace {

constexpr http::UnixSeconds kModified = 784111777;
constexpr http::UnixSeconds kNow = 1'790'000'000;
const Validators kFile{"\"v1\"", kModified};
const std::string kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
const std::string kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";

int status(const std::string& fields) {
  const test::RequestFrom request("GET /", fields);
  return check_preconditions(request.get(), kFile, kNow).value_or(200);
}

TEST(Preconditions, none_is_200) { EXPECT_EQ(status(""), 200); }

TEST(Preconditions, if_none_match) {
  EXPECT_EQ(status("If-None-Match: \"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: W/\"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: *\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: \"a\", W/\"b\" ,\"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: ,, \"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: \"a,\\\", \"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: \"a\"\r\nIf-None-Match: \"v1\"\r\n"), 304);
  EXPECT_EQ(status("If-None-Match: \"v2\"\r\n"), 200);
  EXPECT_EQ(status("If-None-Match: v1\r\n"), 200);
  EXPECT_EQ(status("If-None-Match: \"v1\r\n"), 200);
  EXPECT_EQ(status("If-None-Match: w/\"v1\"\r\n"), 200);
  EXPECT_EQ(status("If-None-Match:\r\n"), 200);
}

TEST(Preconditions, if_modified_since) {
  EXPECT_EQ(status("If-Modified-Since: " + kSame + "\r\n"), 304);
  EXPECT_EQ(status("If-Modified-Since: " + kAfter + "\r\n"), 304);
  EXPECT_EQ(status("If-Modified-Since: " + kBefore + "\r\n"), 200);
  EXPECT_EQ(status("If-Modified-Since: yesterday\r\n"), 200);
}

TEST(Preconditions, if_none_match_goes_before_if_modified_since) {
  EXPECT_EQ(status("If-Modified-Since: " + kSame + "\r\nIf-None-Match: \"v2\"\r\n"), 200);
  EXPECT_EQ(status("If-Modified-Since: " + kBefore + "\r\nIf-None-Match: \"v1\"\r\n"), 304);
}

TEST(Preconditions, if_match) {
  EXPECT_EQ(status("If-Match: \"v1\"\r\n"), 200);
  EXPECT_EQ(status("If-Match: *\r\n"), 200);
  EXPECT_EQ(status("If-Match: \"a\", \"v1\"\r\n"), 200);
  EXPECT_EQ(status("If-Match: W/\"v1\"\r\n"), 412);
  EXPECT_EQ(status("If-Match: \"v2\"\r\n"), 412);
}

TEST(Preconditions, if_unmodified_since) {
  EXPECT_EQ(status("If-Unmodified-Since: " + kSame + "\r\n"), 200);
  EXPECT_EQ(status("If-Unmodified-Since: " + kBefore + "\r\n"), 412);
  EXPECT_EQ(status("If-Unmodified-Since: never\r\n"), 200);
  EXPECT_EQ(status("If-Match: \"v1\"\r\nIf-Unmodified-Since: " + kBefore + "\r\n"), 200);
}

TEST(Preconditions, failed_ones_go_before_not_modified) {
  EXPECT_EQ(status("If-Match: \"v2\"\r\nIf-None-Match: \"v1\"\r\n"), 412);
  EXPECT_EQ(status("If-Match: \"v1\"\r\nIf-None-Match: \"v1\"\r\n"), 304);
}

TEST(IfRange, names_exactly_this_representation) {
  const auto applies = [](const std::string& fields) {
    const test::RequestFrom request("GET /", fields);
    return range_applies(request.get(), kFile, kNow);
  };
  EXPECT_TRUE(applies(""));
  EXPECT_TRUE(applies("If-Range: \"v1\"\r\n"));
  EXPECT_TRUE(applies("If-Range: " + kSame + "\r\n"));
  EXPECT_FALSE(applies("If-Range: \"v2\"\r\n"));
  EXPECT_FALSE(applies("If-Range: W/\"v1\"\r\n"));
  EXPECT_FALSE(applies("If-Range: " + kBefore + "\r\n"));
  EXPECT_FALSE(applies("If-Range: " + kAfter + "\r\n"));
  EXPECT_FALSE(applies("If-Range: \r\n"));
}

}  // namespace
}  // namespace windhover::server::files
