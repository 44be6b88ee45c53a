#include "server/main/lane_runner.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>

#include "backends/memory/pair.h"
#include "server/http/responder.h"
#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using std::chrono::seconds;

class Nothing final : public http::Responder {
 public:
  void respond(const http::Request& /*request*/, http::Response& /*response*/) override {}
};

stack::lane::Config small_stack() {
  stack::lane::Config config;
  config.ip.addresses = {{stack::wire::Address::parse("10.0.0.1").value(), 24}};
  config.tcp.connections_max = 16;
  config.tcp.send_blocks = config.tcp.send_entries = config.tcp.reassembly_blocks = 64;
  config.tcp.time_wait_max = 16;
  return config;
}

/// A lane over one end of a pair at whose other end is nobody.
class LaneRunnerTest : public testing::Test {
 protected:
  LaneRunnerTest() { stack_.listen(listener_, http_); }

  Lane lane(int device_failure = 0) {
    return {stack_, pair_.first(), http_, {listener_}, [device_failure] { return device_failure; }};
  }
  /// Whether the runner has said that its lane has ended; waits for it.
  static bool ends(const LaneRunner& runner) {
    pollfd waited{runner.ended_fd(), POLLIN, 0};
    return poll(&waited, 1, 10'000) == 1;
  }

  stack::tcp::Endpoint listener_{{}, 80};
  Nothing responder_;
  backends::memory::Pair pair_{{}};
  http::Server http_{{}, {.connections = 16, .small_buffers = 16, .large_buffers = 4}, responder_, {}};
  stack::lane::Stack stack_{monotonic_now(), small_stack(), {}, pair_.first()};
};

TEST_F(LaneRunnerTest, Drained_EndsWithoutConnections) {
  LaneRunner runner(lane(), {}, seconds(3600));
  runner.start({});
  runner.drain();
  EXPECT_TRUE(ends(runner));
  EXPECT_EQ(runner.join(), 0);
  // Nobody listens any more: the port is free again.
  stack_.listen(listener_, http_);
}

TEST_F(LaneRunnerTest, Forced_EndsAtOnce) {
  LaneRunner runner(lane(), {}, seconds(3600));
  runner.start({});
  runner.force();
  EXPECT_TRUE(ends(runner));
  EXPECT_EQ(runner.join(), 0);
}

TEST_F(LaneRunnerTest, WithItsDeviceLost_EndsAndSaysWhy) {
  LaneRunner runner(lane(EBADFD), {}, seconds(3600));
  runner.start({});
  EXPECT_TRUE(ends(runner));
  EXPECT_EQ(runner.join(), EBADFD);
}

TEST_F(LaneRunnerTest, OnACpuThatIsNotThere_DoesNotStart) {
  LaneRunner runner(lane(), {}, seconds(3600));
  EXPECT_THROW(runner.start(1023), stack::base::SetupError);
}

TEST_F(LaneRunnerTest, Destroyed_EndsItsLane) {
  {
    LaneRunner runner(lane(), {}, seconds(3600));
    runner.start({});
  }
  EXPECT_EQ(stack_.connection_count(), 0U);
}

}  // namespace
}  // namespace windhover::server::main
