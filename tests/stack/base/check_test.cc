#include "stack/base/check.h"

#include <gtest/gtest.h>

namespace windhover::stack::base {
namespace {

TEST(CheckTest, true_expression_is_evaluated_once_and_passes) {
  int evaluated = 0;
  CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, false_expression_aborts_and_says_what_and_where) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "check_test\\.cc:[0-9]+: CHECK failed: 1 \\+ 1 == 3 \\(in TestBody\\)");
}

}  // namespace
}  // namespace windhover::stack::base
