#include "server/main/lane_runner.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <semaphore>

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
  /// Whether the runner has said that its lane is done; waits for it.
  static bool is_done(const LaneRunner& runner) {
    pollfd waited{runner.done_fd(), POLLIN, 0};
    return poll(&waited, 1, 10'000) == 1;
  }

  stack::tcp::Endpoint listener_{{}, 80};
  Nothing responder_;
  backends::memory::Pair pair_{{}};
  http::Server http_{{}, {.connections = 16, .small_buffers = 16, .large_buffers = 4}, responder_, {}};
  stack::lane::Stack stack_{monotonic_now(), small_stack(), {}, pair_.first()};
};

TEST_F(LaneRunnerTest, LinkUp_IsToldToTheStack_WhichAnnouncesItsAddresses) {
  backends::memory::Config wire;
  wire.medium = stack::link::Medium::kEthernet;
  backends::memory::Pair ethernet(wire);
  stack::lane::Config config = small_stack();
  config.ip.mac = {{2, 0, 0, 0, 0, 1}};
  config.ip.announcements = 1;
  stack::lane::Stack told(monotonic_now(), config, {}, ethernet.first());
  LaneRunner runner({told, ethernet.first(), http_, {}, [] { return 0; }}, {}, seconds(3600));
  runner.start({});
  runner.link_up();
  runner.drain();
  EXPECT_TRUE(is_done(runner));
  runner.force();
  runner.join();
  EXPECT_EQ(ethernet.first().stats().transmitted_frames, 2U);  // At the start, and again.
}

TEST_F(LaneRunnerTest, Drained_IsDoneWithoutConnections_AndEndsWhenTold) {
  LaneRunner runner(lane(), {}, seconds(3600));
  runner.start({});
  runner.drain();
  EXPECT_TRUE(is_done(runner));
  runner.force();
  runner.join();
  EXPECT_EQ(runner.device_failure(), 0);
  // Nobody listens any more: the port is free again.
  stack_.listen(listener_, http_);
}

TEST_F(LaneRunnerTest, Forced_EndsAtOnce) {
  LaneRunner runner(lane(), {}, seconds(3600));
  runner.start({});
  runner.force();
  runner.join();
  EXPECT_TRUE(is_done(runner));
  EXPECT_EQ(runner.device_failure(), 0);
}

TEST_F(LaneRunnerTest, WithItsDeviceLost_EndsAndSaysWhy) {
  LaneRunner runner(lane(EBADFD), {}, seconds(3600));
  runner.start({});
  EXPECT_TRUE(is_done(runner));
  EXPECT_EQ(runner.device_failure(), EBADFD);
  runner.join();
}

/// Sees when its lane falls asleep with nothing to wake it.
class SleepWatch final : public stack::link::Device {
 public:
  explicit SleepWatch(stack::link::Device& below) : below_(below) {}

  std::string_view name() const override { return below_.name(); }
  const stack::link::Caps& caps() const override { return below_.caps(); }
  stack::link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(stack::link::Burst& burst) override { return below_.receive(burst); }
  std::size_t transmit(std::span<stack::link::Frame> frames) override { return below_.transmit(frames); }
  bool flush() override { return below_.flush(); }
  void pass(stack::link::Frame frame) override { below_.pass(std::move(frame)); }
  const stack::link::DeviceStats& stats() const override { return below_.stats(); }

  void wait(stack::base::Duration, int wake_fd) override {
    pollfd woken{wake_fd, POLLIN, 0};
    if (poll(&woken, 1, 0) == 0) sleeps.release();
    poll(&woken, 1, 10'000);
  }

  std::counting_semaphore<> sleeps{0};

 private:
  stack::link::Device& below_;
};

TEST_F(LaneRunnerTest, Rung_WakesOnce_AndSleepsAgain) {
  SleepWatch device(pair_.second());
  stack::lane::Stack stack(monotonic_now(), small_stack(), {}, device);
  LaneRunner runner({stack, device, http_, {}, [] { return 0; }}, {.spin_max = {}}, seconds(3600));
  runner.start({});
  ASSERT_TRUE(device.sleeps.try_acquire_for(seconds(10)));
  runner.ring();
  EXPECT_TRUE(device.sleeps.try_acquire_for(seconds(10)));
  runner.force();
  runner.join();
}

TEST_F(LaneRunnerTest, Settled_HasTakenWhatHadArrived) {
  constexpr std::size_t kFrames = 100;  // More than a burst.
  for (std::size_t i = 0; i < kFrames; ++i) {
    stack::link::Frame frame = pair_.second().arena().allocate();
    frame.append(1)[0] = 0x45;  // The first byte of an IPv4 header and no more.
    ASSERT_EQ(pair_.second().transmit({&frame, 1}), 1U);
  }
  LaneRunner runner(lane(), {}, seconds(3600));
  runner.settle();
  runner.start({});
  EXPECT_TRUE(is_done(runner));
  EXPECT_EQ(stack_.counters().value(stack::base::Event::kFramesIn), kFrames);
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
