#include "backends/xdp/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace windhover::backends::xdp {
namespace {

constexpr std::uint32_t kSize = 8;

/// A ring in plain memory; the test plays the kernel.
struct Memory {
  /// Both indices begin at `index`.
  explicit Memory(std::uint32_t index = 0) : producer(index), consumer(index) {}

  RingMemory ring() { return {&producer, &consumer, &flags, slots.data(), kSize}; }

  std::uint32_t producer;
  std::uint32_t consumer;
  std::uint32_t flags = 0;
  std::array<std::uint64_t, kSize> slots{};
};

TEST(ProducerRing, nothing_is_visible_before_it_is_published) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  EXPECT_EQ(ring.size(), kSize);
  ASSERT_EQ(ring.room(1), kSize);
  ring.push(11);
  ring.push(22);
  EXPECT_EQ(memory.producer, 0u);
  EXPECT_EQ(ring.outstanding(), 0u);
  ring.publish();
  EXPECT_EQ(memory.producer, 2u);
  EXPECT_EQ(memory.slots[0], 11u);
  EXPECT_EQ(memory.slots[1], 22u);
  EXPECT_EQ(ring.outstanding(), 2u);
  memory.consumer = 1;
  EXPECT_EQ(ring.outstanding(), 1u);
}

TEST(ProducerRing, full_ring_has_no_room_until_the_consumer_moves) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  for (std::uint64_t i = 0; i < kSize; ++i) {
    ASSERT_EQ(ring.room(1), kSize - i);
    ring.push(i);
  }
  EXPECT_EQ(ring.room(1), 0u);
  ring.publish();
  EXPECT_EQ(ring.room(1), 0u);
  EXPECT_EQ(ring.outstanding(), kSize);
  memory.consumer = 3;
  EXPECT_EQ(ring.room(1), 3u);
}

TEST(ProducerRing, stale_copy_serves_while_it_is_enough) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  for (std::uint64_t i = 0; i < 6; ++i) ring.push(i);
  ring.publish();
  memory.consumer = 6;
  EXPECT_EQ(ring.room(2), 2u);     // The copy says two, and two are enough.
  EXPECT_EQ(ring.room(3), kSize);  // Three are not: the real index is looked at.
  EXPECT_EQ(ring.room(0), kSize);
}

TEST(ProducerRing, retracted_items_are_never_seen_and_their_slots_are_free) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  ring.push(1);
  ring.publish();
  ring.push(2);
  ring.push(3);
  EXPECT_EQ(ring.room(0), kSize - 3);
  ring.retract(2);
  EXPECT_EQ(ring.room(0), kSize - 1);
  ring.push(4);
  ring.publish();
  EXPECT_EQ(memory.producer, 2u);
  EXPECT_EQ(memory.slots[1], 4u);
}

TEST(ProducerRing, more_cannot_be_retracted_than_was_pushed) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  ring.push(1);
  ring.publish();
  EXPECT_DEATH(ring.retract(1), "count");
}

TEST(ProducerRing, pushing_without_room_is_a_bug) {
  Memory memory;
  ProducerRing<std::uint64_t> ring(memory.ring());
  for (std::uint64_t i = 0; i < kSize; ++i) ring.push(i);
  EXPECT_DEATH(ring.push(9), "free_slots");
}

/// Many laps of the ring, from just below 2^32.
TEST(ProducerRing, indices_and_slots_wrap) {
  constexpr std::uint32_t kBegin = UINT32_MAX - 20;
  Memory memory(kBegin);
  ProducerRing<std::uint64_t> ring(memory.ring());
  std::uint32_t index = kBegin;
  for (std::uint64_t i = 0; i < 10 * kSize; ++i, ++index) {
    ASSERT_EQ(ring.room(kSize), kSize);
    ring.push(i);
    ring.publish();
    ASSERT_EQ(memory.producer, index + 1);
    ASSERT_EQ(memory.slots[index % kSize], i);
    ASSERT_EQ(ring.outstanding(), 1u);
    ++memory.consumer;
    ASSERT_EQ(ring.outstanding(), 0u);
  }
}

TEST(ProducerRing, full_ring_across_the_wrap_of_the_indices) {
  Memory memory(UINT32_MAX - 2);
  ProducerRing<std::uint64_t> ring(memory.ring());
  for (std::uint64_t i = 0; i < kSize; ++i) ring.push(i);
  ring.publish();
  EXPECT_EQ(memory.producer, kSize - 3);
  EXPECT_EQ(ring.outstanding(), kSize);
  EXPECT_EQ(ring.room(1), 0u);
  memory.consumer = 0;
  EXPECT_EQ(ring.room(1), 3u);
  EXPECT_EQ(ring.outstanding(), kSize - 3);
}

TEST(ProducerRing, consumer_that_claims_too_much_has_consumed_all_there_was) {
  for (const std::uint32_t claim : {4u, 100u, 0x80000000u, UINT32_MAX}) {
    Memory memory;
    ProducerRing<std::uint64_t> ring(memory.ring());
    for (std::uint64_t i = 0; i < 3; ++i) ring.push(i);
    ring.publish();
    ring.push(3);
    memory.consumer = claim;
    EXPECT_EQ(ring.outstanding(), 0u) << claim;
    EXPECT_EQ(ring.room(kSize), kSize - 1) << claim;  // What is not published cannot have been consumed.
    EXPECT_EQ(ring.outstanding(), 0u) << claim;
  }
}

TEST(ProducerRing, wakeup_is_what_the_flags_say) {
  Memory memory;
  const ProducerRing<std::uint64_t> ring(memory.ring());
  EXPECT_FALSE(ring.needs_wakeup());
  memory.flags = kNeedWakeup;
  EXPECT_TRUE(ring.needs_wakeup());
  memory.flags = ~kNeedWakeup;
  EXPECT_FALSE(ring.needs_wakeup());
}

TEST(ConsumerRing, items_come_in_order_and_slots_go_back_when_they_are_released) {
  Memory memory;
  ConsumerRing<std::uint64_t> ring(memory.ring());
  EXPECT_EQ(ring.size(), kSize);
  EXPECT_EQ(ring.available(1), 0u);
  memory.slots = {7, 8, 9};
  memory.producer = 3;
  ASSERT_EQ(ring.available(kSize), 3u);
  EXPECT_EQ(ring.peek(0), 7u);
  EXPECT_EQ(ring.peek(2), 9u);
  EXPECT_EQ(memory.consumer, 0u);
  ring.release(2);
  EXPECT_EQ(memory.consumer, 2u);
  ASSERT_EQ(ring.available(1), 1u);
  EXPECT_EQ(ring.peek(0), 9u);
  ring.release(1);
  EXPECT_EQ(ring.available(1), 0u);
}

TEST(ConsumerRing, stale_copy_serves_while_it_is_enough) {
  Memory memory;
  ConsumerRing<std::uint64_t> ring(memory.ring());
  memory.producer = 2;
  EXPECT_EQ(ring.available(1), 2u);
  memory.producer = 5;
  EXPECT_EQ(ring.available(2), 2u);
  EXPECT_EQ(ring.available(3), 5u);
}

TEST(ConsumerRing, begins_with_what_lies_there) {
  Memory memory;
  memory.producer = 4;
  memory.consumer = 1;
  memory.slots = {1, 2, 3, 4};
  ConsumerRing<std::uint64_t> ring(memory.ring());
  ASSERT_EQ(ring.available(1), 3u);
  EXPECT_EQ(ring.peek(0), 2u);
}

TEST(ConsumerRing, producer_that_claims_too_much_has_filled_the_ring) {
  for (const std::uint32_t claim : {kSize + 1, 100u, 0x80000000u, UINT32_MAX}) {
    Memory memory;
    ConsumerRing<std::uint64_t> ring(memory.ring());
    memory.producer = claim;
    EXPECT_EQ(ring.available(UINT32_MAX), kSize) << claim;
    ring.release(kSize);
    EXPECT_LE(ring.available(UINT32_MAX), kSize) << claim;
  }
}

TEST(ConsumerRing, indices_and_slots_wrap) {
  constexpr std::uint32_t kBegin = UINT32_MAX - 20;
  Memory memory(kBegin);
  ConsumerRing<std::uint64_t> ring(memory.ring());
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  while (read < 10 * kSize) {
    for (std::uint32_t i = 0; i < kSize; ++i) memory.slots[memory.producer++ % kSize] = written++;
    ASSERT_EQ(ring.available(kSize), kSize);
    for (std::uint32_t i = 0; i < kSize; ++i) ASSERT_EQ(ring.peek(i), read++);
    ring.release(kSize);
    ASSERT_EQ(memory.consumer, memory.producer);
  }
}

TEST(ConsumerRing, looking_or_releasing_beyond_what_is_there_is_a_bug) {
  Memory memory;
  ConsumerRing<std::uint64_t> ring(memory.ring());
  memory.producer = 1;
  ASSERT_EQ(ring.available(1), 1u);
  EXPECT_DEATH(ring.peek(1), "offset");
  EXPECT_DEATH(ring.release(2), "count");
}

/// Two halves over the same memory: what one publishes the other finds.
TEST(ConsumerRing, finds_what_a_producer_publishes) {
  Memory memory(UINT32_MAX - 3);
  ProducerRing<std::uint64_t> producer(memory.ring());
  ConsumerRing<std::uint64_t> consumer(memory.ring());
  std::uint64_t pushed = 0;
  std::uint64_t expected = 0;
  for (std::uint32_t round = 0; round < 100; ++round) {
    const std::uint32_t room = producer.room(kSize);
    for (std::uint32_t i = 0; i < room; ++i) producer.push(pushed++);
    producer.publish();
    const std::uint32_t count = std::min(consumer.available(kSize), 1 + round % kSize);
    for (std::uint32_t i = 0; i < count; ++i) ASSERT_EQ(consumer.peek(i), expected++);
    consumer.release(count);
    ASSERT_EQ(producer.outstanding(), pushed - expected);
  }
  EXPECT_GT(expected, 300u);
}

}  // namespace
}  // namespace windhover::backends::xdp
