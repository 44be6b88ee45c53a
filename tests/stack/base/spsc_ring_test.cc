#include "stack/base/spsc_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <thread>

namespace windhover::stack::base {
namespace {

TEST(SpscRingTest, full_ring_refuses_and_leaves_the_item_alone) {
  SpscRing<std::unique_ptr<int>> ring(2);
  EXPECT_TRUE(ring.push(std::make_unique<int>(1)));
  EXPECT_TRUE(ring.push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(ring.push(std::move(third)));
  // NOLINTBEGIN(bugprone-use-after-move): a refused item stays with its owner.
  ASSERT_TRUE(third);
  EXPECT_EQ(*third, 3);
  // NOLINTEND(bugprone-use-after-move)
  EXPECT_EQ(ring.size(), 2u);

  std::unique_ptr<int> item;
  ASSERT_TRUE(ring.pop(item));
  EXPECT_EQ(*item, 1);
  EXPECT_TRUE(ring.push(std::move(third)));
}

TEST(SpscRingTest, empty_ring_gives_nothing_and_leaves_the_target_alone) {
  SpscRing<int> ring(4);
  int item = 7;
  EXPECT_FALSE(ring.pop(item));
  EXPECT_EQ(item, 7);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.capacity(), 4u);
}

TEST(SpscRingTest, items_come_out_in_order_over_many_turns) {
  SpscRing<int> ring(4);
  int pushed = 0;
  int popped = 0;
  for (int turn = 0; turn < 1000; ++turn) {
    for (int i = 0; i <= turn % 4; ++i) pushed += ring.push(pushed) ? 1 : 0;
    for (int i = 0; i <= (turn + 1) % 4; ++i) {
      int item = -1;
      if (!ring.pop(item)) break;
      ASSERT_EQ(item, popped++);
    }
    ASSERT_EQ(ring.size(), static_cast<std::size_t>(pushed - popped));
  }
  EXPECT_GT(popped, 1000);
}

TEST(SpscRingTest, ring_of_one_alternates) {
  SpscRing<int> ring(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(ring.push(i));
    EXPECT_FALSE(ring.push(i));
    int item = -1;
    EXPECT_TRUE(ring.pop(item));
    EXPECT_EQ(item, i);
  }
}

/// The second word is not atomic: a thread sanitizer sees it when the ring orders too little.
struct Message {
  std::uint64_t number = 0;
  std::uint64_t complement = 0;
};

TEST(SpscRingTest, two_threads_hand_over_every_message_whole_and_in_order) {
  constexpr std::uint64_t kMessages = 200000;
  SpscRing<Message> ring(64);
  std::thread producer([&ring] {
    for (std::uint64_t i = 0; i < kMessages;) {
      if (ring.push(Message{i, ~i})) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t expected = 0;
  std::uint64_t wrong = 0;
  while (expected < kMessages) {
    Message message;
    if (!ring.pop(message)) {
      std::this_thread::yield();
      continue;
    }
    wrong += message.number != expected || message.complement != ~expected ? 1 : 0;
    ++expected;
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRingDeathTest, capacity_that_is_no_power_of_two_is_a_bug) {
  EXPECT_DEATH(SpscRing<int>(3), "CHECK failed");
  EXPECT_DEATH(SpscRing<int>(0), "CHECK failed");
}

}  // namespace
}  // namespace windhover::stack::base
