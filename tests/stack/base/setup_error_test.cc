#include "stack/base/setup_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace windhover::stack::base {
namespace {

TEST(SetupErrorTest, message_names_the_call_the_error_and_the_remedy) {
  const SetupError error("open /dev/net/tun", EACCES, "Run as root.");
  EXPECT_STREQ(error.what(), "open /dev/net/tun: Permission denied (errno 13)\n  Run as root.");
  EXPECT_EQ(error.call(), "open /dev/net/tun");
  EXPECT_EQ(error.error(), EACCES);
  EXPECT_EQ(error.remedy(), "Run as root.");
}

TEST(SetupErrorTest, parts_that_do_not_apply_leave_no_trace) {
  EXPECT_STREQ(SetupError("listen on 10.66.0.2:80", 0, "").what(), "listen on 10.66.0.2:80");
}

}  // namespace
}  // namespace windhover::stack::base
