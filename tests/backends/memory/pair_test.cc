#include "backends/memory/pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace windhover::backends::memory {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using base::as_bytes;
using base::as_text;

link::Frame make_frame(link::Device& device, std::string_view text) {
  link::Frame frame = device.arena().allocate();
  std::ranges::copy(as_bytes(text), frame.append(text.size()).begin());
  return frame;
}

bool send(link::Device& device, link::Frame frame) { return device.transmit({&frame, 1}) == 1; }

TEST(Pair, frames_arrive_in_order_on_the_other_side_only) {
  Pair pair({});
  ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "one")));
  ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "two")));
  link::Burst burst;
  EXPECT_EQ(pair.first().receive(burst), 0u);
  ASSERT_EQ(pair.second().receive(burst), 2u);
  EXPECT_EQ(as_text(burst[0].bytes()), "one");
  EXPECT_EQ(as_text(burst[1].bytes()), "two");
  EXPECT_EQ(pair.second().receive(burst), 0u);
}

TEST(Pair, both_directions_are_independent) {
  Pair pair({});
  ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "ping")));
  ASSERT_TRUE(send(pair.second(), make_frame(pair.second(), "pong")));
  link::Burst at_first;
  link::Burst at_second;
  ASSERT_EQ(pair.first().receive(at_first), 1u);
  ASSERT_EQ(pair.second().receive(at_second), 1u);
  EXPECT_EQ(as_text(at_first[0].bytes()), "pong");
  EXPECT_EQ(as_text(at_second[0].bytes()), "ping");
}

TEST(Pair, receive_appends_no_more_than_the_burst_has_room_for) {
  Pair pair({});
  for (std::size_t at = 0; at < link::kBurstMax; ++at) {
    ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "x")));
  }
  link::Burst burst;
  burst.push(make_frame(pair.second(), "held"));
  EXPECT_EQ(pair.second().receive(burst), link::kBurstMax - 1);
  EXPECT_TRUE(burst.full());
  burst.clear();
  EXPECT_EQ(pair.second().receive(burst), 1u);
}

TEST(Pair, full_ring_takes_a_prefix_and_leaves_the_rest_to_the_caller) {
  Pair pair({.ring_frames = 2});
  std::vector<link::Frame> frames;
  for (const char* text : {"1", "2", "3"}) frames.push_back(make_frame(pair.first(), text));
  EXPECT_EQ(pair.first().transmit(frames), 2u);
  EXPECT_FALSE(frames[0]);
  EXPECT_FALSE(frames[1]);
  ASSERT_TRUE(frames[2]);
  EXPECT_EQ(as_text(frames[2].bytes()), "3");
  EXPECT_EQ(pair.first().stats().transmit_blocked, 1u);

  link::Burst burst;
  ASSERT_EQ(pair.second().receive(burst), 2u);
  EXPECT_EQ(pair.first().transmit({&frames[2], 1}), 1u);
}

TEST(Pair, offload_metadata_travels_untouched) {
  Pair pair({.partial_checksum = true, .gso = true});
  ASSERT_TRUE(pair.first().caps().transmit_gso);
  ASSERT_TRUE(pair.second().caps().receive_partial_checksum);
  link::Frame frame = pair.first().arena().allocate();
  frame.append(60000);
  frame.offload() = {.checksum = link::Checksum::kPartial,
                     .gso = link::Gso::kTcp6,
                     .csum_start = 40,
                     .csum_offset = 16,
                     .gso_size = 1440,
                     .header_size = 72};
  ASSERT_TRUE(send(pair.first(), std::move(frame)));
  link::Burst burst;
  ASSERT_EQ(pair.second().receive(burst), 1u);
  EXPECT_EQ(burst[0].size(), 60000u);
  const link::Offload& offload = burst[0].offload();
  EXPECT_EQ(offload.checksum, link::Checksum::kPartial);
  EXPECT_EQ(offload.gso, link::Gso::kTcp6);
  EXPECT_EQ(offload.csum_start, 40);
  EXPECT_EQ(offload.csum_offset, 16);
  EXPECT_EQ(offload.gso_size, 1440);
  EXPECT_EQ(offload.header_size, 72);
}

TEST(Pair, pieces_arrive_as_linear_bytes_and_are_released) {
  Pair pair({.gather = true});
  link::Frame frame = make_frame(pair.first(), "head ");
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes("and body"))));
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes(" in pieces"))));
  ASSERT_TRUE(send(pair.first(), std::move(frame)));
  EXPECT_EQ(pair.first().arena().free_count(), pair.first().arena().shape().frame_count);
  link::Burst burst;
  ASSERT_EQ(pair.second().receive(burst), 1u);
  EXPECT_EQ(as_text(burst[0].bytes()), "head and body in pieces");
  EXPECT_TRUE(burst[0].pieces().empty());
  EXPECT_EQ(pair.first().stats().transmitted_bytes, 23u);
  EXPECT_EQ(pair.second().stats().received_bytes, 23u);
}

TEST(Pair, no_buffer_for_pieces_at_the_peer_is_backpressure) {
  Pair pair({.gather = true, .receive_frames = 1});
  link::Burst held;
  link::Frame frame = make_frame(pair.first(), "a");
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes("b"))));
  ASSERT_TRUE(send(pair.first(), std::move(frame)));
  ASSERT_EQ(pair.second().receive(held), 1u);

  link::Frame next = make_frame(pair.first(), "c");
  ASSERT_TRUE(next.attach(base::copy_to_heap(as_bytes("d"))));
  EXPECT_EQ(pair.first().transmit({&next, 1}), 0u);
  ASSERT_TRUE(next);
  EXPECT_EQ(next.total_size(), 2u);
  held.clear();
  EXPECT_EQ(pair.first().transmit({&next, 1}), 1u);
}

TEST(Pair, counts_frames_bytes_and_what_nobody_wanted) {
  Pair pair({});
  ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "12345")));
  link::Burst burst;
  ASSERT_EQ(pair.second().receive(burst), 1u);
  pair.second().pass(std::move(burst[0]));
  EXPECT_EQ(pair.first().stats().transmitted_frames, 1u);
  EXPECT_EQ(pair.first().stats().transmitted_bytes, 5u);
  EXPECT_EQ(pair.second().stats().received_frames, 1u);
  EXPECT_EQ(pair.second().stats().received_bytes, 5u);
  EXPECT_EQ(pair.second().stats().passed_frames, 1u);
  EXPECT_EQ(pair.first().arena().free_count(), pair.first().arena().shape().frame_count);
}

TEST(Pair, destroyed_with_frames_in_flight_loses_none_of_them) {
  Pair pair({});  // The arenas check at their end that every frame is back.
  ASSERT_TRUE(send(pair.first(), make_frame(pair.first(), "in flight")));
  ASSERT_TRUE(send(pair.second(), make_frame(pair.second(), "too")));
}

TEST(Pair, ethernet_frame_of_one_mtu_with_a_vlan_tag_fits) {
  Pair pair({.medium = link::Medium::kEthernet, .mtu = 1500});
  link::Frame frame = pair.first().arena().allocate();
  frame.append(1518);
  EXPECT_TRUE(send(pair.first(), std::move(frame)));
}

TEST(PairDeathTest, what_the_caps_exclude_is_a_bug) {
  Pair pair({.mtu = 1500});
  link::Frame large = pair.first().arena().allocate();
  large.append(1501);
  EXPECT_DEATH((void)pair.first().transmit({&large, 1}), "mtu");
  link::Frame partial = make_frame(pair.first(), "x");
  partial.offload().checksum = link::Checksum::kPartial;
  EXPECT_DEATH((void)pair.first().transmit({&partial, 1}), "transmit_checksum");
  link::Frame segmented = make_frame(pair.first(), "x");
  segmented.offload().gso = link::Gso::kTcp4;
  EXPECT_DEATH((void)pair.first().transmit({&segmented, 1}), "transmit_gso");
}

}  // namespace
}  // namespace windhover::backends::memory
