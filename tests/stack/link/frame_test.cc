#include "stack/link/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace windhover::stack::link {
namespace {

using base::as_bytes;
using base::as_text;

constexpr ArenaShape kShape{.frame_count = 4, .frame_size = 256, .headroom = 64, .pieces = true};

void write(Frame& frame, std::string_view text) {
  std::ranges::copy(as_bytes(text), frame.append(text.size()).begin());
}

/// A shared buffer that notes when its last reference goes.
struct Watched : base::Buffer {
  Watched() : base::Buffer(reinterpret_cast<const std::uint8_t*>("0123456789"), 10, &note) {}
  static void note(base::Buffer* self) noexcept { static_cast<Watched*>(self)->released = true; }
  bool released = false;
};

TEST(Frame, fresh_one_is_empty_behind_the_headroom) {
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame.size(), 0u);
  EXPECT_EQ(frame.headroom(), 64u);
  EXPECT_EQ(frame.tailroom(), 192u);
  EXPECT_EQ(frame.offload().checksum, Checksum::kNone);
}

TEST(Frame, grows_and_shrinks_at_both_ends) {
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  write(frame, "payload");
  std::ranges::copy(as_bytes("head:"), frame.prepend(5).begin());
  EXPECT_EQ(as_text(frame.bytes()), "head:payload");
  frame.trim_front(5);
  EXPECT_EQ(frame.headroom(), 64u);
  frame.truncate(3);
  EXPECT_EQ(as_text(frame.bytes()), "pay");
}

TEST(Frame, a_ticket_tells_whether_its_buffer_has_come_back) {
  FrameArena arena({.frame_count = 1, .frame_size = 64, .headroom = 0, .pieces = false});
  EXPECT_FALSE(arena.is_out(FrameTicket{}));
  Frame frame = arena.allocate();
  const FrameTicket ticket = frame.ticket();
  const std::uint32_t index = frame.detach();
  EXPECT_TRUE(arena.is_out(ticket)) << "with the device";
  Frame back = arena.adopt(index, 0, 0);
  EXPECT_TRUE(arena.is_out(ticket));
  back.reset();
  EXPECT_FALSE(arena.is_out(ticket));
  Frame next = arena.allocate();
  EXPECT_FALSE(arena.is_out(ticket)) << "the same buffer, another use";
  EXPECT_TRUE(arena.is_out(next.ticket()));
}

TEST(Frame, reused_buffer_does_not_remember_its_offload) {
  FrameArena arena({.frame_count = 1, .frame_size = 64, .headroom = 0, .pieces = false});
  Frame frame = arena.allocate();
  write(frame, "x");
  frame.offload() = {.checksum = Checksum::kPartial, .gso = Gso::kTcp4, .gso_size = 1460};
  frame.reset();
  Frame again = arena.allocate();
  EXPECT_EQ(again.size(), 0u);
  EXPECT_EQ(again.offload().checksum, Checksum::kNone);
  EXPECT_EQ(again.offload().gso, Gso::kNone);
}

TEST(Frame, moved_from_is_empty_and_the_buffer_returns_once) {
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  Frame taker = std::move(frame);
  EXPECT_FALSE(frame);  // NOLINT(bugprone-use-after-move): what a move leaves behind is specified.
  EXPECT_EQ(arena.free_count(), 3u);
  taker.reset();
  taker.reset();
  EXPECT_EQ(arena.free_count(), 4u);
}

TEST(Frame, pieces_count_in_the_total_and_are_released_with_the_frame) {
  Watched watched;
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  write(frame, "abc");
  ASSERT_TRUE(frame.attach({base::BufferRef(&watched), 2, 5}));
  EXPECT_EQ(frame.size(), 3u);
  EXPECT_EQ(frame.total_size(), 8u);
  ASSERT_EQ(frame.pieces().size(), 1u);
  EXPECT_EQ(as_text(frame.pieces()[0].bytes()), "23456");
  EXPECT_FALSE(watched.released);
  frame.reset();
  EXPECT_TRUE(watched.released);
}

TEST(Frame, takes_no_more_pieces_than_the_bound) {
  FrameArena arena(kShape);
  const base::Slice slice = base::copy_to_heap(as_bytes("piece"));
  Frame frame = arena.allocate();
  for (std::size_t at = 0; at < kPiecesMax; ++at) ASSERT_TRUE(frame.attach(slice));
  EXPECT_FALSE(frame.attach(slice));
  EXPECT_EQ(frame.total_size(), kPiecesMax * 5);
}

TEST(Frame, clear_forgets_bytes_pieces_and_offload) {
  Watched watched;
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  write(frame, "abc");
  frame.offload().checksum = Checksum::kVerified;
  ASSERT_TRUE(frame.attach({base::BufferRef(&watched), 0, 1}));
  frame.clear(10);
  EXPECT_TRUE(watched.released);
  EXPECT_EQ(frame.total_size(), 0u);
  EXPECT_EQ(frame.headroom(), 10u);
  EXPECT_EQ(frame.offload().checksum, Checksum::kNone);
}

TEST(FrameArena, exhausted_gives_empty_handles_until_one_returns) {
  FrameArena arena(kShape);
  std::vector<Frame> held;
  for (int at = 0; at < 4; ++at) held.push_back(arena.allocate());
  EXPECT_TRUE(held.back());
  EXPECT_FALSE(arena.allocate());
  held.pop_back();
  EXPECT_TRUE(arena.allocate());
}

TEST(FrameArena, detached_index_is_adopted_with_the_bytes_the_device_left) {
  std::vector<std::uint8_t> umem(std::size_t{kShape.frame_count} * kShape.frame_size);
  FrameArena arena(kShape, umem);
  const std::uint32_t index = arena.allocate().detach();
  EXPECT_EQ(arena.free_count(), 3u);
  std::ranges::copy(as_bytes("from the kernel"), umem.begin() + index * kShape.frame_size + 100);
  Frame frame = arena.adopt(index, 100, 15);
  EXPECT_EQ(as_text(frame.bytes()), "from the kernel");
  EXPECT_EQ(frame.headroom(), 100u);
}

TEST(FrameArenaDeathTest, frame_that_outlives_it_is_a_bug) {
  EXPECT_DEATH(
      {
        Frame escaped;
        FrameArena arena(kShape);
        escaped = arena.allocate();
        arena.~FrameArena();
      },
      "free_");
}

TEST(FrameDeathTest, growing_beyond_the_buffer_is_a_bug) {
  FrameArena arena(kShape);
  Frame frame = arena.allocate();
  EXPECT_DEATH(frame.append(193), "tailroom");
  EXPECT_DEATH(frame.prepend(65), "begin");
}

}  // namespace
}  // namespace windhover::stack::link
