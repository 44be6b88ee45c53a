#include "stack/base/pool.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace windhover::stack::base {
namespace {

/// Counts how many of it live, and refers to itself so that being moved would show.
struct Tracked {
  explicit Tracked(int value_in = 0) : value(value_in) { ++live; }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;
  ~Tracked() { --live; }

  int value;
  Tracked* self = this;
  static inline int live = 0;
};

TEST(PoolTest, full_pool_gives_nothing_until_one_is_released) {
  Pool<Tracked> pool(3);
  EXPECT_EQ(pool.capacity(), 3u);
  Tracked* const first = pool.allocate(1);
  ASSERT_TRUE(first && pool.allocate(2) && pool.allocate(3));
  EXPECT_EQ(pool.size(), 3u);
  EXPECT_EQ(pool.allocate(4), nullptr);
  pool.release(first);
  EXPECT_EQ(pool.size(), 2u);
  Tracked* const again = pool.allocate(5);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->value, 5);
  EXPECT_EQ(pool.allocate(6), nullptr);
}

TEST(PoolTest, pool_of_nothing_gives_nothing) {
  Pool<Tracked> pool(0);
  EXPECT_EQ(pool.allocate(), nullptr);
  EXPECT_EQ(pool.get(Handle{0, 1}), nullptr);
}

TEST(PoolTest, handle_of_a_released_object_is_stale_even_when_its_slot_is_used_again) {
  Pool<Tracked> pool(1);
  Tracked* const first = pool.allocate(1);
  const Handle handle = pool.handle_of(first);
  EXPECT_TRUE(handle);
  EXPECT_EQ(pool.get(handle), first);
  pool.release(first);
  EXPECT_EQ(pool.get(handle), nullptr);
  Tracked* const second = pool.allocate(2);
  EXPECT_EQ(pool.get(handle), nullptr);
  EXPECT_NE(pool.handle_of(second), handle);
  EXPECT_EQ(pool.get(pool.handle_of(second)), second);
}

TEST(PoolTest, an_object_is_found_by_its_index) {
  Pool<Tracked> pool(3);
  Tracked* const first = pool.allocate(1);
  Tracked* const second = pool.allocate(2);
  EXPECT_NE(pool.index_of(first), pool.index_of(second));
  EXPECT_EQ(&pool.at(pool.index_of(first)), first);
  EXPECT_EQ(&pool.at(pool.index_of(second)), second);
  EXPECT_EQ(pool.index_of(second), pool.handle_of(second).index);
}

TEST(PoolTest, handles_that_no_pool_gave_name_nothing) {
  Pool<Tracked> pool(4);
  const Handle given = pool.handle_of(pool.allocate());
  EXPECT_FALSE(Handle{});
  EXPECT_EQ(pool.get(Handle{}), nullptr);
  EXPECT_EQ(pool.get(Handle{1, 1}), nullptr);  // A slot that was never used.
  EXPECT_EQ(pool.get(Handle{4, 1}), nullptr);  // No slot at all.
  EXPECT_EQ(pool.get(Handle{0xffffffff, 1}), nullptr);
  EXPECT_EQ(pool.get(Handle{given.index, given.generation + 2}), nullptr);
  EXPECT_EQ(pool.get(Handle{given.index, given.generation - 1}), nullptr);
}

TEST(PoolTest, even_generation_never_names_a_free_slot) {
  Pool<Tracked> pool(1);
  Tracked* const object = pool.allocate();
  const Handle handle = pool.handle_of(object);
  pool.release(object);
  EXPECT_EQ(pool.get(Handle{handle.index, handle.generation + 1}), nullptr);
}

TEST(PoolTest, objects_left_over_die_with_the_pool) {
  Tracked::live = 0;
  {
    Pool<Tracked> pool(8);
    Tracked* const released = pool.allocate();
    (void)pool.allocate();
    (void)pool.allocate();
    pool.release(released);
    EXPECT_EQ(Tracked::live, 2);
  }
  EXPECT_EQ(Tracked::live, 0);
}

TEST(PoolTest, visitor_sees_each_object_once_and_may_release_it) {
  Pool<Tracked> pool(8);
  std::vector<Tracked*> objects;
  for (int i = 0; i < 6; ++i) objects.push_back(pool.allocate(i));
  pool.release(objects[2]);
  std::vector<int> seen;
  pool.for_each([&](Tracked& object) {
    seen.push_back(object.value);
    if (object.value % 2 != 0) pool.release(&object);
  });
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 3, 4, 5}));
  EXPECT_EQ(pool.size(), 2u);
}

struct alignas(64) Aligned {
  std::uint8_t bytes[65];
};

TEST(PoolTest, alignment_of_the_type_is_kept_and_memory_is_told) {
  Pool<Aligned> pool(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pool.allocate()) % 64, 0u);
  EXPECT_GE(pool.memory_size(), 3 * sizeof(Aligned));
  EXPECT_LE(pool.memory_size(), 3 * (sizeof(Aligned) + 64));
}

TEST(PoolTest, random_use_keeps_objects_in_place_and_handles_honest) {
  constexpr std::uint32_t kCapacity = 50;
  std::mt19937 random(5);
  Pool<Tracked> pool(kCapacity);
  struct Held {
    Tracked* object;
    Handle handle;
    int value;
  };
  std::vector<Held> held;
  std::vector<Handle> stale;
  for (int round = 0; round < 20000; ++round) {
    if (random() % 2 == 0) {
      Tracked* const object = pool.allocate(round);
      ASSERT_EQ(object == nullptr, held.size() == kCapacity);
      if (object != nullptr) held.push_back({object, pool.handle_of(object), round});
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      pool.release(held.back().object);
      stale.push_back(held.back().handle);
      held.pop_back();
    }
    ASSERT_EQ(pool.size(), held.size());
  }
  for (const auto& [object, handle, value] : held) {
    EXPECT_EQ(pool.get(handle), object);
    EXPECT_EQ(object->self, object);
    EXPECT_EQ(object->value, value);
  }
  for (const Handle& handle : stale) ASSERT_EQ(pool.get(handle), nullptr);
}

TEST(PoolDeathTest, releasing_twice_or_what_is_elsewhere_is_a_bug) {
  Pool<Tracked> pool(2);
  Tracked* const object = pool.allocate();
  pool.release(object);
  EXPECT_DEATH(pool.release(object), "CHECK failed");
  Tracked elsewhere;
  EXPECT_DEATH(pool.release(&elsewhere), "CHECK failed");
}

}  // namespace
}  // namespace windhover::stack::base
