#include "stack/base/counters.h"

#include <gtest/gtest.h>

#include <set>

namespace windhover::stack::base {
namespace {

TEST(CountersTest, names_are_unique_and_none_is_empty) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDropCount; ++i) names.insert(name(static_cast<Drop>(i)));
  for (std::size_t i = 0; i < kEventCount; ++i) names.insert(name(static_cast<Event>(i)));
  EXPECT_EQ(names.size(), kDropCount + kEventCount);
  EXPECT_FALSE(names.contains(""));
}

TEST(CountersTest, names_belong_to_their_identifiers) {
  EXPECT_EQ(name(Drop::kTcpBadChecksum), "tcp.bad_checksum");
  EXPECT_EQ(name(Event::kFramesIn), "frames_in");
}

TEST(CountersTest, each_reason_counts_alone) {
  for (std::size_t counted = 0; counted < kDropCount; ++counted) {
    Counters counters;
    counters.drop(static_cast<Drop>(counted));
    counters.drop(static_cast<Drop>(counted));
    for (std::size_t i = 0; i < kDropCount; ++i) {
      EXPECT_EQ(counters.value(static_cast<Drop>(i)), i == counted ? 2u : 0u);
    }
    EXPECT_EQ(counters.received_dropped(), ends_received_frame(static_cast<Drop>(counted)) ? 2u : 0u);
  }
}

TEST(CountersTest, events_count_by_as_many_as_they_are_told) {
  Counters counters;
  counters.count(Event::kFramesIn, 64);
  counters.count(Event::kFramesIn);
  EXPECT_EQ(counters.value(Event::kFramesIn), 65u);
  EXPECT_EQ(counters.value(Event::kFramesOut), 0u);
}

TEST(CountersTest, drops_of_what_we_send_end_no_received_frame) {
  EXPECT_FALSE(ends_received_frame(Drop::kNoRoute));
  EXPECT_FALSE(ends_received_frame(Drop::kTransmitNoFrame));
  EXPECT_TRUE(ends_received_frame(Drop::kLinkTruncated));
  EXPECT_TRUE(ends_received_frame(Drop::kTcpBadChecksum));
}

}  // namespace
}  // namespace windhover::stack::base
