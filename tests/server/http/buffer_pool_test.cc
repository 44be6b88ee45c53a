#include "server/http/buffer_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace windhover::server::http {
namespace {

TEST(BufferPool, gives_the_smallest_that_fits) {
  BufferPool pool(16, 1, 64, 2);
  PooledBuffer* small = pool.take(16);
  PooledBuffer* large = pool.take(17);
  ASSERT_NE(small, nullptr);
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(small->capacity, 16U);
  EXPECT_EQ(large->capacity, 64U);
  EXPECT_EQ(pool.taken_count(), 2U);
  pool.give(small);
  pool.give(large);
  EXPECT_EQ(pool.taken_count(), 0U);
}

TEST(BufferPool, without_small_ones_gives_a_large_one) {
  BufferPool pool(16, 1, 64, 1);
  PooledBuffer* first = pool.take(1);
  PooledBuffer* second = pool.take(1);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->capacity, 64U);
  EXPECT_EQ(pool.take(1), nullptr);
  pool.give(first);
  pool.give(second);
}

TEST(BufferPool, never_gives_more_than_a_buffer_holds) {
  BufferPool pool(16, 1, 64, 1);
  EXPECT_EQ(pool.take(65), nullptr);
}

TEST(BufferPool, a_buffer_comes_back_empty) {
  BufferPool pool(16, 1, 64, 0);
  PooledBuffer* buffer = pool.take(4);
  buffer->append(stack::base::as_bytes("abc"));
  EXPECT_EQ(stack::base::as_text(buffer->bytes()), "abc");
  EXPECT_EQ(buffer->room(), 13U);
  pool.give(buffer);
  EXPECT_TRUE(pool.take(4)->bytes().empty());
}

}  // namespace
}  // namespace windhover::server::http
