#include "stack/lane/stack.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "stack/wire/icmpv4.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/protocol.h"
#include "stack/wire/udp.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {
namespace {

using base::Drop;
using base::Event;

struct Wire {
  const char* name;
  link::Medium medium = link::Medium::kIp;
  bool partial_checksum = false;
  bool gso = false;
  bool gather = false;
};

class EveryWire : public testing::TestWithParam<std::tuple<Wire, bool>> {
 protected:
  static backends::memory::Config config() {
    const Wire& wire = std::get<0>(GetParam());
    backends::memory::Config config;
    config.medium = wire.medium;
    config.partial_checksum = wire.partial_checksum;
    config.gso = wire.gso;
    config.gather = wire.gather;
    return config;
  }
  static bool shared() { return std::get<1>(GetParam()); }
};

TEST_P(EveryWire, two_stacks_exchange_streams_and_part) {
  Streamer client(1'000'003, shared());
  Streamer server(700'001, shared());
  OneHandler acceptor(server);
  TwoStacks both(config());
  both.server.listen({kServerAddress, 80}, acceptor);
  ASSERT_NE(both.client.connect(both.now, {kServerAddress, 80}, client), nullptr);
  both.run(10s);
  EXPECT_EQ(client.received, 700'001U);
  EXPECT_EQ(server.received, 1'000'003U);
  EXPECT_TRUE(client.intact && server.intact);
  EXPECT_EQ(client.closed, tcp::CloseReason::kFinished);
  EXPECT_EQ(server.closed, tcp::CloseReason::kFinished);
  EXPECT_EQ(both.client.connection_count() + both.server.connection_count(), 0U);
  EXPECT_EQ(both.client.counters().value(Event::kTcpRetransmitted), 0U);
  both.run(61s);
  EXPECT_EQ(both.client.time_wait_count() + both.server.time_wait_count(), 0U);
  both.expect_accounted();
}

INSTANTIATE_TEST_SUITE_P(
    Each, EveryWire,
    testing::Combine(testing::Values(Wire{"tun"}, Wire{"tun_offloads", link::Medium::kIp, true, true, true},
                                     Wire{"ethernet", link::Medium::kEthernet},
                                     Wire{"ethernet_checksum", link::Medium::kEthernet, true},
                                     Wire{"ethernet_offloads", link::Medium::kEthernet, true, true, true},
                                     Wire{"gather", link::Medium::kIp, false, false, true}),
                     testing::Bool()),
    [](const auto& wire) {
      return std::string(std::get<0>(wire.param).name) + (std::get<1>(wire.param) ? "_shared" : "_copied");
    });

/// Puts a packet onto the server's wire and lets it answer; returns the answers.
std::vector<std::vector<std::uint8_t>> answers(TwoStacks& both, base::Bytes packet) {
  link::Frame frame = both.pair.first().arena().allocate();
  const base::MutableBytes to = frame.append(packet.size());
  std::copy(packet.begin(), packet.end(), to.begin());
  EXPECT_EQ(both.pair.first().transmit({&frame, 1}), 1U);
  both.step(both.server, both.pair.second());
  link::Burst burst;
  both.pair.first().receive(burst);
  std::vector<std::vector<std::uint8_t>> result;
  for (link::Frame& answer : burst.frames()) result.emplace_back(answer.bytes().begin(), answer.bytes().end());
  burst.clear();
  both.expect_accounted();
  return result;
}

std::vector<std::uint8_t> packet_to_server(std::uint8_t protocol, base::Bytes payload) {
  std::vector<std::uint8_t> packet(20 + payload.size());
  wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(payload.size()),
                   .protocol = protocol,
                   .source = kClientAddress,
                   .destination = kServerAddress}
      .write(packet);
  std::copy(payload.begin(), payload.end(), packet.begin() + 20);
  return packet;
}

TEST(Stack, echo_is_answered) {
  TwoStacks both({});
  std::vector<std::uint8_t> ping(16);
  wire::Icmpv4Header{wire::Icmpv4Type::kEchoRequest, 0, 0x00010002}.write(ping);
  const auto sent = answers(both, packet_to_server(wire::kProtocolIcmpv4, ping));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0][20], 0) << "an echo reply";
  EXPECT_EQ(both.server.counters().value(Event::kEchoReplies), 1U);
}

TEST(Stack, a_datagram_that_no_socket_wants_is_refused) {
  TwoStacks both({});
  const std::vector<std::uint8_t> datagram{0x10, 0x00, 0x20, 0x00, 0, 8, 0, 0};
  const auto sent = answers(both, packet_to_server(wire::kProtocolUdp, datagram));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0][20], 3) << "unreachable";
  EXPECT_EQ(both.server.counters().value(Drop::kUdpNoSocket), 1U);
}

TEST(Stack, an_unknown_protocol_is_refused) {
  TwoStacks both({});
  const std::vector<std::uint8_t> payload(8);
  EXPECT_EQ(answers(both, packet_to_server(132, payload)).size(), 1U);
  EXPECT_EQ(both.server.counters().value(Drop::kUnknownProtocol), 1U);
}

TEST(Stack, a_frame_for_others_is_handed_back_to_the_device) {
  TwoStacks both({});
  std::vector<std::uint8_t> packet = packet_to_server(wire::kProtocolUdp, std::vector<std::uint8_t>(8));
  base::store_be(&packet[16], std::uint32_t{0xe0000001});
  base::store_be(&packet[10], std::uint16_t{0});
  base::store_be(&packet[10], wire::sum(base::Bytes(packet).first(20)).finish());
  EXPECT_TRUE(answers(both, packet).empty());
  EXPECT_EQ(both.server.counters().value(Event::kFramesPassed), 1U);
  EXPECT_EQ(both.pair.second().stats().passed_frames, 1U);
}

TEST(Stack, idle_has_no_deadline_and_a_connection_in_flight_has_one) {
  Streamer client(10, false);
  TwoStacks both({});
  EXPECT_EQ(both.client.next_deadline(), base::kNever);
  both.client.connect(both.now, {kServerAddress, 80}, client);
  EXPECT_LE(both.client.next_deadline(), both.now) << "the SYN waits to be taken";
  link::Burst burst;
  both.client.output(both.now, burst);
  EXPECT_EQ(burst.size(), 1U);
  EXPECT_GT(both.client.next_deadline(), both.now);
  EXPECT_LE(both.client.next_deadline(), both.now + 1s);
}

TEST(Stack, takes_its_memory_at_construction) {
  TwoStacks both({});
  EXPECT_GT(both.server.memory_size(), 512U * 2048 * 2);
}

TEST(Stack, stop_ends_connections_and_says_goodbye) {
  Streamer client(50'000'000, true);
  Streamer server(0, true);
  OneHandler acceptor(server);
  TwoStacks both({});
  both.server.listen({kServerAddress, 80}, acceptor);
  both.client.connect(both.now, {kServerAddress, 80}, client);
  for (int turn = 0; turn < 20; ++turn) {
    both.step(both.client, both.pair.first());
    both.step(both.server, both.pair.second());
  }
  both.client.stop(both.now);
  EXPECT_EQ(client.closed, tcp::CloseReason::kStopped);
  EXPECT_EQ(both.client.closed(tcp::CloseReason::kStopped), 1U);
  both.run(1s);
  EXPECT_EQ(server.closed, tcp::CloseReason::kPeerReset);
}

// Frames may refer to the stack's own blocks: wherever they wait, destruction finds them.
/// Answers the end of its connection with another attempt.
class Persistent final : public tcp::Handler {
 public:
  explicit Persistent(Stack& stack) : stack_(stack) {}
  void on_established(tcp::Connection&) override {}
  void on_data(tcp::Connection&, base::Bytes) override {}
  void on_sendable(tcp::Connection&) override {}
  void on_peer_finished(tcp::Connection&) override {}
  void on_timer(tcp::Connection&) override {}
  void on_closed(tcp::Connection& connection, tcp::CloseReason) override {
    ++ends;
    again = stack_.connect(connection.now(), {kServerAddress, 80}, *this);
  }

  int ends = 0;
  tcp::Connection* again = nullptr;

 private:
  Stack& stack_;
};

TEST(Stack, stop_lets_nothing_begin_from_the_last_event_of_another) {
  backends::memory::Pair pair({});
  Stack stack(base::Instant{}, config_of(kClientAddress, 1), keys_of(1), pair.first());
  Persistent handler(stack);
  ASSERT_NE(stack.connect(base::Instant{}, {kServerAddress, 80}, handler), nullptr);
  stack.stop(base::Instant{});
  EXPECT_EQ(handler.ends, 1);
  EXPECT_EQ(handler.again, nullptr);
  EXPECT_EQ(stack.connection_count(), 0U);
}

TEST(Stack, may_be_destroyed_with_everything_in_flight) {
  for (const link::Medium medium : {link::Medium::kIp, link::Medium::kEthernet}) {
    backends::memory::Config wire;
    wire.medium = medium;
    wire.gather = true;
    Streamer client(500'000, false);
    Streamer server(500'000, false);
    OneHandler acceptor(server);
    TwoStacks both(wire);
    both.server.listen({kServerAddress, 80}, acceptor);
    both.client.connect(both.now, {kServerAddress, 80}, client);
    // One frame at a time leaves, so that those that carry data wait inside.
    const auto waiting = [&] {
      return both.client.counters().value(Event::kTcpEstablished) == 1 && both.client.next_deadline() <= both.now;
    };
    for (int turn = 0; turn < 20 && !waiting(); ++turn) {
      both.step(both.server, both.pair.second());
      link::Burst arrived;
      both.pair.first().receive(arrived);
      both.client.input(both.now, arrived);
      link::Burst nearly_full;
      while (nearly_full.room() > 1) nearly_full.push({});
      both.client.output(both.now, nearly_full);
      if (nearly_full.full()) both.pair.first().transmit(nearly_full.frames().last(1));
      nearly_full.clear();
    }
    EXPECT_TRUE(waiting());
  }
}

}  // namespace
}  // namespace windhover::stack::lane::test
