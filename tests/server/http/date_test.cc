#include "server/http/date.h"

#include <gtest/gtest.h>

#include <string>

namespace windhover::server::http {
namespace {

constexpr UnixSeconds kExample = 784111777;  // RFC 9110 5.6.7's own.
constexpr UnixSeconds kNow = 1'790'000'000;  // In 2026.

std::string text(UnixSeconds time) {
  const DateText date = format_date(time);
  return {date.data(), date.size()};
}

TEST(Date, is_written_as_imf_fixdate) {
  EXPECT_EQ(text(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text(951827696), "Tue, 29 Feb 2000 12:34:56 GMT");
}

TEST(Date, is_read_in_all_three_forms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
  EXPECT_EQ(parse_date("Wed Nov 16 08:49:37 1994", kNow), kExample + 10 * 86400);
}

TEST(Date, round_trips) {
  for (UnixSeconds time = 0; time < UnixSeconds{1} << 33; time += 86399 * 13)
    EXPECT_EQ(parse_date(text(time), kNow), time);
}

TEST(Date, with_two_digits_is_within_fifty_years) {
  EXPECT_EQ(text(*parse_date("Friday, 01-Jan-27 00:00:00 GMT", kNow)).substr(12, 4), "2027");
  EXPECT_EQ(text(*parse_date("Friday, 01-Jan-76 00:00:00 GMT", kNow)).substr(12, 4), "2076");
  EXPECT_EQ(text(*parse_date("Friday, 01-Jan-77 00:00:00 GMT", kNow)).substr(12, 4), "1977");
}

TEST(Date, malformed_is_nothing) {
  for (const char* bad :
       {"", "S", "Sun,", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 30 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 NOV 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "784111777"}) {
    EXPECT_EQ(parse_date(bad, kNow), std::nullopt) << bad;
  }
}

TEST(Date, cut_at_any_byte_is_nothing) {
  for (const std::string whole :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(parse_date(whole.substr(0, size), kNow), std::nullopt) << size;
    }
  }
}

}  // namespace
}  // namespace windhover::server::http
