#include "server/config/problem.h"

#include <gtest/gtest.h>

namespace windhover::server::config {
namespace {

const std::vector<std::string> kKeys = {"keepAliveTimeout", "root", "url", "tcp"};

std::shared_ptr<const Source> source(std::string name) {
  return std::make_shared<const Source>(Source{std::move(name), {}});
}

TEST(Nearest, FindsAMisspelling) {
  EXPECT_EQ(nearest("keepAliveTimout", kKeys), "keepAliveTimeout");
  EXPECT_EQ(nearest("KEEPALIVETIMEOUTS", kKeys), "keepAliveTimeout");
  EXPECT_EQ(nearest("tpc", kKeys), "tcp");
  EXPECT_EQ(nearest("rot", kKeys), "root");
}

TEST(Nearest, DoesNotGuessWildly) {
  EXPECT_EQ(nearest("colour", kKeys), "");
  EXPECT_EQ(nearest("", kKeys), "");
  EXPECT_EQ(nearest("ab", kKeys), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), kKeys), "");
}

TEST(Pointer, EscapesItsSeparators) { EXPECT_EQ(pointer_to("/a", "b/c~d"), "/a/b~1c~0d"); }

TEST(InQuotes, CutsAndCleans) {
  EXPECT_EQ(in_quotes("a\nb\x01"), "\"a?b?\"");
  EXPECT_EQ(in_quotes(std::string(61, 'x')), "\"" + std::string(60, 'x') + "...\"");
  // Sixty bytes end within the last of these letters of two.
  std::string umlauts = "x";
  for (int i = 0; i < 40; ++i) umlauts += "\xc3\xa4";
  EXPECT_EQ(in_quotes(umlauts), "\"" + umlauts.substr(0, 59) + "...\"");
}

TEST(Problems, ComeInTheOrderOfTheFile) {
  Problems problems;
  const auto file = source("a.json");
  problems.add({file, 9, 2}, "/b", "second");
  problems.add({source("option --set x"), 0, 0}, "/x", "third");
  problems.add({file, 3, 5}, "", "first");
  EXPECT_EQ(problems.lines(),
            (std::vector<std::string>{"a.json:3:5: first", "a.json:9:2: /b: second", "option --set x: /x: third"}));
}

TEST(Problems, BeyondTheBound_AreCounted) {
  Problems problems;
  const auto file = source("a.json");
  for (std::uint32_t i = 1; i <= Problems::kProblemsMax + 3; ++i) problems.add({file, i, 1}, "", "wrong");
  EXPECT_EQ(problems.all().size(), Problems::kProblemsMax);
  EXPECT_EQ(problems.lines().back(), "and 3 more");
}

}  // namespace
}  // namespace windhover::server::config
