// Several lanes that serve one address, with frames that arrive on queues of the wrong lane.

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "stack/lane/exchange.h"
#include "stack/lane/lane.h"
#include "stack/link/steering.h"
#include "tests/stack/lane/fabric.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {
namespace {

using link::Medium;

constexpr std::uint16_t kPort = 80;
constexpr std::uint64_t kStreamSize = 1'000'000;
constexpr std::uint32_t kFlows = 6;

/// A bell of the kernel's, as a server has.
class EventBell final : public Doorbell {
 public:
  ~EventBell() { close(fd_); }
  void ring() override { [[maybe_unused]] const int failed = eventfd_write(fd_, 1); }
  void clear() {
    eventfd_t rung = 0;
    [[maybe_unused]] const int failed = eventfd_read(fd_, &rung);
  }
  int fd() const { return fd_; }

 private:
  int fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
};

/// A stream for each connection, both ways at once.
class Streams final : public tcp::Acceptor {
 public:
  tcp::Handler* accept(tcp::Connection&) override { return &add(); }
  Streamer& add() {
    streams_.push_back(std::make_unique<Streamer>(kStreamSize, streams_.size() % 2 == 0));
    return *streams_.back();
  }
  std::size_t count() const { return streams_.size(); }
  bool all_closed() const {
    return std::ranges::all_of(streams_, [](const auto& stream) { return stream->closed.has_value(); });
  }
  void expect_whole() const {
    for (const auto& stream : streams_) {
      EXPECT_EQ(stream->received, kStreamSize);
      EXPECT_TRUE(stream->intact);
      EXPECT_EQ(stream->closed, tcp::CloseReason::kFinished);
    }
  }

 private:
  std::vector<std::unique_ptr<Streamer>> streams_;
};

Config server_config(const wire::Address& address, std::uint32_t lane) {
  Config config = config_of(address, 2);
  config.ip.answers_neighbours = lane == 0;
  return config;
}

struct Network {
  Medium medium = Medium::kIp;
  bool gso = false;
  wire::Address client = kClientAddress;
  wire::Address server = kServerAddress;
};

/// One client and the lanes, on one clock or on a thread each.
class Lanes {
 public:
  Lanes(std::uint32_t lane_count, const Network& network, Fabric::Steer steer)
      : network_(network),
        fabric_(lane_count, network.medium, network.gso, std::move(steer)),
        exchange_(lane_count, 256 * 1024),
        client_(now, config_of(network.client, 1), keys_of(1), fabric_.client()),
        client_loop_(client_, fabric_.client(), {}) {
    for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
      lanes_.push_back(std::make_unique<Lane>(now, server_config(network.server, lane), lane, fabric_, exchange_));
      exchange_.connect(lane, lanes_.back()->bell);
      lanes_.back()->stack.listen({network.server, kPort}, lanes_.back()->streams);
    }
  }

  void connect(std::uint32_t flows) {
    for (std::uint32_t flow = 0; flow < flows; ++flow)
      ASSERT_NE(client_.connect(now, {network_.server, kPort}, asked.add()), nullptr);
  }

  /// One turn of everyone, except lanes that are held up.
  bool turn() {
    bool moved = client_loop_.turn(now);
    for (auto& lane : lanes_) moved |= !lane->held_up && lane->loop.turn(now);
    now += moved ? 10us : 200us;
    return moved;
  }
  void run() {
    for (const base::Instant end = now + 300s; !finished() && now < end;) turn();
  }
  bool finished() const {
    return asked.all_closed() &&
           std::ranges::all_of(lanes_, [](const auto& lane) { return lane->streams.all_closed(); });
  }

  /// The same on threads and the machine's clock, until the client has finished or `longest` has passed.
  void run_threads(base::Duration longest) {
    const auto clock = [begin = std::chrono::steady_clock::now(), first = now] {
      return first + std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
    };
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (auto& lane : lanes_) threads.emplace_back([&] { lane->run(clock, stop); });
    const base::Instant end = now + longest;
    while (!asked.all_closed() && now < end) {
      now = clock();
      if (!client_loop_.turn(now)) std::this_thread::yield();
    }
    stop = true;
    for (auto& lane : lanes_) lane->bell.ring();
    for (std::thread& thread : threads) thread.join();
    now = std::max(now, clock());
  }

  void expect_whole(std::uint32_t flows) const {
    asked.expect_whole();
    std::size_t accepted = 0;
    for (const auto& lane : lanes_) {
      lane->streams.expect_whole();
      accepted += lane->streams.count();
    }
    EXPECT_EQ(asked.count(), flows);
    EXPECT_EQ(accepted, flows);
  }
  std::uint64_t sum(base::Counter MailStats::*counter) const {
    std::uint64_t total = 0;
    for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) total += (exchange_.stats(lane).*counter).value();
    return total;
  }
  const base::Counters& counters(std::uint32_t lane) const { return lanes_[lane]->stack.counters(); }
  void hold_up(std::uint32_t lane, bool held_up) { lanes_[lane]->held_up = held_up; }

  base::Instant now = base::Instant{} + 1s;
  Streams asked;

 private:
  struct Lane {
    Lane(base::Instant now, const Config& config, std::uint32_t lane, Fabric& fabric, Exchange& exchange)
        : stack(now, config, keys_of(5), fabric.server(lane)),
          loop(stack, fabric.server(lane), {.spin_max = 20us}, &exchange, lane) {}

    void run(const auto& clock, const std::atomic<bool>& stop) {
      while (!stop) {
        const base::Instant at = clock();
        if (!loop.turn(at) && loop.rest(at, bell.fd())) bell.clear();
      }
    }

    EventBell bell;
    Streams streams;
    Stack stack;
    Loop loop;
    bool held_up = false;
  };

  Network network_;
  Fabric fabric_;
  Exchange exchange_;
  Stack client_;
  Loop client_loop_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

/// Where frames arrive that all belong elsewhere, and those for every lane on the last.
Fabric::Steer always_wrong(std::uint32_t lane_count, Medium medium) {
  return [=](base::Bytes frame) {
    const std::uint32_t owner = link::owner_of(frame, medium, lane_count);
    return owner == link::kEveryLane ? lane_count - 1 : (owner + 1) % lane_count;
  };
}

TEST(Lanes, where_queues_agree_nothing_is_posted) {
  Lanes lanes(2, {}, [](base::Bytes frame) { return link::owner_of(frame, Medium::kIp, 2); });
  lanes.connect(kFlows);
  lanes.run();
  lanes.expect_whole(kFlows);
  EXPECT_EQ(lanes.sum(&MailStats::posted), 0U);
}

class EveryCount : public testing::TestWithParam<std::uint32_t> {};

TEST_P(EveryCount, flows_whose_frames_all_arrive_on_wrong_queues_are_served) {
  for (const bool gso : {false, true}) {
    Lanes lanes(GetParam(), {.gso = gso}, always_wrong(GetParam(), Medium::kIp));
    lanes.connect(kFlows);
    lanes.run();
    lanes.expect_whole(kFlows);
    EXPECT_EQ(lanes.sum(&MailStats::received), lanes.sum(&MailStats::posted));
    for (std::uint32_t lane = 0; lane < GetParam(); ++lane)
      EXPECT_EQ(lanes.counters(lane).value(base::Drop::kTcpNoConnection), 0U);
  }
}

TEST_P(EveryCount, flows_are_served_on_one_queue_alone) {
  Lanes lanes(GetParam(), {}, [](base::Bytes) { return 0U; });
  lanes.connect(kFlows);
  lanes.run();
  lanes.expect_whole(kFlows);
}

TEST_P(EveryCount, flows_that_change_their_queue_in_mid_way_stay_whole) {
  const std::uint32_t count = GetParam();
  Lanes lanes(count, {}, [count, sent = 0U](base::Bytes frame) mutable {
    return (link::owner_of(frame, Medium::kIp, count) + ++sent / 100) % count;
  });
  lanes.connect(kFlows);
  lanes.run();
  lanes.expect_whole(kFlows);
  EXPECT_GT(lanes.sum(&MailStats::posted), 500U);
}

TEST_P(EveryCount, threads_serve_flows_on_wrong_and_changing_queues) {
  const std::uint32_t count = GetParam();
  const std::vector<Fabric::Steer> steers = {
      always_wrong(count, Medium::kIp), [count, sent = 0U](base::Bytes frame) mutable {
        return (link::owner_of(frame, Medium::kIp, count) + ++sent / 100) % count;
      }};
  for (const Fabric::Steer& steer : steers) {
    Lanes lanes(count, {}, steer);
    lanes.connect(kFlows);
    lanes.run_threads(120s);
    lanes.run();  // The servers' last acknowledgements may still be on their way.
    lanes.expect_whole(kFlows);
    EXPECT_GT(lanes.sum(&MailStats::posted), 500U);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, EveryCount, testing::Values(2U, 3U, 5U),
                         [](const auto& count) { return "lanes_" + std::to_string(count.param); });

class EveryFamily : public testing::TestWithParam<bool> {
 protected:
  static Network network() {
    if (!GetParam()) return {.medium = Medium::kEthernet};
    return {Medium::kEthernet, false, wire::Address::parse("fd66::1").value(), wire::Address::parse("fd66::2").value()};
  }
};

// Whichever queue brings an answer to a question about a link address, every lane can send.
TEST_P(EveryFamily, what_neighbours_say_reaches_every_lane) {
  for (const std::uint32_t queue : {0U, 1U, 2U}) {
    Lanes lanes(3, network(), [queue](base::Bytes) { return queue; });
    lanes.connect(kFlows);
    lanes.run();
    lanes.expect_whole(kFlows);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, EveryFamily, testing::Bool(),
                         [](const auto& v6) { return std::string(v6.param ? "ndp" : "arp"); });

TEST(Lanes, mail_that_overflows_is_counted_and_tcp_recovers) {
  Lanes lanes(2, {}, [](base::Bytes) { return 0U; });
  lanes.connect(kFlows);
  for (int stall = 0; stall < 20; ++stall) {
    for (int turns = 0; turns < 20; ++turns) lanes.turn();
    lanes.hold_up(1, true);
    for (int turns = 0; turns < 20; ++turns) lanes.turn();
    lanes.hold_up(1, false);
  }
  lanes.run();
  lanes.expect_whole(kFlows);
  EXPECT_GT(lanes.sum(&MailStats::dropped), 0U);
}

TEST(Lanes, stopped_with_mail_inside_leak_nothing) {
  Lanes lanes(2, {}, [](base::Bytes) { return 0U; });
  lanes.connect(kFlows);
  for (int turns = 0; turns < 20; ++turns) lanes.turn();
  lanes.hold_up(1, true);
  for (int turns = 0; turns < 20; ++turns) lanes.turn();
  EXPECT_GT(lanes.sum(&MailStats::posted), lanes.sum(&MailStats::received));
}

TEST(Lanes, threads_stopped_in_the_midst_leak_nothing) {
  Lanes lanes(3, {}, always_wrong(3, Medium::kIp));
  lanes.connect(kFlows);
  lanes.run_threads(3ms);
  EXPECT_FALSE(lanes.finished());
}

}  // namespace
}  // namespace windhover::stack::lane::test
