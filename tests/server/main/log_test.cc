#include "server/main/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "server/main/close_log.h"

namespace windhover::server::main {
namespace {

/// What is written to standard output and standard error meanwhile.
std::pair<std::string, std::string> captured(const std::function<void()>& speak) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  speak();
  std::string output = testing::internal::GetCapturedStdout();
  return {std::move(output), testing::internal::GetCapturedStderr()};
}

/// The level is the process's: it goes back to what it was.
class LogTest : public testing::Test {
 protected:
  ~LogTest() override { set_log_level(LogLevel::kInfo); }

  static void speak() {
    log_debug("d");
    log_info("i");
    log_warning("w");
    log_error("e");
  }
};

TEST_F(LogTest, EachLevel_IncludesThoseBeforeIt) {
  EXPECT_EQ(captured(speak), (std::pair<std::string, std::string>("info: i\n", "warn: w\nerror: e\n")));
  set_log_level(LogLevel::kError);
  EXPECT_EQ(captured(speak), (std::pair<std::string, std::string>("", "error: e\n")));
  set_log_level(LogLevel::kWarning);
  EXPECT_EQ(captured(speak), (std::pair<std::string, std::string>("", "warn: w\nerror: e\n")));
  set_log_level(LogLevel::kDebug);
  EXPECT_EQ(captured(speak), (std::pair<std::string, std::string>("debug: d\ninfo: i\n", "warn: w\nerror: e\n")));
}

/// Standard output is a pipe that nobody reads.
class StuckLogTest : public LogTest {
 protected:
  StuckLogTest() : saved_(dup(STDOUT_FILENO)) {
    EXPECT_EQ(pipe2(ends_.data(), O_NONBLOCK), 0);
    const std::array<char, PIPE_BUF> page{};
    while (write(ends_[1], page.data(), page.size()) > 0) {
    }
    dup2(ends_[1], STDOUT_FILENO);
    close(ends_[1]);
  }
  ~StuckLogTest() override {
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
    close(ends_[0]);
  }

  std::size_t take_page() const {
    std::array<char, PIPE_BUF> page{};
    return static_cast<std::size_t>(read(ends_[0], page.data(), page.size()));
  }

  int saved_;
  std::array<int, 2> ends_{};
};

TEST_F(StuckLogTest, ThereIsRoom_WhenAMessageOfTheLargestSizeLeavesWhole) {
  set_log_level(LogLevel::kDebug);
  EXPECT_FALSE(log_has_room());
  EXPECT_EQ(take_page(), std::size_t{PIPE_BUF});
  EXPECT_TRUE(log_has_room());
  log_debug(std::string(kLogPieceMax, 'x'));
  EXPECT_FALSE(log_has_room());
}

TEST_F(StuckLogTest, AMessageThatNobodyTakes_IsLost) {
  log_info("lost");
  while (take_page() == std::size_t{PIPE_BUF}) {
  }
  log_info("said");
  std::array<char, PIPE_BUF> page{};
  EXPECT_EQ(std::string(page.data(), static_cast<std::size_t>(read(ends_[0], page.data(), page.size()))),
            "info: said\n");
}

TEST_F(LogTest, ClosesAreToldAtLevelDebugOnly) {
  CloseLog quiet;
  EXPECT_EQ(quiet.add_lane(), nullptr);
  EXPECT_EQ(quiet.pause_milliseconds(), -1);
  set_log_level(LogLevel::kDebug);
  CloseLog log;
  stack::tcp::CloseObserver* const first = log.add_lane();
  stack::tcp::CloseObserver* const second = log.add_lane();
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  EXPECT_GT(log.pause_milliseconds(), 0);
  second->on_abnormal_close({}, stack::tcp::CloseReason::kPeerReset, {});
  const auto [output, errors] = captured([&] { log.print(); });
  EXPECT_TRUE(output.starts_with("debug: ")) << output;
  EXPECT_NE(output.find(" ended: peer_reset\n"), std::string::npos) << output;
  EXPECT_EQ(captured([&] { log.print(); }).first, "");
}

TEST_F(LogTest, ClosesThatThereWasNoRoomFor_AreCountedAndSaidOnce) {
  set_log_level(LogLevel::kDebug);
  CloseLog log;
  stack::tcp::CloseObserver* const lane = log.add_lane();
  for (std::size_t count = 0; count < observe::CloseQueue::kReportsMax + 6; ++count) {
    lane->on_abnormal_close({}, stack::tcp::CloseReason::kTimedOut, {});
  }
  const std::string said = captured([&] { log.print(); }).first;
  const std::string last = "debug: 6 more connections ended badly than could be told of.\n";
  EXPECT_TRUE(said.ends_with(last)) << said;
  std::size_t blocks = 0;
  for (std::size_t at = 0; (at = said.find(" ended: timed_out\n", at)) != std::string::npos; ++at) ++blocks;
  EXPECT_EQ(blocks, observe::CloseQueue::kReportsMax);
  EXPECT_EQ(captured([&] { log.print(); }).first, "");
}

TEST_F(StuckLogTest, ClosesWaitForALogWithoutRoom) {
  set_log_level(LogLevel::kDebug);
  CloseLog log;
  log.add_lane()->on_abnormal_close({}, stack::tcp::CloseReason::kTimedOut, {});
  log.print();
  take_page();
  log.print();
  EXPECT_FALSE(log_has_room());
}

}  // namespace
}  // namespace windhover::server::main
