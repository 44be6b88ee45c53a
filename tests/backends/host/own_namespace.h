#pragma once
// A network namespace of the test's own, which ends with its process.

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace windhover::backends::host {

class OwnNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET) == 0) return;
    const char* const ci = std::getenv("CI");
    const bool must_run = ci != nullptr && std::string_view(ci) == "true" && geteuid() == 0;
    ASSERT_FALSE(must_run) << "unshare(CLONE_NEWNET): " << std::strerror(errno);
    GTEST_SKIP() << "a network namespace needs root: " << std::strerror(errno);
  }

  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }
};

}  // namespace windhover::backends::host
