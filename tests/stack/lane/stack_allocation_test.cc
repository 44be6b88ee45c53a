// The packet path does not allocate: memory is taken when a stack is made, and never after.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/stack/lane/counted_new.h"
#include "tests/stack/lane/two_stacks.h"
#include "tests/stack/udp/echo.h"

namespace windhover::stack::lane::test {
namespace {

TEST(Allocation, is_counted) {
  const std::size_t before = allocations();
  const std::vector<int> one(1);
  EXPECT_EQ(allocations(), before + 1);
}

/// Asks again whenever it has the whole answer, a fixed number of times.
class Asking final : public tcp::Handler {
 public:
  void on_established(tcp::Connection& connection) override { ask(connection); }
  void on_data(tcp::Connection& connection, base::Bytes bytes) override {
    received_ += bytes.size();
    if (received_ < kAnswerSize) return;
    received_ = 0;
    if (++answers == kRequests) return connection.shutdown();
    ask(connection);
  }
  void on_sendable(tcp::Connection&) override {}
  void on_peer_finished(tcp::Connection&) override {}
  void on_timer(tcp::Connection&) override {}
  void on_closed(tcp::Connection&, tcp::CloseReason reason) override { closed = reason; }

  static constexpr std::size_t kRequests = 500;
  static constexpr std::size_t kAnswerSize = 200 + 5000;
  std::size_t answers = 0;
  std::optional<tcp::CloseReason> closed;

 private:
  void ask(tcp::Connection& connection) {
    connection.send(base::as_bytes("GET / HTTP/1.1\r\nHost: windhover\r\n\r\n"));
  }
  std::size_t received_ = 0;
};

/// A copied head and a shared body for each request.
class Answering final : public tcp::Handler {
 public:
  Answering() { body_ = base::copy_to_heap(std::vector<std::uint8_t>(5000, 'b')); }
  void on_established(tcp::Connection&) override {}
  void on_data(tcp::Connection& connection, base::Bytes) override {
    static constexpr std::array<std::uint8_t, 200> kHead{};
    connection.cork(true);
    connection.send(kHead);
    connection.send(body_);
    connection.cork(false);
    connection.set_timer(connection.now() + 30s);
  }
  void on_sendable(tcp::Connection&) override {}
  void on_peer_finished(tcp::Connection& connection) override { connection.shutdown(); }
  void on_timer(tcp::Connection&) override {}
  void on_closed(tcp::Connection&, tcp::CloseReason) override {}

 private:
  base::Slice body_;
};

class EveryMedium : public testing::TestWithParam<link::Medium> {
 protected:
  static backends::memory::Config wire(bool offloads) {
    backends::memory::Config config;
    config.medium = GetParam();
    config.gso = config.gather = offloads;
    return config;
  }
};

TEST_P(EveryMedium, requests_and_answers_do_not_allocate) {
  for (const bool offloads : {false, true}) {
    Asking asking;
    Answering answering;
    OneHandler acceptor(answering);
    TwoStacks both(wire(offloads));
    both.server.listen({kServerAddress, 80}, acceptor);
    const std::size_t before = allocations();
    both.client.connect(both.now, {kServerAddress, 80}, asking);
    both.run(120s);
    EXPECT_EQ(allocations() - before, 0U);
    EXPECT_EQ(asking.answers, Asking::kRequests);
    EXPECT_EQ(asking.closed, tcp::CloseReason::kFinished);
  }
}

TEST_P(EveryMedium, bulk_does_not_allocate) {
  for (const bool offloads : {false, true}) {
    for (const bool shared : {false, true}) {
      Streamer client(5'000'000, shared);
      Streamer server(5'000'000, shared);
      OneHandler acceptor(server);
      TwoStacks both(wire(offloads));
      both.server.listen({kServerAddress, 80}, acceptor);
      const std::size_t before = allocations();
      both.client.connect(both.now, {kServerAddress, 80}, client);
      both.run(120s);
      EXPECT_EQ(allocations() - before, 0U);
      EXPECT_EQ(client.received + server.received, 10'000'000U);
    }
  }
}

TEST_P(EveryMedium, datagrams_do_not_allocate) {
  for (const bool offloads : {false, true}) {
    TwoStacks both(wire(offloads));
    Echo echo(both);
    AskingEcho asking(both, {kServerAddress, kEchoPort});
    const std::size_t before = allocations();
    both.server.bind({{}, kEchoPort}, echo);
    asking.ask(*both.client.bind({{}, 0}, asking).socket);
    both.run(10s);
    EXPECT_EQ(allocations() - before, 0U);
    EXPECT_EQ(asking.answers, AskingEcho::kQuestions);
  }
}

// Loss takes the paths that a clean wire never takes: reassembly, recovery, timeouts.
TEST_P(EveryMedium, a_wire_that_is_too_short_does_not_make_it_allocate) {
  backends::memory::Config narrow = wire(false);
  narrow.ring_frames = 8;
  Streamer client(500'000, true);
  Streamer server(500'000, false);
  OneHandler acceptor(server);
  TwoStacks both(narrow);
  both.server.listen({kServerAddress, 80}, acceptor);
  const std::size_t before = allocations();
  both.client.connect(both.now, {kServerAddress, 80}, client);
  both.run(600s);
  EXPECT_EQ(allocations() - before, 0U);
  EXPECT_GT(both.lost, 0U);
  EXPECT_TRUE(client.intact && server.intact);
  EXPECT_EQ(client.received + server.received, 1'000'000U);
  EXPECT_GT(client.out_of_order + server.out_of_order, 0U);
  const auto events = [&](base::Event event) {
    return both.client.counters().value(event) + both.server.counters().value(event);
  };
  EXPECT_GT(events(base::Event::kTcpFastRecoveries), 0U);
  EXPECT_GT(events(base::Event::kTcpRetransmitted), 0U);
  EXPECT_EQ(client.closed, tcp::CloseReason::kFinished);
  EXPECT_EQ(server.closed, tcp::CloseReason::kFinished);
}

/// Opens and says nothing until it is told.
class Opening final : public tcp::Handler {
 public:
  void on_established(tcp::Connection& opened) override { connection = &opened; }
  void on_data(tcp::Connection&, base::Bytes) override {}
  void on_sendable(tcp::Connection&) override {}
  void on_peer_finished(tcp::Connection&) override {}
  void on_timer(tcp::Connection&) override {}
  void on_closed(tcp::Connection&, tcp::CloseReason) override { connection = nullptr; }

  tcp::Connection* connection = nullptr;
};

// More handshakes at once than there is room for: SYN objects, cookies, the count of sources, TIME-WAITs.
TEST_P(EveryMedium, a_crowd_of_handshakes_does_not_allocate) {
  constexpr std::size_t kCrowd = 64;
  TwoStacks both(wire(false), [](Config& config) {
    config.tcp.connections_max = config.tcp.time_wait_max = kCrowd;
    config.tcp.half_open_max = 4;
    config.tcp.connections_per_source_max = kCrowd;
  });
  std::array<Opening, kCrowd> opening;
  Opening answering;
  OneHandler acceptor(answering);
  both.server.listen({kServerAddress, 80}, acceptor);
  const std::size_t before = allocations();
  for (int round = 0; round < 3; ++round) {
    for (Opening& one : opening) both.client.connect(both.now, {kServerAddress, 80}, one);
    both.run(10s);
    for (Opening& one : opening) {
      ASSERT_NE(one.connection, nullptr);
      one.connection->close(1s);
    }
    both.run(200s);
  }
  EXPECT_EQ(allocations() - before, 0U);
  EXPECT_GT(both.server.counters().value(base::Event::kTcpCookiesAccepted), 0U);
  EXPECT_EQ(both.client.closed(tcp::CloseReason::kCloseTimedOut), 3 * kCrowd) << "the server never closes";
  EXPECT_EQ(both.server.connection_count(), 0U);
}

/// Asks now and then, and sleeps in between.
class Visiting final : public tcp::Handler {
 public:
  void on_established(tcp::Connection& connection) override { connection.set_timer(connection.now() + 1s); }
  void on_data(tcp::Connection& connection, base::Bytes bytes) override {
    received_ += bytes.size();
    if (received_ < Asking::kAnswerSize) return;
    received_ = 0;
    if (++answers == kVisits) return connection.shutdown();
    connection.set_timer(connection.now() + 1s);
  }
  void on_sendable(tcp::Connection& connection) override { on_timer(connection); }
  void on_peer_finished(tcp::Connection&) override {}
  void on_timer(tcp::Connection& connection) override { connection.send(base::as_bytes("GET / HTTP/1.1\r\n\r\n")); }
  void on_closed(tcp::Connection&, tcp::CloseReason reason) override { closed = reason; }

  static constexpr std::size_t kVisits = 4;
  std::size_t answers = 0;
  std::optional<tcp::CloseReason> closed;

 private:
  std::size_t received_ = 0;
};

// More connections than may be active at once: they fall asleep, are woken, and wait for room.
TEST_P(EveryMedium, sleeping_and_waking_do_not_allocate) {
  constexpr std::size_t kCrowd = 32;
  TwoStacks both(wire(false), [](Config& config) {
    config.tcp.connections_max = config.tcp.time_wait_max = kCrowd;
    config.tcp.active_max = 4;
  });
  std::array<Visiting, kCrowd> visiting;
  Answering answering;
  OneHandler acceptor(answering);
  both.server.listen({kServerAddress, 80}, acceptor);
  const std::size_t before = allocations();
  for (Visiting& one : visiting) {
    ASSERT_NE(both.client.connect(both.now, {kServerAddress, 80}, one), nullptr);
    both.run(10ms);
  }
  both.run(300s);
  EXPECT_EQ(allocations() - before, 0U);
  for (const Visiting& one : visiting) {
    EXPECT_EQ(one.answers, Visiting::kVisits);
    EXPECT_EQ(one.closed, tcp::CloseReason::kFinished);
  }
  EXPECT_GT(both.client.counters().value(base::Event::kTcpSlept), kCrowd);
  EXPECT_GT(both.server.counters().value(base::Event::kTcpSlept), kCrowd);
}

INSTANTIATE_TEST_SUITE_P(Each, EveryMedium, testing::Values(link::Medium::kIp, link::Medium::kEthernet),
                         [](const auto& medium) {
                           return std::string(medium.param == link::Medium::kIp ? "ip" : "ethernet");
                         });

}  // namespace
}  // namespace windhover::stack::lane::test
