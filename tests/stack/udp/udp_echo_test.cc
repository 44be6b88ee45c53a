// Datagrams between two whole stacks, over a wire in memory.

#include "tests/stack/udp/echo.h"

#include <string>

namespace windhover::stack::lane::test {
namespace {

struct Link {
  link::Medium medium;
  bool offloads;
};

class EchoTest : public testing::TestWithParam<Link> {
 protected:
  EchoTest() : both(wire()) {}
  static backends::memory::Config wire() {
    backends::memory::Config config;
    config.medium = GetParam().medium;
    config.gso = config.gather = GetParam().offloads;
    return config;
  }
  TwoStacks both;
};

TEST_P(EchoTest, every_size_comes_back) {
  Echo echo(both);
  AskingEcho asking(both, {kServerAddress, kEchoPort});
  ASSERT_EQ(both.server.bind({{}, kEchoPort}, echo).refusal, udp::Refusal::kNone);
  udp::Socket* const socket = both.client.bind({kClientAddress, 0}, asking).socket;
  ASSERT_NE(socket, nullptr);
  asking.ask(*socket);
  both.run(10s);
  EXPECT_EQ(asking.outcome, udp::Sent::kQueued);
  EXPECT_EQ(asking.answers, AskingEcho::kQuestions);
  EXPECT_TRUE(asking.intact);
  EXPECT_EQ(both.server.counters().value(base::Event::kUdpDatagramsIn), AskingEcho::kQuestions);
  EXPECT_EQ(both.server.counters().value(base::Event::kUdpDatagramsOut), AskingEcho::kQuestions);
  both.expect_accounted();
}

TEST_P(EchoTest, closed_port_is_told_to_the_socket_that_asked) {
  AskingEcho asking(both, {kServerAddress, kEchoPort});
  udp::Socket* const socket = both.client.bind({{}, 0}, asking).socket;
  ASSERT_NE(socket, nullptr);
  asking.ask(*socket);
  both.run(10s);
  EXPECT_EQ(asking.refused, ip::TransportError::Kind::kRefused);
  EXPECT_EQ(both.server.counters().value(base::Drop::kUdpNoSocket), 1U);
  both.expect_accounted();
}

class Counting final : public udp::Receiver {
 public:
  void on_datagram(udp::Socket&, const udp::Datagram&) override { ++count; }
  std::size_t count = 0;
};

TEST_P(EchoTest, burst_beyond_the_queue_is_pushed_back_and_the_rest_arrives) {
  Counting there;
  Counting here;
  both.server.bind({{}, kEchoPort}, there);
  udp::Socket* const socket = both.client.bind({{}, 0}, here).socket;
  const udp::Endpoint remote{kServerAddress, kEchoPort};
  // Once the neighbour is known the transmit queue is what fills.
  socket->send(both.now, remote, {});
  both.run(1s);
  std::size_t queued = 0;
  udp::Sent outcome = udp::Sent::kQueued;
  while (queued < 10'000) {
    outcome = socket->send(both.now, remote, {});
    if (outcome != udp::Sent::kQueued) break;
    ++queued;
  }
  EXPECT_EQ(outcome, udp::Sent::kQueueFull);
  EXPECT_EQ(queued, udp::kQueuedMax);
  both.run(1s);
  EXPECT_EQ(there.count, 1 + udp::kQueuedMax);
  EXPECT_EQ(here.count, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, EchoTest,
                         testing::Values(Link{link::Medium::kIp, false}, Link{link::Medium::kIp, true},
                                         Link{link::Medium::kEthernet, false}),
                         [](const auto& link) {
                           return std::string(link.param.medium == link::Medium::kIp ? "ip" : "ethernet") +
                                  (link.param.offloads ? "_offloads" : "");
                         });

}  // namespace
}  // namespace windhover::stack::lane::test
