#include "stack/lane/lane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "backends/memory/pair.h"
#include "stack/link/steering.h"

namespace windhover::stack::lane {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint16_t kPort = 80;
constexpr LoopConfig kNoPolling{.spin_max = base::Duration::zero()};

/// An end of a pair that writes down how long it was told to sleep, and takes nothing while it is blocked.
class Observed final : public link::Device {
 public:
  explicit Observed(link::Device& below) : below_(below) {}

  std::string_view name() const override { return below_.name(); }
  const link::Caps& caps() const override { return below_.caps(); }
  link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(link::Burst& burst) override { return below_.receive(burst); }
  std::size_t transmit(std::span<link::Frame> frames) override { return blocked ? 0 : below_.transmit(frames); }
  bool flush() override { return below_.flush(); }
  void pass(link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(base::Duration longest, int wake_fd) override {
    sleeps.push_back(longest);
    last_wake_fd = wake_fd;
  }
  const link::DeviceStats& stats() const override { return below_.stats(); }

  bool blocked = false;
  std::vector<base::Duration> sleeps;
  int last_wake_fd = -1;

 private:
  link::Device& below_;
};

/// Accepts, and keeps no more than what the tests ask about.
class Peer final : public tcp::Acceptor, public tcp::Handler {
 public:
  tcp::Handler* accept(tcp::Connection& /*connection*/) override { return this; }
  void on_established(tcp::Connection& connection) override {
    ++established;
    open = &connection;
  }
  void on_data(tcp::Connection& /*connection*/, base::Bytes /*bytes*/) override {}
  void on_sendable(tcp::Connection& /*connection*/) override {}
  void on_peer_finished(tcp::Connection& /*connection*/) override {}
  void on_timer(tcp::Connection& /*connection*/) override { ++timers; }
  void on_closed(tcp::Connection& /*connection*/, tcp::CloseReason why) override {
    open = nullptr;
    closed = why;
  }

  int established = 0;
  int timers = 0;
  tcp::Connection* open = nullptr;
  std::optional<tcp::CloseReason> closed;
};

Config config_of(std::string_view address) {
  Config config;
  config.ip.addresses = {{wire::Address::parse(address).value(), 24}};
  config.tcp.connections_max = 16;
  config.tcp.send_blocks = 64;
  config.tcp.send_entries = 64;
  config.tcp.reassembly_blocks = 64;
  config.tcp.time_wait_max = 16;
  return config;
}

class LoopTest : public testing::Test {
 protected:
  LoopTest() { server_.listen({{}, kPort}, served_); }

  void connect() { client_.connect(now_, {wire::Address::parse("10.0.0.1").value(), kPort}, asked_); }
  void turn_both() {
    for (int i = 0; i < 20; ++i) {
      now_ += microseconds(10);
      client_loop_.turn(now_);
      server_loop_.turn(now_);
    }
  }

  base::Instant now_{seconds(1)};
  Peer served_;
  Peer asked_;
  backends::memory::Pair pair_{{}};
  Observed server_device_{pair_.first()};
  Stack server_{now_, config_of("10.0.0.1"), {}, server_device_};
  Stack client_{now_, config_of("10.0.0.2"), {}, pair_.second()};
  Loop server_loop_{server_, server_device_, kNoPolling};
  Loop client_loop_{client_, pair_.second(), kNoPolling};
};

TEST_F(LoopTest, WithNothingToDo_SaysSo) { EXPECT_FALSE(server_loop_.turn(now_)); }

TEST_F(LoopTest, JoinsDeviceAndStack) {
  connect();
  EXPECT_TRUE(client_loop_.turn(now_));
  EXPECT_TRUE(server_loop_.turn(now_));
  turn_both();
  EXPECT_EQ(served_.established, 1);
  EXPECT_EQ(asked_.established, 1);
  EXPECT_FALSE(server_loop_.turn(now_));
}

TEST_F(LoopTest, FiresTimersWhenTheyAreDue_NotBefore) {
  connect();
  turn_both();
  served_.open->set_timer(now_ + milliseconds(50));
  server_loop_.turn(now_ + milliseconds(49));
  EXPECT_EQ(served_.timers, 0);
  server_loop_.turn(now_ + milliseconds(52));
  EXPECT_EQ(served_.timers, 1);
}

TEST_F(LoopTest, AtRestWithNoDeadline_SleepsForTheBound) {
  server_loop_.rest(now_, 42);
  EXPECT_EQ(server_device_.sleeps, std::vector<base::Duration>{Loop::kRestMax});
  EXPECT_EQ(server_device_.last_wake_fd, 42);
}

TEST_F(LoopTest, AtRestWithADeadline_SleepsNoLonger) {
  connect();
  turn_both();
  served_.open->set_timer(now_ + milliseconds(50));
  server_loop_.rest(now_, -1);
  ASSERT_EQ(server_device_.sleeps.size(), 1U);
  EXPECT_GT(server_device_.sleeps[0], milliseconds(0));
  EXPECT_LE(server_device_.sleeps[0], milliseconds(51));
}

TEST_F(LoopTest, WithABlockedDevice_KeepsTheFrames_AndDoesNotSpin) {
  connect();
  client_loop_.turn(now_);
  server_device_.blocked = true;
  server_loop_.turn(now_);
  EXPECT_FALSE(server_loop_.turn(now_));
  server_loop_.rest(now_, -1);
  ASSERT_EQ(server_device_.sleeps.size(), 1U);
  EXPECT_GE(server_device_.sleeps[0], milliseconds(1));
  EXPECT_FALSE(server_loop_.flush(now_));

  server_device_.blocked = false;
  EXPECT_TRUE(server_loop_.turn(now_));
  turn_both();
  EXPECT_EQ(asked_.established, 1);
}

TEST_F(LoopTest, AfterStop_FlushSendsTheResets) {
  connect();
  turn_both();
  server_.stop(now_);
  EXPECT_TRUE(server_loop_.flush(now_));
  EXPECT_EQ(served_.closed, tcp::CloseReason::kStopped);
  client_loop_.turn(now_);
  EXPECT_EQ(asked_.closed, tcp::CloseReason::kPeerReset);
}

/// Rests from `now` on, a turn each microsecond, until the device is told to sleep; returns how long that took.
base::Duration window_of(Loop& loop, Observed& device, base::Instant now) {
  const std::size_t before = device.sleeps.size();
  for (base::Duration passed{}; passed < milliseconds(1); passed += microseconds(1)) {
    const bool slept = loop.rest(now + passed, -1);
    EXPECT_EQ(slept, device.sleeps.size() > before);
    if (slept) return passed;
    EXPECT_FALSE(loop.turn(now + passed));
  }
  return milliseconds(1);
}

class WindowTest : public LoopTest {
 protected:
  /// The peer's next frame arrives at `at`.
  void arrive(base::Instant at) { arrive(loop_, at); }
  void arrive(Loop& loop, base::Instant at) {
    if (asked_.open == nullptr) {
      connect();
    } else {
      asked_.open->send(base::as_bytes("x"));
    }
    ASSERT_TRUE(client_loop_.turn(at));
    ASSERT_TRUE(loop.turn(at));
    client_loop_.turn(at);
    while (loop.turn(at)) client_loop_.turn(at);
  }

  Loop loop_{server_, server_device_, {.spin_max = microseconds(80)}};
};

TEST_F(WindowTest, LastsAsLongAsFramesComeSoon) {
  EXPECT_EQ(window_of(loop_, server_device_, now_), microseconds(80));
  arrive(now_ + milliseconds(2));
  EXPECT_EQ(window_of(loop_, server_device_, now_ + milliseconds(2)), microseconds(40));
  // This one came while the lane would have polled at its best, had it not slept: it polls as long again.
  arrive(now_ + milliseconds(2) + microseconds(75));
  EXPECT_EQ(window_of(loop_, server_device_, now_ + milliseconds(3)), microseconds(80));
}

TEST_F(WindowTest, HalvesWithEachFrameThatComesLate_DownToNothing) {
  base::Instant at = now_;
  std::vector<std::int64_t> windows;
  for (int frame = 0; frame < 9; ++frame) {
    windows.push_back(window_of(loop_, server_device_, at) / microseconds(1));
    at += milliseconds(5);
    arrive(at);
  }
  EXPECT_EQ(windows, (std::vector<std::int64_t>{80, 40, 20, 10, 5, 3, 2, 0, 0}));
}

TEST_F(WindowTest, AFrameThatHadToWakeTheLane_IsNotTakenForLate) {
  base::Instant at = now_;
  while (window_of(loop_, server_device_, at) != base::Duration::zero()) {
    at += milliseconds(5);
    arrive(at);
  }
  at += milliseconds(5);
  arrive(at);
  ASSERT_TRUE(loop_.rest(at, -1));
  at += microseconds(170);
  arrive(at);
  EXPECT_EQ(window_of(loop_, server_device_, at), microseconds(80));
}

TEST_F(WindowTest, OnceAsleepTheLaneStaysSo_UntilSomethingMoves) {
  const base::Instant at = now_ + window_of(loop_, server_device_, now_);
  EXPECT_TRUE(loop_.rest(at + microseconds(1), -1));
  EXPECT_TRUE(loop_.rest(at + seconds(1), -1));
}

TEST_F(WindowTest, TimersFireWhileItPolls) {
  Loop loop(server_, server_device_, {.spin_max = milliseconds(10)});
  connect();
  client_loop_.turn(now_);
  loop.turn(now_);
  client_loop_.turn(now_);
  loop.turn(now_);
  ASSERT_NE(served_.open, nullptr);
  served_.open->set_timer(now_ + milliseconds(5));
  for (base::Duration passed{}; passed < milliseconds(9); passed += microseconds(100)) {
    loop.turn(now_ + passed);
    EXPECT_FALSE(loop.rest(now_ + passed, -1));
    if (passed < milliseconds(5)) {
      EXPECT_EQ(served_.timers, 0);
    }
  }
  EXPECT_EQ(served_.timers, 1);
}

// A request each 25 to 100 microseconds, after a time in which the lane slept at once.
TEST_F(WindowTest, OneBusyConnection_IsServedPolling) {
  for (const base::Duration gap : {microseconds(25), microseconds(60), microseconds(95)}) {
    Loop loop(server_, server_device_, {});
    base::Instant at = now_;
    for (int frame = 0; frame < 10; ++frame) {
      window_of(loop, server_device_, at);
      at += milliseconds(5);
      arrive(loop, at);
    }
    ASSERT_EQ(window_of(loop, server_device_, at), microseconds(0));
    arrive(loop, at += gap + microseconds(80));  // It had to be woken for the first.
    const std::size_t sleeps = server_device_.sleeps.size();
    for (int frame = 0; frame < 100; ++frame) {
      for (base::Duration passed{}; passed < gap; passed += microseconds(1)) loop.rest(at + passed, -1);
      arrive(loop, at += gap);
    }
    EXPECT_EQ(server_device_.sleeps.size(), sleeps);
    now_ = at;
  }
}

TEST_F(WindowTest, WithoutAWindow_ItNeverPolls) {
  Loop loop(server_, server_device_, kNoPolling);
  EXPECT_EQ(window_of(loop, server_device_, now_), microseconds(0));
  connect();
  client_loop_.turn(now_);
  ASSERT_TRUE(loop.turn(now_));
  EXPECT_EQ(window_of(loop, server_device_, now_), microseconds(0));
}

class SilentBell final : public Doorbell {
 public:
  void ring() override {}
};

/// Lane 1 of two. Its frames are shorter than a TCP header: the stack drops them.
class MailTest : public LoopTest {
 protected:
  MailTest() { exchange_.connect(1, bell_); }

  link::Frame frame_for_lane_1() {
    link::Frame frame = pair_.second().arena().allocate();
    const std::uint8_t head[] = {0x45, 0, 0, 24, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0, 0, 0, 80};
    std::ranges::copy(head, frame.append(sizeof head).begin());
    for (std::uint16_t port = 1; link::owner_of(frame.bytes(), link::Medium::kIp, 2) != 1; ++port)
      base::store_be<std::uint16_t>(&frame.bytes()[20], port);
    return frame;
  }
  void post() {
    link::Burst burst;
    burst.push(frame_for_lane_1());
    exchange_.sort(0, link::Medium::kIp, burst);
  }

  SilentBell bell_;
  Exchange exchange_{2, 256 * 1024};
  Loop loop_{server_, server_device_, kNoPolling, &exchange_, 1};
};

TEST_F(MailTest, IsInputLikeFramesOfTheDevice) {
  post();
  EXPECT_TRUE(loop_.turn(now_));
  EXPECT_FALSE(loop_.turn(now_));
  EXPECT_EQ(server_.counters().value(base::Event::kFramesIn), 1U);
}

TEST_F(MailTest, KeepsTheLaneAwake) {
  post();
  EXPECT_FALSE(loop_.rest(now_, -1));
  EXPECT_TRUE(server_device_.sleeps.empty());
  EXPECT_TRUE(loop_.turn(now_));
  EXPECT_TRUE(loop_.rest(now_, -1));
  EXPECT_EQ(server_device_.sleeps.size(), 1U);
}

TEST_F(MailTest, DoesNotWaitForADeviceThatIsNeverEmpty) {
  link::Burst flood;
  while (!flood.full()) flood.push(frame_for_lane_1());
  ASSERT_EQ(pair_.second().transmit(flood.frames()), link::kBurstMax);
  flood.clear();
  post();
  EXPECT_TRUE(loop_.turn(now_));
  EXPECT_EQ(exchange_.stats(1).received.value(), 1U);
  EXPECT_EQ(server_.counters().value(base::Event::kFramesIn), link::kBurstMax + 1);
}

}  // namespace
}  // namespace windhover::stack::lane
