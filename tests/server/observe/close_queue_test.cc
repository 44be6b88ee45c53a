#include "server/observe/close_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backends/memory/pair.h"
#include "stack/lane/stack.h"

namespace windhover::server::observe {
namespace {

using stack::base::Instant;
using stack::tcp::CloseReason;
using stack::tcp::FlightEventKind;
using stack::wire::Address;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kServer = 0x0a420002;
constexpr std::uint32_t kClient = 0x0a420001;
constexpr std::size_t kLarge = 1 << 20;

/// One side of a connection, which does nothing by itself.
struct Side final : stack::tcp::Handler {
  void on_established(stack::tcp::Connection& established) override { connection = &established; }
  void on_data(stack::tcp::Connection&, stack::base::Bytes) override {}
  void on_sendable(stack::tcp::Connection&) override {}
  void on_peer_finished(stack::tcp::Connection& ending) override { ending.shutdown(); }
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection&, CloseReason) override { connection = nullptr; }

  stack::tcp::Connection* connection = nullptr;
};

struct Listener final : stack::tcp::Acceptor {
  explicit Listener(Side& side_in) : side(side_in) {}
  stack::tcp::Handler* accept(stack::tcp::Connection&) override { return &side; }
  Side& side;
};

/// A connection between two stacks; the queue hears of the server's.
class CloseQueueTest : public testing::Test {
 protected:
  static stack::lane::Config config(std::uint32_t address) {
    stack::lane::Config made;
    made.ip.addresses = {{Address::v4(address), 24}};
    made.tcp.connections_max = 4;
    made.tcp.user_timeout = seconds(5);
    return made;
  }

  CloseQueueTest() {
    server_.set_close_observer(&queue_);
    server_.listen({{}, 80}, listener_);
    client_.connect(now_, {Address::v4(kServer), 80}, client_side_);
    settle();
    EXPECT_NE(server_side_.connection, nullptr);
  }
  ~CloseQueueTest() override {
    client_.stop(now_);
    server_.stop(now_);
    CloseReport report;
    EXPECT_FALSE(queue_.pop(report));
  }

  bool move(stack::lane::Stack& machine, stack::link::Device& device) {
    stack::link::Burst burst;
    bool moved = device.receive(burst) > 0;
    machine.input(now_, burst);
    machine.advance(now_);
    machine.output(now_, burst);
    moved = moved || !burst.empty();
    burst.drop_front(cut_ ? burst.size() : device.transmit(burst.frames()));
    return moved;
  }
  void settle() {
    while (move(server_, pair_.first()) || move(client_, pair_.second())) {
    }
  }
  void advance(stack::base::Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += milliseconds(10)) settle();
  }

  Instant now_{seconds(1000)};
  bool cut_ = false;  // Frames are lost.
  backends::memory::Pair pair_{{}};
  CloseQueue queue_;
  Side server_side_;
  Side client_side_;
  Listener listener_{server_side_};
  stack::lane::Stack server_{now_, config(kServer), {}, pair_.first()};
  stack::lane::Stack client_{now_, config(kClient), {}, pair_.second()};
};

TEST_F(CloseQueueTest, an_orderly_end_is_not_reported) {
  client_side_.connection->shutdown();
  advance(seconds(1));
  EXPECT_EQ(server_side_.connection, nullptr);
}

TEST_F(CloseQueueTest, a_peer_that_resets_is_reported_with_what_it_did) {
  advance(milliseconds(20));
  client_side_.connection->send(stack::base::as_bytes("GET"));
  settle();
  client_side_.connection->abort();
  settle();
  CloseReport report;
  ASSERT_TRUE(queue_.pop(report));
  EXPECT_EQ(report.reason, CloseReason::kPeerReset);
  EXPECT_EQ(report.info.bytes_received, 3U);
  const std::string text = to_string(report, kLarge);
  EXPECT_TRUE(text.starts_with("10.66.0.2:80 from 10.66.0.1:")) << text;
  EXPECT_NE(text.find(" ended: peer_reset\n  ESTABLISHED cubic open ts sack "), std::string::npos) << text;
  EXPECT_NE(text.find(" bytes_received:3 "), std::string::npos) << text;
  EXPECT_NE(text.find("\n  +0.000000 "), std::string::npos) << text;
  EXPECT_NE(text.find(" < P 1:4 ack 1 "), std::string::npos) << text;
  EXPECT_NE(text.find(" < R 4 "), std::string::npos) << text;
  EXPECT_NE(text.back(), '\n');
}

TEST_F(CloseQueueTest, a_peer_that_vanishes_is_reported_with_what_was_tried) {
  cut_ = true;
  server_side_.connection->send(stack::base::as_bytes("answer"));
  advance(milliseconds(4900));
  CloseReport report;
  EXPECT_FALSE(queue_.pop(report));
  advance(seconds(2));
  ASSERT_TRUE(queue_.pop(report));
  EXPECT_EQ(report.reason, CloseReason::kUserTimedOut);
  const std::string text = to_string(report, kLarge);
  EXPECT_NE(text.find(" unacked:6 "), std::string::npos) << text;
  EXPECT_NE(text.find(" timeout outstanding 6 "), std::string::npos) << text;
  EXPECT_NE(text.find(" > P 1:7 ack 1 "), std::string::npos) << text;
}

TEST(CloseReport, without_events_says_so) {
  EXPECT_TRUE(to_string(CloseReport{}, kLarge).ends_with("\n  (nothing was recorded)"));
}

TEST(CloseReport, that_would_be_too_long_keeps_the_last_events) {
  CloseReport report;
  report.recording.count = stack::tcp::Recording::kEventsMax;
  std::uint32_t number = 4'000'000'000;
  for (auto& event : report.recording.events) {
    event.kind = FlightEventKind::kSegmentIn;
    event.first = number++;
    event.second = event.first;
    event.length = 65000;
  }
  const std::string whole = to_string(report, kLarge);
  EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 65);
  const std::string cut = to_string(report, 2048);
  EXPECT_LE(cut.size(), 2048U);
  EXPECT_GT(cut.size(), 1900U);
  EXPECT_NE(cut.find("\n  (earlier events are left out)\n  +"), std::string::npos);
  EXPECT_EQ(cut.substr(cut.rfind('\n')), whole.substr(whole.rfind('\n')));
  EXPECT_EQ(to_string(report, whole.size() + 64), whole);
}

TEST(CloseReport, of_any_connection_has_room_for_its_figures) {
  CloseReport report;
  auto& info = report.info;
  info.local = info.remote = {Address::parse("2001:db8:1111:2222:3333:4444:5555:6666").value(), 65535};
  info.state = "SYN-RECEIVED";
  info.congestion_control = "newreno";
  info.ca_state = "recovery";
  info.timestamps = info.sack = info.ecn = info.window_scaling = true;
  info.rto = info.srtt = info.rttvar = info.last_data_sent = info.last_received = info.last_data_received =
      stack::base::Duration::max();
  for (std::uint32_t* figure :
       {&info.snd_mss, &info.rcv_mss, &info.pmtu, &info.snd_cwnd, &info.snd_ssthresh, &info.snd_wnd, &info.unacked,
        &info.sacked, &info.lost, &info.rcv_wnd, &info.rcv_ooopack, &info.rcv_waiting}) {
    *figure = UINT32_MAX;
  }
  for (std::uint64_t* figure : {&info.bytes_sent, &info.bytes_acked, &info.segments_sent, &info.retransmitted,
                                &info.notsent, &info.bytes_received, &info.segments_received}) {
    *figure = UINT64_MAX;
  }
  report.recording.count = 1;
  EXPECT_LE(to_string(report, 2048).size(), 2048U);
}

TEST(CloseQueue, what_there_is_no_room_for_is_counted_once) {
  CloseQueue queue;
  EXPECT_EQ(queue.take_missed(), 0U);
  for (std::size_t i = 0; i < CloseQueue::kReportsMax; ++i) queue.on_abnormal_close({}, CloseReason::kAborted, {});
  EXPECT_EQ(queue.take_missed(), 0U);
  queue.on_abnormal_close({}, CloseReason::kTimedOut, {});
  EXPECT_EQ(queue.take_missed(), 1U);
  EXPECT_EQ(queue.take_missed(), 0U);
  CloseReport report;
  for (std::size_t i = 0; i < CloseQueue::kReportsMax; ++i) {
    ASSERT_TRUE(queue.pop(report));
    EXPECT_EQ(report.reason, CloseReason::kAborted);
  }
  EXPECT_FALSE(queue.pop(report));
}

}  // namespace
}  // namespace windhover::server::observe
