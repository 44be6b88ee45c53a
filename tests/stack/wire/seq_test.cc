#include "stack/wire/seq.h"

#include <gtest/gtest.h>

#include <concepts>

namespace windhover::stack::wire {
namespace {

template <typename T>
concept Ordered = requires(T a, T b) {
  a < b;
};
static_assert(!Ordered<Seq>, "order on a circle must be asked for by name");
static_assert(!std::convertible_to<std::uint32_t, Seq>);

TEST(SeqTest, numbers_near_the_wrap_compare_along_the_circle) {
  const Seq last(0xffffffff);
  const Seq first(0);
  EXPECT_TRUE(before(last, first));
  EXPECT_FALSE(before(first, last));
  EXPECT_TRUE(after(first, last));
  EXPECT_EQ(first - last, 1);
  EXPECT_EQ(last - first, -1);
  EXPECT_EQ(last + 1, first);
  EXPECT_EQ(first - 1u, last);
}

TEST(SeqTest, equal_numbers_are_at_each_other_and_neither_before_nor_after) {
  const Seq seq(7);
  EXPECT_FALSE(before(seq, seq));
  EXPECT_FALSE(after(seq, seq));
  EXPECT_TRUE(before_or_at(seq, seq));
  EXPECT_TRUE(after_or_at(seq, seq));
}

TEST(SeqTest, numbers_just_under_half_the_circle_apart_keep_their_order) {
  const Seq base(0x90000000);
  EXPECT_TRUE(before(base, base + 0x7fffffff));
  EXPECT_FALSE(before(base, base + 0x80000001));
}

TEST(SeqTest, a_window_over_the_wrap_holds_exactly_its_size) {
  const Seq begin(0xfffffffe);
  EXPECT_FALSE(in_window(begin - 1u, begin, 4));
  EXPECT_TRUE(in_window(begin, begin, 4));
  EXPECT_TRUE(in_window(Seq(1), begin, 4));
  EXPECT_FALSE(in_window(Seq(2), begin, 4));
  EXPECT_FALSE(in_window(begin, begin, 0));
}

TEST(SeqTest, later_and_earlier_choose_along_the_circle) {
  EXPECT_EQ(later(Seq(0xfffffff0), Seq(5)), Seq(5));
  EXPECT_EQ(earlier(Seq(0xfffffff0), Seq(5)), Seq(0xfffffff0));
}

}  // namespace
}  // namespace windhover::stack::wire
