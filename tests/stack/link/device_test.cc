#include "stack/link/device.h"

#include <gtest/gtest.h>

namespace windhover::stack::link {
namespace {

constexpr ArenaShape kShape{.frame_count = kBurstMax + 1, .frame_size = 64, .headroom = 0, .pieces = false};

/// A burst of frames whose sizes are 1, 2, 3, ...
void fill(FrameArena& arena, Burst& burst, std::size_t count) {
  for (std::size_t at = 0; at < count; ++at) {
    Frame frame = arena.allocate();
    frame.append(at % 60 + 1);
    burst.push(std::move(frame));
  }
}

TEST(Burst, dropping_the_front_returns_those_frames_and_keeps_the_order_of_the_rest) {
  FrameArena arena(kShape);
  Burst burst;
  fill(arena, burst, 5);
  burst.drop_front(2);
  ASSERT_EQ(burst.size(), 3u);
  EXPECT_EQ(arena.free_count(), kShape.frame_count - 3);
  for (std::size_t at = 0; at < 3; ++at) EXPECT_EQ(burst[at].size(), at + 3);
}

TEST(Burst, dropping_more_than_half_keeps_the_rest) {
  FrameArena arena(kShape);
  Burst burst;
  fill(arena, burst, 5);
  burst.drop_front(4);
  ASSERT_EQ(burst.size(), 1u);
  EXPECT_EQ(burst[0].size(), 5u);
  EXPECT_EQ(arena.free_count(), kShape.frame_count - 1);
}

TEST(Burst, is_full_at_its_bound_and_empty_after_clear) {
  FrameArena arena(kShape);
  Burst burst;
  fill(arena, burst, kBurstMax);
  EXPECT_TRUE(burst.full());
  EXPECT_EQ(burst.room(), 0u);
  burst.clear();
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(arena.free_count(), kShape.frame_count);
}

TEST(Burst, frames_a_device_took_are_only_forgotten) {
  FrameArena arena(kShape);
  Burst burst;
  fill(arena, burst, 3);
  const Frame taken = std::move(burst[0]);
  burst.drop_front(1);
  EXPECT_EQ(burst.size(), 2u);
  EXPECT_EQ(taken.size(), 1u);
  EXPECT_EQ(burst[0].size(), 2u);
}

}  // namespace
}  // namespace windhover::stack::link
