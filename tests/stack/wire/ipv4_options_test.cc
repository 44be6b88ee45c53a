#include "stack/wire/ipv4_options.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

using Verdict = Ipv4Options::Verdict;

/// A header whose options are `text`, filled up with ends of list.
Ipv4Options options_of(std::string_view text) {
  std::vector<std::uint8_t> header(20, 0);
  const auto options = hex(text);
  header.insert(header.end(), options.begin(), options.end());
  header.resize((header.size() + 3) / 4 * 4);
  return check_options(Guarded(header).bytes());
}

void expect(std::string_view text, Verdict verdict, std::uint8_t at = 0) {
  const Ipv4Options found = options_of(text);
  EXPECT_EQ(found.verdict, verdict) << text;
  EXPECT_EQ(found.at, at) << text;
}

TEST(Ipv4OptionsTest, what_means_nothing_here_is_sound_rfc1122_3_2_1_8) {
  expect("", Verdict::kSound);
  expect("01010100", Verdict::kSound);
  expect("94040000", Verdict::kSound);           // Router alert.
  expect("0703 04", Verdict::kSound);            // Route recording without room.
  expect("070704 00000000", Verdict::kSound);    // With room for one.
  expect("44080500 00000000", Verdict::kSound);  // Timestamp.
  expect("820b00000000000000000000", Verdict::kSound);
  expect("00 83 ff ff", Verdict::kSound);  // Behind the end of the list nothing counts.
}

TEST(Ipv4OptionsTest, source_routes_are_told_used_up_or_not) {
  expect("830704 0a420001", Verdict::kSourceRoute, 20);
  expect("890708 0a420001", Verdict::kSourceRoute, 20);
  expect("01 830304", Verdict::kSourceRoute, 21);
}

TEST(Ipv4OptionsTest, impossible_lengths_are_malformed_and_pointed_at) {
  expect("01010107", Verdict::kMalformed, 23);  // No room for a length.
  expect("94010000", Verdict::kMalformed, 21);
  expect("94000000", Verdict::kMalformed, 21);
  expect("94050000", Verdict::kMalformed, 21);
  expect("07020000", Verdict::kMalformed, 21);
  expect("44030500", Verdict::kMalformed, 21);
}

TEST(Ipv4OptionsTest, pointers_before_the_data_are_malformed_and_pointed_at) {
  expect("070703 00000000", Verdict::kMalformed, 22);
  expect("44080400 00000000", Verdict::kMalformed, 22);
}

TEST(Ipv4OptionsTest, any_octets_lead_to_a_verdict_inside_of_the_header) {
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> header(20 + random() % 11 * 4);
    for (auto& octet : header) octet = static_cast<std::uint8_t>(random() % 2 == 0 ? random() % 10 : random());
    ASSERT_LT(check_options(Guarded(header).bytes()).at, header.size());
  }
}

}  // namespace
}  // namespace windhover::stack::wire
