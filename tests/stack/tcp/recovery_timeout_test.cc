// The retransmission timeout: what it marks, when it gives up, and what it does not send twice (RFC 6298, RFC 9293
// §3.8.3, RFC 2018 §8).

#include "tests/stack/tcp/recovering.h"

namespace windhover::stack::tcp::test {
namespace {

using Indices = std::vector<std::uint32_t>;

class Timeout : public Recovering {
 protected:
  using Recovering::Recovering;
  /// Lets time pass until a timeout has been counted.
  void wait_for_timeout() {
    const std::uint64_t before = peer.events(Event::kTcpTimeouts);
    for (int count = 0; count < 10000 && peer.events(Event::kTcpTimeouts) == before; ++count) peer.advance(1ms);
    ASSERT_EQ(peer.events(Event::kTcpTimeouts), before + 1);
  }
};

// RFC 2018 §8: the peer reported what it now denies.
TEST_F(Timeout, a_peer_that_reneged_gets_everything_again) {
  ASSERT_EQ(send(5), 5U);
  peer.advance(20ms);
  sack(0, {{1, 5}});
  ASSERT_EQ(indices(), Indices{0});
  peer.advance(20ms);
  sack(1, {});
  EXPECT_EQ(indices(), Indices{}) << "it has said that it holds the rest";
  wait_for_timeout();
  EXPECT_EQ(indices(), Indices{1});
  for (std::uint32_t index = 2; index <= 5; ++index) {
    peer.advance(20ms);
    sack(index, {});
  }
  EXPECT_EQ(indices(), (Indices{2, 3, 4}));
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
}

// RFC 8985 §6.3: only what is old enough to be lost.
TEST_F(Timeout, what_left_just_before_a_timeout_is_not_lost) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(20ms);
  sack(1, {});
  peer.advance(41ms);
  ASSERT_EQ(indices(), Indices{2}) << "the probe";
  peer.advance(195ms);
  ASSERT_EQ(send(1), 1U);
  peer.advance(10ms);
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 1U);
  EXPECT_EQ(indices(), Indices{1});
  peer.advance(15ms);
  sack(4, {});
  EXPECT_EQ(indices(), Indices{});
}

// RFC 6298 5.1, 5.3: what is sent meanwhile does not push the timer back.
TEST_F(Timeout, new_data_does_not_put_the_timeout_off) {
  Scenario scenario = with_sack(false);
  Peer other(scenario);
  App& their = other.establish();
  their.send(text(100));
  other.take_all();
  other.advance(150ms);
  their.send(text(100));
  other.take_all();
  other.advance(45ms);
  other.expect_nothing();
  other.advance(10ms);
  other.expect({.seq = 1});
  other.take_all();
}

// RFC 9293 §3.8.3 R2, in time.
TEST_F(Timeout, silence_beyond_the_time_bound_ends_the_connection) {
  Scenario scenario;
  scenario.tcp.retransmission_time_max = 5s;
  Peer other(scenario);
  App& their = other.establish();
  their.send("data");
  other.advance(5s);
  EXPECT_FALSE(their.closed) << "the first timeout after the bound";
  other.advance(2s);
  EXPECT_EQ(their.closed, CloseReason::kTimedOut);
  other.take_all();
}

// RFC 6298 5.5
TEST_F(Timeout, the_timeout_doubles_up_to_its_bound) {
  Scenario scenario;
  scenario.tcp.rto_max = 1s;
  Peer other(scenario);
  App& their = other.establish();
  their.send("data");
  std::vector<base::Duration> gaps;
  base::Instant last = other.expect({.payload = "data"}).at;
  other.advance(5s);
  for (const Segment& segment : other.take_all()) {
    gaps.push_back(std::chrono::round<std::chrono::milliseconds>(segment.at - last));
    last = segment.at;
  }
  ASSERT_GE(gaps.size(), 5U);
  EXPECT_GE(gaps[1], 395ms);
  EXPECT_GE(gaps[2], 795ms);
  EXPECT_NEAR(static_cast<double>(gaps[3] / 1ms), 1000, 5);
  EXPECT_NEAR(static_cast<double>(gaps[4] / 1ms), 1000, 5);
}

// RFC 9293 §3.8.6: a window that shrinks over what was sent; one that answers is alive.
TEST_F(Timeout, a_window_that_shrank_takes_the_oldest_alone_and_never_ends_the_connection) {
  Scenario scenario = with_sack(true);
  scenario.tcp.retransmissions_max = 3;
  scenario.tcp.rto_max = 1s;
  Peer other(scenario);
  App& their = other.establish();
  their.send(text(3 * kSize));
  ASSERT_EQ(other.take_all().size(), 3U);
  for (int round = 0; round < 400; ++round) {
    other.send({.ack = 1, .window = 0});
    other.advance(50ms);
    for (const Segment& segment : other.take_all()) EXPECT_EQ(segment.seq, 1U);
  }
  EXPECT_FALSE(their.closed);
  other.send({.ack = 1, .window = 0xfff});
  other.advance(900ms);
  other.send({.ack = 1 + 3 * kSize});
  other.take_all();
  EXPECT_EQ(their.connection->unacknowledged(), 0U);
}

// RFC 6298 5.7
TEST(HandshakeTimeout, the_first_timeout_of_data_after_a_lost_syn_ack_is_three_seconds) {
  Peer peer;
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  peer.advance(1100ms);
  peer.expect({.flags = kSynAck});
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().rto, 3s);
  peer.app().send("data");
  peer.expect({.payload = "data"});
  peer.advance(2900ms);
  peer.expect_nothing();
  peer.advance(200ms);
  peer.expect({.payload = "data"});
}

TEST(HandshakeTimeout, the_first_timeout_of_data_after_a_lost_syn_is_three_seconds) {
  Peer peer;
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.advance(1100ms);
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kSynAck, .options = peer.syn_options(), .plain = true});
  EXPECT_EQ(peer.client.connection->info().rto, 3s);
  peer.take_all();
}

/// The device keeps what it is given until it is told otherwise.
class Held : public Timeout {
 protected:
  using Timeout::Timeout;
  std::size_t kept() { return peer.held.size(); }
};

TEST_F(Held, a_timeout_does_not_send_what_has_not_left) {
  peer.holding = true;
  app().connection->send(base::copy_to_heap(base::as_bytes(text(kSize))));
  peer.advance(2s);
  EXPECT_EQ(kept(), 1U);
  EXPECT_GT(peer.events(Event::kTcpRetransmitPostponed), 0U);
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 0U);
  EXPECT_LT(app().connection->info().rto, 400ms) << "nothing is backed off";
  peer.release();
  EXPECT_EQ(indices(), Indices{0});
  sack(1, {});
  EXPECT_EQ(app().connection->info().retransmitted, 0U);
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
}

TEST_F(Held, what_has_left_at_last_and_is_lost_is_sent_again) {
  peer.holding = true;
  app().connection->send(base::copy_to_heap(base::as_bytes(text(kSize))));
  peer.advance(1s);
  peer.release();
  ASSERT_EQ(indices(), Indices{0});
  peer.advance(1s);
  EXPECT_GE(indices().size(), 1U);
}

// RFC 8985 §7: a probe of what has not left would probe nothing.
TEST_F(Held, a_probe_does_not_send_what_has_not_left) {
  peer.holding = true;
  app().connection->send(base::copy_to_heap(base::as_bytes(text(3 * std::size_t{kSize}))));
  peer.advance(100ms);
  EXPECT_EQ(kept(), 3U);
  EXPECT_EQ(peer.events(Event::kTcpTailProbes), 0U);
  EXPECT_GT(peer.events(Event::kTcpRetransmitPostponed), 0U);
  peer.release();
  peer.take_all();
  sack(3, {});
}

// A ring that sends the next before the one: what is found lost waits until it has left.
TEST_F(Held, what_is_found_lost_before_it_has_left_waits) {
  peer.holding = true;
  app().connection->send(base::copy_to_heap(base::as_bytes(text(5 * std::size_t{kSize}))));
  peer.advance(1ms);
  ASSERT_EQ(kept(), 5U);
  link::Frame first = std::move(peer.held.front());
  peer.held.erase(peer.held.begin());
  peer.release();
  ASSERT_EQ(indices(), (Indices{1, 2, 3, 4}));
  peer.advance(20ms);
  sack(0, {{1, 5}});
  peer.advance(50ms);
  EXPECT_EQ(indices(), Indices{});
  EXPECT_GT(peer.events(Event::kTcpRetransmitPostponed), 0U);
  first.reset();  // It has left, and is lost.
  peer.advance(11ms);
  EXPECT_EQ(indices(), Indices{0});
}

// It does not wait for ever.
TEST_F(Held, a_device_that_never_sends_ends_the_connection_in_time) {
  Scenario scenario;
  scenario.tcp.retransmission_time_max = 5s;
  Peer other(scenario);
  App& their = other.establish();
  other.holding = true;
  their.send("data");
  other.advance(4s);
  EXPECT_FALSE(their.closed);
  other.advance(2s);
  EXPECT_EQ(their.closed, CloseReason::kTimedOut);
  other.release();
  other.take_all();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
