#include "stack/base/buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace windhover::stack::base {
namespace {

constexpr std::array<std::uint8_t, 4> kBytes{1, 2, 3, 4};

/// A buffer that counts how often it was released instead of going anywhere.
struct CountingBuffer : Buffer {
  CountingBuffer() : Buffer(kBytes.data(), kBytes.size(), &count) {}

  static void count(Buffer* self) noexcept { ++static_cast<CountingBuffer*>(self)->released; }

  int released = 0;
};

TEST(BufferTest, last_reference_to_go_releases_and_only_once) {
  CountingBuffer buffer;
  {
    BufferRef first(&buffer);
    const BufferRef second = first;
    first = BufferRef();
    EXPECT_EQ(buffer.released, 0);
    EXPECT_EQ(second.get(), &buffer);
  }
  EXPECT_EQ(buffer.released, 1);
}

TEST(BufferTest, moved_reference_leaves_nothing_behind) {
  CountingBuffer buffer;
  BufferRef first(&buffer);
  BufferRef second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what a move leaves is the question.
  EXPECT_EQ(buffer.released, 0);
  second = BufferRef();
  EXPECT_EQ(buffer.released, 1);
}

TEST(BufferTest, assignment_releases_what_was_held_and_to_itself_changes_nothing) {
  CountingBuffer old_buffer;
  CountingBuffer new_buffer;
  BufferRef reference(&old_buffer);
  reference = BufferRef(&new_buffer);
  EXPECT_EQ(old_buffer.released, 1);
  const BufferRef& same = reference;
  reference = same;
  EXPECT_EQ(new_buffer.released, 0);
  EXPECT_EQ(reference.get(), &new_buffer);
}

TEST(BufferTest, empty_reference_has_no_bytes) {
  EXPECT_TRUE(BufferRef().bytes().empty());
  EXPECT_TRUE(Slice().bytes().empty());
}

TEST(SliceTest, part_names_its_bytes_and_keeps_the_buffer) {
  CountingBuffer buffer;
  Slice part;
  {
    const Slice whole{BufferRef(&buffer), 0, 4};
    part = whole.part(1, 2);
  }
  EXPECT_EQ(buffer.released, 0);
  ASSERT_EQ(part.bytes().size(), 2u);
  EXPECT_EQ(part.bytes()[0], 2);
  EXPECT_EQ(part.part(1, 1).bytes()[0], 3);
  EXPECT_TRUE(part.part(2, 0).bytes().empty());
  part = Slice();
  EXPECT_EQ(buffer.released, 1);
}

TEST(SliceDeathTest, part_outside_the_slice_is_a_bug) {
  const Slice slice = copy_to_heap(as_bytes("abcd")).part(1, 2);
  EXPECT_DEATH((void)slice.part(0, 3), "CHECK failed");
  EXPECT_DEATH((void)slice.part(3, 0), "CHECK failed");
  EXPECT_DEATH((void)slice.part(1, static_cast<std::size_t>(-1)), "CHECK failed");
}

TEST(BufferTest, heap_copy_outlives_its_source) {
  Slice slice;
  {
    const std::string source = "a source that is soon gone";
    slice = copy_to_heap(as_bytes(source));
  }
  EXPECT_EQ(as_text(slice.bytes()), "a source that is soon gone");
  EXPECT_FALSE(copy_to_heap({}).buffer);
}

}  // namespace
}  // namespace windhover::stack::base
