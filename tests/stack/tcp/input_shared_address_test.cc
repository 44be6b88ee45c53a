// Connections on an address that the host keeps: what the stack sends goes to the link address that the peer's segments
// come from (ip::Config::reply_to_sender).

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

constexpr wire::MacAddress kRouter{{0x02, 0, 0, 0, 0, 0x01}};
constexpr wire::MacAddress kOtherRouter{{0x02, 0, 0, 0, 0, 0x66}};

class Shared : public testing::TestWithParam<bool> {
 protected:
  static Scenario scenario() {
    Scenario scenario;
    scenario.shared = true;
    scenario.v6 = GetParam();
    return scenario;
  }
  /// From nowhere near us: without a gateway only the link address shows the way.
  Shared() { peer.remote.address = wire::Address::parse(GetParam() ? "2001:db8::7" : "192.0.2.7").value(); }

  Peer peer{scenario()};
};

INSTANTIATE_TEST_SUITE_P(Families, Shared, testing::Bool(),
                         [](const auto& family) { return family.param ? "v6" : "v4"; });

TEST_P(Shared, connection_answers_the_link_address_it_was_opened_from) {
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, kRouter);
  peer.send({});
  peer.app().send("hello");
  EXPECT_EQ(peer.expect({.payload = "hello"}).to, kRouter);
}

TEST_P(Shared, acceptable_segment_moves_the_connection_to_another_router) {
  App& app = peer.establish();
  peer.mac = kOtherRouter;
  peer.send({.flags = kPshAck, .payload = "question"});
  app.send("answer");
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 9, .size = 0}).to, kOtherRouter);
  EXPECT_EQ(peer.expect({.payload = "answer"}).to, kOtherRouter);
  peer.advance(3s);  // And so does what is sent again.
  for (const Segment& segment : peer.take_all()) EXPECT_EQ(segment.to, kOtherRouter);
}

TEST_P(Shared, segment_that_is_not_acceptable_moves_nothing) {
  App& app = peer.establish();
  peer.mac = kOtherRouter;
  peer.send({.seq = 0x10000000});  // Far beyond the window.
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 1}).to, kRouter);
  peer.advance(500ms);                       // Answers of this kind are rare.
  peer.send({.seq = 1, .ack = 0x10000000});  // Acknowledges what was never sent.
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 1}).to, kRouter);
  peer.advance(500ms);
  peer.send({.flags = kTcpRst, .seq = 2});  // In the window, and not what is next.
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 1}).to, kRouter);
  peer.advance(500ms);
  peer.send({.flags = kTcpSyn, .seq = 2});
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 1}).to, kRouter);
  app.send("answer");
  EXPECT_EQ(peer.expect({.payload = "answer"}).to, kRouter);
}

TEST_P(Shared, repetition_of_what_we_have_moves_the_connection_for_its_acknowledgement_was_lost) {
  peer.establish();
  peer.send({.flags = kPshAck, .payload = "question"});
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 9}).to, kRouter);
  peer.mac = kOtherRouter;
  peer.send({.flags = kPshAck, .seq = 1, .payload = "question"});
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 9}).to, kOtherRouter);
}

TEST_P(Shared, syn_ack_goes_again_to_where_the_syn_came_from_again) {
  const Out syn{.flags = kTcpSyn, .seq = 0, .options = peer.syn_options(), .plain = true};
  peer.send(syn);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, kRouter);
  peer.mac = kOtherRouter;
  peer.send(syn);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, kOtherRouter);
  peer.advance(1s);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, kOtherRouter);
}

TEST_P(Shared, reset_answers_the_segment_s_own_link_address) {
  peer.mac = kOtherRouter;
  peer.send({.seq = 5, .ack = 7});
  EXPECT_EQ(peer.expect({.flags = kTcpRst}).to, kOtherRouter);
  peer.mac = kRouter;
  peer.local.port = 81;
  peer.send({.flags = kTcpSyn, .seq = 5});
  EXPECT_EQ(peer.expect({.flags = kRstAck}).to, kRouter);
}

TEST_P(Shared, time_wait_answers_the_segment_s_own_link_address) {
  App& app = peer.establish();
  app.connection->shutdown();
  peer.expect({.flags = kFinAck, .seq = 1});
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .ack = 2});
  ASSERT_EQ(peer.stack->time_wait_count(), 1U);
  peer.mac = kOtherRouter;
  peer.send({.flags = kFinAck, .seq = 1});
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .ack = 2}).to, kOtherRouter);
}

TEST_P(Shared, connection_of_our_own_has_no_route) {
  EXPECT_EQ(peer.stack->connect(peer.now, peer.remote, peer.client), nullptr);
  peer.expect_nothing();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
