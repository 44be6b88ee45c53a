#include "stack/base/spsc_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <thread>
#include <vector>

namespace windhover::stack::base {
namespace {

constexpr std::size_t kCapacity = 1024;

/// A record whose bytes all follow from its number, so that a torn one shows.
std::vector<std::uint8_t> record_of(std::uint64_t number, std::size_t size) {
  std::vector<std::uint8_t> record(size);
  for (std::size_t at = 0; at < size; ++at) record[at] = static_cast<std::uint8_t>(number * 31 + at * 7 + size);
  return record;
}

bool push(SpscBytes& queue, const std::vector<std::uint8_t>& record) {
  const MutableBytes room = queue.reserve(record.size());
  if (room.empty()) return false;
  std::ranges::copy(record, room.begin());
  queue.commit();
  return true;
}

bool next_is(SpscBytes& queue, const std::vector<std::uint8_t>& record) {
  const Bytes front = queue.front();
  const bool same = std::ranges::equal(front, record);
  if (!front.empty()) queue.pop();
  return same;
}

TEST(SpscBytesTest, empty_has_no_front) {
  SpscBytes queue(kCapacity);
  EXPECT_TRUE(queue.front().empty());
  EXPECT_EQ(queue.capacity(), kCapacity);
}

TEST(SpscBytesTest, records_come_out_whole_and_in_order) {
  SpscBytes queue(kCapacity);
  for (std::size_t size = 1; size < 5; ++size) ASSERT_TRUE(push(queue, record_of(size, size * 50)));
  queue.publish();
  for (std::size_t size = 1; size < 5; ++size) EXPECT_TRUE(next_is(queue, record_of(size, size * 50)));
  EXPECT_TRUE(queue.front().empty());
}

TEST(SpscBytesTest, nothing_is_seen_before_it_is_published) {
  SpscBytes queue(kCapacity);
  ASSERT_TRUE(push(queue, record_of(1, 10)));
  EXPECT_TRUE(queue.front().empty());
  queue.publish();
  EXPECT_TRUE(next_is(queue, record_of(1, 10)));
}

TEST(SpscBytesTest, a_reservation_that_is_not_committed_leaves_no_record) {
  SpscBytes queue(kCapacity);
  EXPECT_EQ(queue.reserve(300).size(), 300U);
  ASSERT_TRUE(push(queue, record_of(2, 20)));
  queue.publish();
  EXPECT_TRUE(next_is(queue, record_of(2, 20)));
  EXPECT_TRUE(queue.front().empty());
}

TEST(SpscBytesTest, full_until_room_is_released) {
  SpscBytes queue(kCapacity);
  std::size_t count = 0;
  while (push(queue, record_of(count, 60))) ++count;
  EXPECT_EQ(count, kCapacity / 64);
  queue.publish();
  ASSERT_TRUE(next_is(queue, record_of(0, 60)));
  EXPECT_TRUE(queue.reserve(60).empty());
  queue.release();
  EXPECT_TRUE(push(queue, record_of(count, 60)));
  EXPECT_FALSE(push(queue, record_of(count, 60)));
}

TEST(SpscBytesTest, the_largest_record_fits_wherever_the_front_lies) {
  SpscBytes queue(kCapacity);
  for (std::size_t line = 0; line < 2 * kCapacity / 64; ++line) {
    ASSERT_TRUE(push(queue, record_of(line, queue.record_size_max()))) << line;
    queue.publish();
    ASSERT_TRUE(next_is(queue, record_of(line, queue.record_size_max()))) << line;
    ASSERT_TRUE(push(queue, record_of(line, 1)));
    queue.publish();
    ASSERT_TRUE(next_is(queue, record_of(line, 1)));
    queue.release();
  }
}

TEST(SpscBytesTest, a_larger_record_never_fits) {
  SpscBytes queue(kCapacity);
  EXPECT_TRUE(queue.reserve(queue.record_size_max() + 1).empty());
  EXPECT_TRUE(queue.reserve(SIZE_MAX - 8).empty());
}

TEST(SpscBytesTest, any_sizes_in_any_bursts_against_a_model) {
  std::mt19937 random(7);
  SpscBytes queue(kCapacity);
  std::deque<std::pair<std::uint64_t, std::size_t>> model;
  std::uint64_t pushed = 0;
  std::uint64_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    for (std::size_t burst = random() % 5; burst > 0; --burst) {
      const std::size_t size = 1 + random() % queue.record_size_max();
      if (push(queue, record_of(pushed, size))) {
        model.emplace_back(pushed++, size);
      } else {
        ++refused;
      }
    }
    queue.publish();
    for (std::size_t burst = random() % 5; burst > 0 && !model.empty(); --burst) {
      ASSERT_TRUE(next_is(queue, record_of(model.front().first, model.front().second)));
      model.pop_front();
    }
    queue.release();
  }
  EXPECT_GT(pushed, 10000U);
  EXPECT_GT(refused, 1000U);
}

TEST(SpscBytesTest, two_threads_hand_over_every_record_whole_and_in_order) {
  constexpr std::uint64_t kRecords = 50000;
  SpscBytes queue(kCapacity);
  const auto size_of = [](std::uint64_t number) { return 1 + number * 37 % 400; };
  std::thread producer([&] {
    for (std::uint64_t number = 0; number < kRecords;) {
      if (push(queue, record_of(number, size_of(number)))) {
        if (++number % 3 == 0) queue.publish();
      } else {
        queue.publish();
        std::this_thread::yield();
      }
    }
    queue.publish();
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t number = 0; number < kRecords;) {
    if (queue.front().empty()) {
      std::this_thread::yield();
      continue;
    }
    wrong += next_is(queue, record_of(number, size_of(number))) ? 0 : 1;
    if (++number % 5 == 0 || queue.front().empty()) queue.release();
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_TRUE(queue.front().empty());
}

TEST(SpscBytesDeathTest, misuse_is_a_bug) {
  EXPECT_DEATH(SpscBytes(1000), "CHECK failed");
  EXPECT_DEATH(SpscBytes(128), "CHECK failed");
  SpscBytes queue(kCapacity);
  EXPECT_DEATH(queue.reserve(0), "CHECK failed");
}

}  // namespace
}  // namespace windhover::stack::base
