#include "server/files/range.h"

#include <gtest/gtest.h>

#include <string>

namespace windhover::server::files {
namespace {

std::string read(std::string_view value, std::uint64_t total) {
  const ByteRange range = parse_range(value, total);
  if (range.kind == ByteRange::Kind::kWhole) return "whole";
  if (range.kind == ByteRange::Kind::kUnsatisfiable) return "unsatisfiable";
  return std::to_string(range.first) + "+" + std::to_string(range.size);
}

TEST(Range, first_and_last) {
  EXPECT_EQ(read("bytes=0-0", 10), "0+1");
  EXPECT_EQ(read("bytes=2-5", 10), "2+4");
  EXPECT_EQ(read("bytes=2-9", 10), "2+8");
  EXPECT_EQ(read("bytes=2-100", 10), "2+8");
  EXPECT_EQ(read("BYTES=2-5", 10), "2+4");
}

TEST(Range, open_end) {
  EXPECT_EQ(read("bytes=0-", 10), "0+10");
  EXPECT_EQ(read("bytes=9-", 10), "9+1");
}

TEST(Range, suffix) {
  EXPECT_EQ(read("bytes=-1", 10), "9+1");
  EXPECT_EQ(read("bytes=-10", 10), "0+10");
  EXPECT_EQ(read("bytes=-11", 10), "0+10");
}

TEST(Range, behind_the_end_is_unsatisfiable) {
  EXPECT_EQ(read("bytes=10-", 10), "unsatisfiable");
  EXPECT_EQ(read("bytes=10-20", 10), "unsatisfiable");
  EXPECT_EQ(read("bytes=-0", 10), "unsatisfiable");
  EXPECT_EQ(read("bytes=0-", 0), "unsatisfiable");
  EXPECT_EQ(read("bytes=-1", 0), "unsatisfiable");
  EXPECT_EQ(read("bytes=99999999999999999999999-", 10), "unsatisfiable");
}

TEST(Range, numbers_beyond_64_bits_are_large) {
  EXPECT_EQ(read("bytes=1-99999999999999999999999", 10), "1+9");
  EXPECT_EQ(read("bytes=-99999999999999999999999", 10), "0+10");
}

TEST(Range, malformed_and_several_are_the_whole) {
  for (const char* value :
       {"", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=1-2,4-5", "bytes=1-2, 4-5", "bytes= 1-2",
        "bytes=1 -2", "bytes=+1-2", "bytes=--1", "lines=1-2", "bytes=1-2-3"}) {
    EXPECT_EQ(read(value, 10), "whole") << value;
  }
}

}  // namespace
}  // namespace windhover::server::files
