#include "server/config/text.h"

#include <gtest/gtest.h>

namespace windhover::server::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Duration, TakesEveryUnit) {
  EXPECT_EQ(parse_duration("130s"), seconds(130));
  EXPECT_EQ(parse_duration("200ms"), milliseconds(200));
  EXPECT_EQ(parse_duration("5m"), seconds(300));
  EXPECT_EQ(parse_duration("2h"), hours(2));
  EXPECT_EQ(parse_duration("1d"), hours(24));
  EXPECT_EQ(parse_duration("7us"), nanoseconds(7000));
  EXPECT_EQ(parse_duration("7ns"), nanoseconds(7));
  EXPECT_EQ(parse_duration("0s"), Duration::zero());
}

TEST(Duration, TakesFractions) {
  EXPECT_EQ(parse_duration("1.5h"), hours(1) + seconds(1800));
  EXPECT_EQ(parse_duration("0.000000001s"), nanoseconds(1));
  EXPECT_EQ(parse_duration("0.999999999d"), nanoseconds(86'399'999'913'600));
}

TEST(Duration, TakesClocksAsDotNetWritesThem) {
  EXPECT_EQ(parse_duration("00:02:10"), seconds(130));
  EXPECT_EQ(parse_duration("23:59:59"), seconds(86399));
  EXPECT_EQ(parse_duration("1.02:00:00"), hours(26));
  EXPECT_EQ(parse_duration("00:00:00.25"), milliseconds(250));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"",
                           "s",
                           "5",
                           "-5s",
                           "5 s",
                           "5S",
                           "5sec",
                           "1.s",
                           ".5s",
                           "1.5.5s",
                           "5s ",
                           " 5s",
                           "24:00:00",
                           "00:60:00",
                           "00:00:60",
                           "1:2",
                           "1:2:3:4",
                           "00:02:1x",
                           "1.1.1:1:1",
                           "9999999d",
                           "9223372036854775808ns",
                           "0.1234567890s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, PrintsWhatItTakes) {
  EXPECT_EQ(print_duration(seconds(130)), "130s");
  EXPECT_EQ(print_duration(seconds(120)), "2m");
  EXPECT_EQ(print_duration(milliseconds(200)), "200ms");
  EXPECT_EQ(print_duration(Duration::zero()), "0s");
  for (const Duration duration : {Duration(1), Duration(seconds(5)), Duration(hours(24)), Duration::max()}) {
    EXPECT_EQ(parse_duration(print_duration(duration)), duration);
  }
}

TEST(Size, TakesNumbersAndUnits) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512B"), 512U);
  EXPECT_EQ(parse_size("8KiB"), 8192U);
  EXPECT_EQ(parse_size("1MiB"), 1048576U);
  EXPECT_EQ(parse_size("4GiB"), std::uint64_t{4} << 30);
  EXPECT_EQ(parse_size("1TiB"), std::uint64_t{1} << 40);
}

TEST(Size, RefusesEverythingElse) {
  for (const char* text :
       {"", "KiB", "-1", "8kb", "8K", "8 KiB", "1.5MiB", "9223372036854775808", "9007199254740992KiB", "8KiBB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Size, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(print_size(8192), "8KiB");
  EXPECT_EQ(print_size(30'000'000), "30000000");
  EXPECT_EQ(print_size(0), "0");
  EXPECT_EQ(print_size(std::uint64_t{4} << 30), "4GiB");
}

TEST(EndpointUrl, TakesAddressesAndStar) {
  EXPECT_EQ(parse_url("http://10.66.0.2:8080"), (Url{"http", "10.66.0.2", 8080}));
  EXPECT_EQ(parse_url("http://[fd66::2]:8080/"), (Url{"http", "fd66::2", 8080}));
  EXPECT_EQ(parse_url("http://*:8080"), (Url{"http", "*", 8080}));
}

TEST(EndpointUrl, WithoutPortHasItsSchemes) {
  EXPECT_EQ(parse_url("http://10.66.0.2"), (Url{"http", "10.66.0.2", 80}));
  EXPECT_EQ(parse_url("https://[::1]"), (Url{"https", "::1", 443}));
}

TEST(EndpointUrl, RefusesEverythingElse) {
  for (const char* text : {"", "http:", "http://", "ftp://a", "http://:80", "http://a:", "http://a:0", "http://a:65536",
                           "http://a:x", "http://a:80/path", "http://a?x", "http://u@a", "http://[::1",
                           "http://[::1]80", "http://[]:80", "10.66.0.2:80", "http://a:80:80", "http://a b"}) {
    EXPECT_EQ(parse_url(text), std::nullopt) << text;
  }
}

TEST(EndpointUrl, PrintsWhatItTakes) {
  for (const char* text : {"http://10.66.0.2:8080", "http://[fd66::2]:8080", "http://*:80"}) {
    EXPECT_EQ(print_url(parse_url(text).value()), text);
  }
}

TEST(Text, TruncatedAnywhereIsRefusedOrShorter) {
  for (const std::string_view whole : {"1.02:03:04.5", "1024KiB", "http://[fd66::2]:8080/"}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::string part(whole.substr(0, size));
      parse_duration(part);
      parse_size(part);
      const auto url = parse_url(part);
      EXPECT_TRUE(!url || part.starts_with("http://[fd66::2]")) << part;
    }
  }
}

}  // namespace
}  // namespace windhover::server::config
