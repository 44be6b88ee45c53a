#include "server/http/path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace windhover::server::http {
namespace {

std::string decoded(std::string_view path) {
  std::vector<char> buffer(path.size());
  const auto result = decode_path(path, buffer);
  return result ? std::string(*result) : "refused";
}

TEST(Path, escapes_are_decoded_once) {
  EXPECT_EQ(decoded("/a%20b"), "/a b");
  EXPECT_EQ(decoded("/%41%4a%4A"), "/AJJ");
  EXPECT_EQ(decoded("/%2525"), "/%25");
  EXPECT_EQ(decoded("/%252e%252e/a"), "/%2e%2e/a");
  EXPECT_EQ(decoded("/%c3%a4"), "/\xc3\xa4");
}

TEST(Path, broken_escapes_and_nul_are_refused) {
  for (const char* bad : {"/%", "/%4", "/%g1", "/%1g", "/% 1", "/a%00", "/%00", "/%%41"})
    EXPECT_EQ(decoded(bad), "refused");
}

TEST(Path, dot_segments_are_removed) {
  EXPECT_EQ(decoded("/a/./b"), "/a/b");
  EXPECT_EQ(decoded("/a/../b"), "/b");
  EXPECT_EQ(decoded("/a/b/.."), "/a/");
  EXPECT_EQ(decoded("/a/."), "/a/");
  EXPECT_EQ(decoded("/."), "/");
  EXPECT_EQ(decoded("/.."), "/");
  EXPECT_EQ(decoded("/a/b/c/./../../g"), "/a/g");
}

TEST(Path, above_the_root_is_the_root) {
  EXPECT_EQ(decoded("/../../etc/passwd"), "/etc/passwd");
  EXPECT_EQ(decoded("/%2e%2e/%2E./etc"), "/etc");
  EXPECT_EQ(decoded("/a/..%2f..%2fb"), "/b");
}

TEST(Path, other_dots_and_slashes_stay) {
  EXPECT_EQ(decoded("/..a/...b/.c"), "/..a/...b/.c");
  EXPECT_EQ(decoded("//a///b"), "//a///b");
  EXPECT_EQ(decoded("/a/"), "/a/");
  EXPECT_EQ(decoded("/"), "/");
}

}  // namespace
}  // namespace windhover::server::http
