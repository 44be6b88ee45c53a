#include "stack/tcp/window_use.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

constexpr std::uint32_t kSize = 1460;

/// A path of 20 ms, a window that has been opened to forty segments by use.
class WindowUse : public testing::Test {
 protected:
  static Scenario scenario() {
    Scenario scenario;
    scenario.window_scale = 7;
    scenario.sack = true;
    return scenario;
  }
  WindowUse() {
    peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
    peer.expect({.flags = kSynAck});
    peer.advance(20ms);
    peer.send({});
    app().send(text(30 * kSize));
    EXPECT_EQ(peer.take_all().size(), 10U);
  }
  App& app() { return peer.app(); }
  std::uint32_t cwnd() { return app().connection->info().snd_cwnd / kSize; }
  /// Sends as much as that in answer to nothing, and has it acknowledged after 20 ms.
  void respond(std::uint32_t segments) {
    app().send(text(segments * kSize));
    peer.take_all();
    peer.advance(20ms);
    peer.take_all();
    peer.send({});
  }
  Peer peer{scenario()};
};

// RFC 5681 §3.1: what is in use doubles, however many acknowledgements one burst brings.
TEST_F(WindowUse, every_acknowledgement_of_a_window_in_use_counts) {
  peer.advance(20ms);
  for (std::uint32_t count = 1; count <= 10; ++count) peer.send({.ack = 1 + count * kSize});
  EXPECT_EQ(cwnd(), 20U);
  peer.take_all();
}

// All at once, before the stack has had a turn to send: the mark of being in use is not one acknowledgement's.
TEST_F(WindowUse, acknowledgements_that_arrive_together_all_count) {
  peer.advance(20ms);
  link::Burst burst;
  for (std::uint32_t count = 1; count <= 10; ++count) {
    const std::vector<std::uint8_t> packet = peer.wrap(peer.build({.ack = 1 + count * kSize}));
    link::Frame frame = peer.pair.second().arena().allocate();
    std::copy(packet.begin(), packet.end(), frame.append(packet.size()).begin());
    ASSERT_EQ(peer.pair.second().transmit({&frame, 1}), 1U);
  }
  peer.pair.first().receive(burst);
  peer.stack->input(peer.now, burst);
  EXPECT_EQ(cwnd(), 20U);
  EXPECT_EQ(peer.take_all().size(), 20U);
}

// RFC 7661 §4.3
TEST_F(WindowUse, a_window_that_responses_do_not_fill_stops_growing) {
  peer.advance(20ms);
  peer.send({});
  peer.take_all();
  peer.advance(20ms);
  peer.send({});
  const std::uint32_t before = cwnd();
  EXPECT_GE(before, 20U);
  for (int count = 0; count < 8; ++count) respond(3);
  EXPECT_LE(cwnd(), before);
}

// RFC 7661 §4.4, RFC 2861: after an RTO of little use, half of what is not used goes; never below the initial window.
TEST_F(WindowUse, a_window_that_is_little_used_shrinks_towards_the_initial_one) {
  peer.advance(20ms);
  peer.send({});
  peer.take_all();
  peer.advance(20ms);
  peer.send({});
  const std::uint32_t before = cwnd();
  for (int count = 0; count < 10; ++count) respond(2);  // 200 ms, which is the RTO.
  EXPECT_GT(cwnd(), 10U);
  for (int count = 0; count < 12; ++count) respond(2);
  EXPECT_LE(cwnd(), (before + 10) / 2 + 1);
  for (int count = 0; count < 200; ++count) respond(2);
  EXPECT_GE(cwnd(), 10U);
  EXPECT_LE(cwnd(), 11U);
}

// RFC 5681 §4.1 as RFC 2861 has it.
TEST_F(WindowUse, a_connection_that_was_idle_begins_with_less) {
  for (int count = 0; count < 2; ++count) {
    peer.advance(20ms);
    peer.send({});
    peer.take_all();
  }
  peer.advance(20ms);
  peer.send({});
  const std::uint32_t before = cwnd();
  ASSERT_GE(before, 20U);
  peer.advance(150ms);
  app().send(text(50 * kSize));
  EXPECT_EQ(peer.take_all().size(), before);  // Not yet an RTO.
  peer.advance(20ms);
  peer.send({});
  peer.take_all();
  peer.advance(20ms);
  peer.send({});
  peer.advance(10s);
  app().send(text(50 * kSize));
  EXPECT_EQ(peer.take_all().size(), 10U);
  peer.send({});
  peer.take_all();
}

// RFC 6928 §2: not for one lost SYN-ACK, which is common, but for two.
TEST(InitialWindow, is_one_segment_after_two_lost_syn_acks) {
  for (const std::uint32_t lost : {0U, 1U, 2U}) {
    Peer peer;
    peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
    peer.expect({.flags = kSynAck});
    for (std::uint32_t count = 0; count < lost; ++count) {
      peer.advance(1s * (1 << count));
      peer.expect({.flags = kSynAck});
    }
    peer.send({});
    peer.app().send(text(30 * kSize));
    EXPECT_EQ(peer.take_all().size(), lost < 2 ? 10U : 1U) << lost;
  }
}

TEST(InitialWindow, is_one_segment_after_two_lost_syns) {
  for (const std::uint32_t lost : {1U, 2U}) {
    Peer peer;
    peer.connect();
    peer.expect({.flags = kTcpSyn});
    for (std::uint32_t count = 0; count < lost; ++count) {
      peer.advance(1s * (1 << count));
      peer.expect({.flags = kTcpSyn});
    }
    peer.send({.flags = kSynAck, .options = peer.syn_options(), .plain = true});
    peer.expect({.flags = kTcpAck});
    peer.client.send(text(30 * kSize));
    EXPECT_EQ(peer.take_all().size(), lost < 2 ? 10U : 1U) << lost;
  }
}

}  // namespace
}  // namespace windhover::stack::tcp::test
