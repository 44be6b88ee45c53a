// RFC 8985: what RACK learns from D-SACKs and from what was sent twice, the tail loss probe, and the pipe.

#include "tests/stack/tcp/recovering.h"

namespace windhover::stack::tcp::test {
namespace {

using Indices = std::vector<std::uint32_t>;

class Rack : public Recovering {
 protected:
  using Recovering::Recovering;
  /// Segments first and first + 1 are sent, the second arrives; returns how long the first is waited for, in ms.
  int patience(std::uint32_t first) {
    EXPECT_EQ(send(2), 2U);
    peer.advance(20ms);
    sack(first, {{first + 1, first + 2}});
    int waited = 0;
    for (; indices().empty() && waited < 1000; ++waited) peer.advance(1ms);
    peer.advance(20ms);
    sack(first + 2, {});
    peer.take_all();
    return waited;
  }
};

// RFC 8985 §6.2 step 4
TEST_F(Rack, a_round_trip_with_a_dsack_widens_the_reordering_window_once) {
  EXPECT_NEAR(patience(0), 5, 1);
  ASSERT_EQ(send(1), 1U);
  dsack(2, 0, 1);
  dsack(2, 1, 2);
  peer.advance(20ms);
  sack(3, {});
  EXPECT_NEAR(patience(3), 10, 1);
  dsack(5, 4, 5);
  EXPECT_NEAR(patience(5), 15, 1);
}

TEST_F(Rack, sixteen_recoveries_without_dsack_narrow_it_again) {
  ASSERT_EQ(send(1), 1U);
  peer.advance(20ms);
  sack(1, {});
  dsack(1, 0, 1);
  for (std::uint32_t count = 0; count < 16; ++count) EXPECT_NEAR(patience(1 + 2 * count), 10, 1) << count;
  EXPECT_NEAR(patience(33), 5, 1);
}

// RFC 2883 §4: the first block lies inside the second.
TEST_F(Rack, a_duplicate_of_what_is_still_out_of_order_is_a_dsack) {
  ASSERT_EQ(send(4), 4U);
  peer.advance(20ms);
  sack(0, {{1, 2}, {1, 3}});
  sack(4, {});
  EXPECT_NEAR(patience(4), 10, 1);
}

// RFC 2883 §4: compared with the acknowledgement of the same segment.
TEST_F(Rack, an_old_report_that_comes_late_is_no_dsack) {
  ASSERT_EQ(send(4), 4U);
  peer.advance(20ms);
  sack(4, {});
  sack(1, {{2, 3}});
  EXPECT_NEAR(patience(4), 5, 1);
}

// RFC 8985 §6.2 step 5: whatever was sent earlier than something that has arrived.
TEST_F(Rack, a_retransmission_that_is_lost_is_found_by_what_left_after_it) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  sack(0, {{1, 4}});
  EXPECT_EQ(indices().front(), 0U);
  peer.advance(1ms);
  sack(0, {{1, 10}});
  const Indices fresh = indices();
  ASSERT_FALSE(fresh.empty());
  EXPECT_EQ(fresh.front(), 10U);
  peer.advance(15ms);
  EXPECT_EQ(indices(), Indices{});
  peer.advance(5ms);
  sack(0, {{1, 11}});
  EXPECT_EQ(indices().front(), 0U);
}

// RFC 8985 §6.2 step 2: quicker than any round trip has been, so for the first transmission.
TEST_F(Rack, an_acknowledgement_too_quick_for_the_probe_says_nothing_of_time) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(41ms);
  ASSERT_EQ(indices(), Indices{2});
  peer.advance(5ms);
  sack(0, {{2, 3}});
  peer.advance(15ms);
  EXPECT_EQ(indices(), Indices{});
}

class RackWithTimestamps : public Rack {
 protected:
  RackWithTimestamps() : Rack(with_timestamps()) {}
  static Scenario with_timestamps() {
    Scenario scenario = with_sack(true);
    scenario.timestamps = true;
    scenario.wire.mtu = 9000;
    scenario.mss = kSize + 12;
    return scenario;
  }
};

// RFC 8985 §6.2 step 2: TSecr tells which transmission it was.
TEST_F(RackWithTimestamps, an_echo_from_before_the_probe_is_not_the_probes) {
  ASSERT_EQ(send(3), 3U);
  const std::uint32_t first = peer.ts_echo;
  peer.advance(41ms);
  ASSERT_EQ(indices(), Indices{2});
  peer.advance(30ms);
  peer.ts_echo = first;
  sack(0, {{2, 3}});
  peer.advance(15ms);
  EXPECT_EQ(indices(), Indices{});
}

TEST_F(RackWithTimestamps, an_echo_of_the_probe_is) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(41ms);
  ASSERT_EQ(indices(), Indices{2});
  peer.advance(30ms);
  sack(0, {{2, 3}});
  peer.advance(15ms);
  EXPECT_EQ(indices(), Indices{0});
}

// RFC 8985 §7.3: after the probe, the timeout.
TEST_F(Rack, one_probe_precedes_the_timeout) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(39ms);
  EXPECT_EQ(indices(), Indices{});
  peer.advance(2ms);
  EXPECT_EQ(indices(), Indices{2});
  EXPECT_EQ(peer.events(Event::kTcpTailProbes), 1U);
  peer.advance(197ms);
  EXPECT_EQ(indices(), Indices{});
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 0U);
  peer.advance(6ms);
  EXPECT_EQ(indices(), Indices{0});
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 1U);
}

// Not in RFC 8985: a recovery that falls silent tries again before the timeout, thrice.
TEST_F(Rack, a_recovery_that_falls_silent_repairs_before_the_timeout) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 10}});
  ASSERT_EQ(indices(), Indices{0});
  peer.advance(39ms);
  EXPECT_EQ(indices(), Indices{});
  peer.advance(3ms);
  EXPECT_EQ(indices(), Indices{0});
  peer.advance(76ms);
  EXPECT_EQ(indices(), Indices{}) << "twice as long";
  peer.advance(6ms);
  EXPECT_EQ(indices(), Indices{0});
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 0U);
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize);
  sack(10, {});
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
}

// RFC 8985 §7.4.2: the D-SACK of a probe is the probe's affair.
TEST_F(Rack, a_needless_probe_does_not_widen_the_reordering_window) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(41ms);
  ASSERT_EQ(indices(), Indices{2});
  dsack(3, 2, 3);
  EXPECT_NEAR(patience(3), 5, 1);
}

// RFC 3042, RFC 6675 §5: while nothing is known to be lost, each report lets new data out.
TEST_F(Rack, a_report_beyond_a_hole_lets_new_data_out) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  EXPECT_EQ(indices(), Indices{10});
  sack(0, {{1, 3}});
  EXPECT_EQ(indices(), Indices{11});
  EXPECT_EQ(app().connection->info().snd_cwnd, 10 * kSize);
}

// RFC 5681 §3.2 step 2: what limited transmit has sent is not halved.
TEST_F(Rack, limited_transmit_does_not_raise_the_threshold) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  sack(0, {{1, 3}});
  sack(0, {{1, 4}});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize);
  peer.take_all();
}

// Losses behind the recovery point are another congestion event.
TEST_F(Rack, a_loss_in_the_next_window_reduces_again) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  sack(0, {{1, 10}});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize);
  const Indices sent = indices();
  ASSERT_GE(sent.size(), 2U);
  peer.advance(20ms);
  sack(10, {});
  peer.take_all();
  peer.advance(20ms);
  sack(10, {{11, 15}});
  EXPECT_LT(app().connection->info().snd_ssthresh, 5 * kSize);
  peer.take_all();
}

// A hostile peer's reports: outside the window, inside out, of single octets.
TEST_F(Rack, wild_reports_are_harmless) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  const auto report = [&](std::uint32_t left, std::uint32_t right) {
    wire::TcpOptions options;
    options.sack[options.sack_count++] = {raw(left), raw(right)};
    peer.send({.ack = at(0), .options = options});
  };
  report(0, at(3));
  report(at(9), at(20));
  report(at(5), at(2));
  report(at(4) + 0x80000000U, at(4));
  report(at(0) - 0x40000001U, at(0));
  for (std::uint32_t octet = at(2); octet < at(6); octet += 2) report(octet, octet + 1);
  peer.advance(1s);
  sack(10, {});
  peer.take_all();
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
  EXPECT_FALSE(app().closed);
}

class NewRenoRecovery : public Recovering {
 protected:
  NewRenoRecovery() : Recovering(with_sack(false)) {}
  void duplicate(std::uint32_t index) { peer.send({.ack = at(index)}); }
};

// RFC 3042 §2: one new segment for each of the first two duplicates, cwnd unchanged.
TEST_F(NewRenoRecovery, the_first_two_duplicates_let_new_data_out) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  duplicate(0);
  EXPECT_EQ(indices(), Indices{10});
  duplicate(0);
  EXPECT_EQ(indices(), Indices{11});
  EXPECT_EQ(app().connection->info().snd_cwnd, 10 * kSize);
  duplicate(0);
  EXPECT_EQ(indices(), Indices{0});
}

// RFC 9937, RFC 6582 §3.2: duplicates clock out new data at half the rate.
TEST_F(NewRenoRecovery, duplicates_of_a_recovery_let_new_data_out) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  for (int count = 0; count < 3; ++count) duplicate(0);
  peer.take_all();
  for (int count = 0; count < 8; ++count) duplicate(0);
  const Indices fresh = indices();
  EXPECT_GE(fresh.size(), 2U);
  EXPECT_LE(fresh.size(), 5U);
  for (const std::uint32_t index : fresh) EXPECT_GE(index, 12U);
}

// RFC 6582 §3.2 step 2: what the repair itself makes the peer repeat is no loss.
TEST_F(NewRenoRecovery, duplicates_at_the_recovery_point_do_not_begin_another_recovery) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  for (int count = 0; count < 3; ++count) duplicate(0);
  ASSERT_EQ(indices(), Indices{0});
  peer.send({.ack = at(10)});
  ASSERT_EQ(send(5), 5U);
  for (int count = 0; count < 4; ++count) duplicate(10);
  EXPECT_EQ(indices(), Indices{});
  peer.send({.ack = at(11)});
  for (int count = 0; count < 3; ++count) duplicate(11);
  EXPECT_EQ(indices(), Indices{11}) << "beyond the point they count again";
}

}  // namespace
}  // namespace windhover::stack::tcp::test
