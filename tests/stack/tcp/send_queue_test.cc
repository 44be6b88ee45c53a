#include "stack/tcp/send_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

std::string pattern(std::size_t size, unsigned seed) {
  test::Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

std::string read(SendMemory& memory, SendQueue& queue, std::uint64_t from, std::uint64_t count) {
  std::string text;
  queue.read(memory, from, count, [&](const base::Slice& whole, std::size_t offset, std::size_t run) {
    text += base::as_text(whole.bytes().subspan(offset, run));
    return true;
  });
  return text;
}

TEST(SendQueue, small_writes_share_a_block) {
  SendMemory memory(1, 1);
  SendQueue queue;
  EXPECT_EQ(queue.append(memory, base::as_bytes("head ")), 5U);
  EXPECT_EQ(queue.append(memory, base::as_bytes("and body")), 8U);
  EXPECT_EQ(queue.size(), 13U);
  EXPECT_EQ(queue.copied(), 13U);
  EXPECT_EQ(read(memory, queue, 0, 13), "head and body");
  EXPECT_EQ(read(memory, queue, 3, 5), "d and");
  queue.clear(memory);
  EXPECT_TRUE(memory.all_free());
}

TEST(SendQueue, a_write_beyond_the_blocks_comes_up_short) {
  SendMemory memory(2, 8);
  SendQueue queue;
  const std::string text = pattern(3 * kSendBlockSize, 1);
  EXPECT_EQ(queue.append(memory, base::as_bytes(text)), 2 * kSendBlockSize);
  EXPECT_EQ(queue.append(memory, base::as_bytes("x")), 0U);
  EXPECT_EQ(read(memory, queue, 0, queue.size()), text.substr(0, 2 * kSendBlockSize));
  queue.acknowledge(memory, kSendBlockSize);
  EXPECT_EQ(queue.append(memory, base::as_bytes("x")), 1U);
  queue.clear(memory);
}

TEST(SendQueue, a_write_without_entries_comes_up_short) {
  SendMemory memory(8, 1);
  SendQueue queue;
  EXPECT_TRUE(queue.append(memory, base::copy_to_heap(base::as_bytes("slice"))));
  EXPECT_EQ(queue.append(memory, base::as_bytes("copied")), 0U);
  EXPECT_FALSE(queue.append(memory, base::copy_to_heap(base::as_bytes("again"))));
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_EQ(queue.copied(), 0U);
  queue.clear(memory);
}

TEST(SendQueue, an_empty_slice_is_taken_and_forgotten) {
  SendMemory memory(1, 1);
  SendQueue queue;
  EXPECT_TRUE(queue.append(memory, base::Slice{}));
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(memory.all_free());
}

TEST(SendQueue, a_slice_is_not_copied_and_is_released_once_acknowledged) {
  SendMemory memory(1, 2);
  SendQueue queue;
  const base::Slice slice = base::copy_to_heap(base::as_bytes("shared"));
  ASSERT_TRUE(queue.append(memory, slice));
  queue.read(memory, 0, 6, [&](const base::Slice& whole, std::size_t, std::size_t) {
    EXPECT_EQ(whole.bytes().data(), slice.bytes().data());
    return true;
  });
  queue.acknowledge(memory, 6);
  EXPECT_TRUE(memory.all_free());
}

TEST(SendQueue, a_block_lives_while_a_frame_refers_to_it) {
  SendMemory memory(1, 1);
  SendQueue queue;
  ASSERT_EQ(queue.append(memory, base::as_bytes("in flight")), 9U);
  base::Slice held;
  queue.read(memory, 0, 9, [&](const base::Slice& whole, std::size_t offset, std::size_t count) {
    held = whole.part(offset, count);
    return true;
  });
  queue.clear(memory);
  EXPECT_FALSE(memory.all_free());
  EXPECT_EQ(base::as_text(held.bytes()), "in flight");
  held = {};
  EXPECT_TRUE(memory.all_free());
}

TEST(SendMemory, has_room_again_when_a_sixteenth_is_free) {
  SendMemory memory(32, 32);
  SendQueue queue;
  EXPECT_TRUE(memory.has_room());
  const std::string text = pattern(32 * kSendBlockSize, 3);
  ASSERT_EQ(queue.append(memory, base::as_bytes(text)), text.size());
  EXPECT_FALSE(memory.has_room());
  queue.acknowledge(memory, kSendBlockSize);
  EXPECT_FALSE(memory.has_room());
  queue.acknowledge(memory, kSendBlockSize);
  EXPECT_TRUE(memory.has_room());
  queue.clear(memory);
}

TEST(SendQueue, a_reader_may_stop_early_and_begin_again_anywhere) {
  SendMemory memory(8, 8);
  SendQueue queue;
  const std::string text = pattern(5000, 2);
  ASSERT_EQ(queue.append(memory, base::as_bytes(text)), text.size());
  int visits = 0;
  queue.read(memory, 0, 5000, [&](const base::Slice&, std::size_t, std::size_t) { return ++visits < 2; });
  EXPECT_EQ(visits, 2);
  EXPECT_EQ(read(memory, queue, 4096, 904), text.substr(4096));
  EXPECT_EQ(read(memory, queue, 10, 20), text.substr(10, 20));
  queue.clear(memory);
}

// The queue against a std::string, under a thousand random steps from each seed.
class SendQueueModel : public testing::TestWithParam<unsigned> {};

TEST_P(SendQueueModel, behaves_as_a_string) {
  test::Random random(GetParam());
  SendMemory memory(16, 12);
  SendQueue queue;
  std::string model;
  for (int step = 0; step < 1000; ++step) {
    const std::string text = pattern(random() % 3000, random());
    switch (random() % 4) {
      case 0:
        model += text.substr(0, queue.append(memory, base::as_bytes(text)));
        break;
      case 1:
        if (queue.append(memory, base::copy_to_heap(base::as_bytes(text)))) model += text;
        break;
      case 2: {
        const std::size_t count = random() % (model.size() + 1);
        queue.acknowledge(memory, count);
        model.erase(0, count);
        break;
      }
      default: {
        const std::size_t from = random() % (model.size() + 1);
        const std::size_t count = random() % (model.size() - from + 1);
        ASSERT_EQ(read(memory, queue, from, count), model.substr(from, count)) << "step " << step;
      }
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_LE(queue.copied(), queue.size());
    ASSERT_EQ(queue.empty(), model.empty());
    ASSERT_EQ(memory.all_free(), model.empty());
  }
  queue.clear(memory);
  EXPECT_TRUE(memory.all_free());
  EXPECT_EQ(queue.copied(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SendQueueModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace windhover::stack::tcp
