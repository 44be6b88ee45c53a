#include "stack/tcp/recovery.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/recovering.h"

namespace windhover::stack::tcp::test {
namespace {

// RFC 8985 §6.2: three reports beyond a hole, and the hole is lost at once.
TEST_F(Recovering, three_sacked_segments_make_the_first_lost) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  sack(0, {{1, 3}});
  peer.expect_nothing();
  sack(0, {{1, 4}});
  peer.expect({.seq = at(0), .size = kSize});
  peer.expect_nothing();
  EXPECT_EQ(app().connection->info().retransmitted, 1U);
}

// RFC 8985 §6.2 step 4: fewer reports wait a quarter of the shortest round trip.
TEST_F(Recovering, one_sacked_segment_makes_the_first_lost_after_a_reordering_window) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  peer.advance(4ms);
  peer.expect_nothing();
  peer.advance(2ms);
  peer.expect({.seq = at(0), .size = kSize});
}

TEST_F(Recovering, a_segment_that_is_only_late_is_not_sent_again) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  peer.advance(3ms);
  sack(2, {});
  peer.advance(15ms);
  peer.expect_nothing();
  EXPECT_EQ(app().connection->info().retransmitted, 0U);
}

// RFC 8985 §6.2 step 4: once reordering has been seen, counting reports no longer suffices.
TEST_F(Recovering, a_path_that_reorders_gets_more_patience) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}});
  sack(2, {});
  sack(2, {{3, 6}});
  peer.expect_nothing();
  peer.advance(6ms);
  peer.expect({.seq = at(2), .size = kSize});
  peer.take_all();
}

TEST_F(Recovering, several_holes_are_repaired_in_one_round_trip_and_nothing_else_is_sent_again) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}, {3, 4}, {5, 10}});
  std::vector<std::uint32_t> again;
  for (const Segment& segment : peer.take_all()) again.push_back(segment.seq);
  EXPECT_EQ(again.front(), at(0));
  peer.advance(20ms);
  sack(2, {{3, 4}, {5, 10}});
  for (const Segment& segment : peer.take_all()) again.push_back(segment.seq);
  EXPECT_EQ(again, (std::vector<std::uint32_t>{at(0), at(2), at(4)}));
  peer.advance(20ms);
  sack(10, {});
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
  EXPECT_EQ(app().connection->info().retransmitted, 3U);
}

// RFC 6937, RFC 5681 §3.2
TEST_F(Recovering, the_window_is_halved_once_and_new_data_goes_on) {
  ASSERT_EQ(send(100), 10U);
  peer.advance(20ms);
  sack(0, {{1, 4}});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize);
  peer.take_all();
  sack(0, {{1, 7}});
  sack(0, {{1, 10}});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize) << "one loss event";
  peer.take_all();
  peer.advance(20ms);
  sack(10, {});
  std::size_t out = 0;
  for (const Segment& segment : peer.take_all()) out += segment.payload.size();
  EXPECT_GT(out, 0U);
  const Info info = app().connection->info();
  EXPECT_LE(info.snd_cwnd, 6 * kSize);
  EXPECT_GE(info.snd_cwnd, 4 * kSize);
}

// RFC 8985 §7.2: twice the round trip, then the last segment again.
TEST_F(Recovering, a_lost_tail_is_probed_after_two_round_trips) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(38ms);
  peer.expect_nothing();
  peer.advance(4ms);
  peer.expect({.flags = kPshAck, .seq = at(2), .size = kSize});
  // The report of the tail shows what else was lost (§7.1).
  peer.advance(20ms);
  sack(0, {{2, 3}});
  peer.advance(6ms);
  peer.expect({.seq = at(0), .size = kSize});
  peer.take_all();
}

// RFC 8985 §7.2: a peer may sit on the acknowledgement of a single segment; the timeout comes first.
TEST_F(Recovering, a_single_segment_waits_for_the_timeout) {
  ASSERT_EQ(send(1), 1U);
  peer.advance(198ms);
  peer.expect_nothing();
  peer.advance(3ms);
  peer.expect({.seq = at(0), .size = kSize});
}

// RFC 8985 §7.3: new data says more than old.
TEST_F(Recovering, a_probe_prefers_new_data) {
  ASSERT_EQ(send(11), 10U);
  peer.advance(41ms);
  peer.expect({.seq = at(10), .size = kSize});
}

TEST_F(Recovering, a_fin_can_be_probed) {
  app().send(text(3000));
  app().connection->shutdown();
  ASSERT_EQ(peer.take_all().size(), 3U);
  peer.advance(41ms);
  const Segment probe = peer.expect({.flags = kFinAck | kTcpPsh});
  EXPECT_EQ(probe.seq + probe.payload.size() + 1, 3002U);
  peer.send({});
  EXPECT_EQ(app().connection->info().state, "FIN-WAIT-2");
}

// RFC 8985 §7.4.2: the D-SACK says that nothing had been lost.
TEST_F(Recovering, a_needless_probe_costs_nothing) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(41ms);
  peer.expect({.seq = at(2)});
  sack(3, {});
  sack(3, {{2, 3}});
  ASSERT_EQ(send(1), 1U);
  sack(4, {});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 0xffffffffU);
}

// RFC 8985 §7.4.2: a loss that only the probe noticed is answered for.
TEST_F(Recovering, a_loss_that_a_probe_repaired_lowers_the_window) {
  ASSERT_EQ(send(3), 3U);
  peer.advance(20ms);
  sack(2, {});
  peer.advance(100ms);
  while (peer.take_all().empty()) peer.advance(20ms);
  sack(3, {});
  ASSERT_EQ(send(1), 1U);
  sack(4, {});
  EXPECT_LT(app().connection->info().snd_ssthresh, 0xffffffffU);
}

// RFC 5681 §3.1 (4), RFC 6675 §5.1: after a timeout all is sent again in slow start, but what was SACKed.
TEST_F(Recovering, a_timeout_begins_anew_with_one_segment) {
  ASSERT_EQ(send(4), 4U);
  peer.advance(20ms);
  sack(0, {{3, 4}});
  peer.take_all();
  const base::Instant begin = peer.now;
  while (app().connection->info().rto < 400ms) {  // A timeout backs off.
    peer.take_all();
    peer.advance(1ms);
    ASSERT_LT(peer.now - begin, 5s);
  }
  peer.expect({.seq = at(0), .size = kSize});
  peer.expect_nothing();
  EXPECT_EQ(app().connection->info().snd_cwnd, kSize);
  peer.advance(20ms);
  sack(1, {});
  std::vector<Segment> sent = peer.take_all();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].seq, at(1));
  EXPECT_EQ(sent[1].seq, at(2));
  peer.advance(20ms);
  sack(4, {});
  peer.expect_nothing();
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
}

// Reports that cannot be true are not believed (RFC 2018, RFC 6675).
TEST_F(Recovering, impossible_reports_change_nothing) {
  ASSERT_EQ(send(5), 5U);
  peer.advance(20ms);
  sack(0, {{6, 9}});  // Beyond what was sent.
  sack(0, {{4, 2}});  // Inside out.
  sack(0, {{1, 1}});  // Empty.
  peer.advance(10ms);
  peer.expect_nothing();
  sack(5, {});
  EXPECT_EQ(app().connection->unacknowledged(), 0U);
}

class WithCubic : public Recovering {
 protected:
  WithCubic() : Recovering(with_cubic()) {}
  static Scenario with_cubic() {
    Scenario scenario = with_sack(true);
    scenario.tcp.congestion_control = CongestionControl::kCubic;
    return scenario;
  }
};

// RFC 9438 §4.6
TEST_F(WithCubic, loss_keeps_seven_tenths) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 4}});
  EXPECT_NEAR(app().connection->info().snd_ssthresh, 7 * kSize, 16);
  peer.take_all();
}

class WithoutSack : public Recovering {
 protected:
  WithoutSack() : Recovering(with_sack(false)) {}
  void duplicate() { peer.send({.ack = at(0)}); }
};

// RFC 5681 §3.2
TEST_F(WithoutSack, the_third_duplicate_acknowledgement_sends_the_first_segment_again) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  duplicate();
  duplicate();
  peer.expect_nothing();
  duplicate();
  peer.expect({.seq = at(0), .size = kSize});
  EXPECT_EQ(app().connection->info().snd_ssthresh, 5 * kSize);
  duplicate();
  duplicate();
  EXPECT_EQ(app().connection->info().retransmitted, 1U);
  peer.take_all();
}

// RFC 5681 §2: neither data nor a window update is a duplicate acknowledgement.
TEST_F(WithoutSack, data_and_window_updates_are_no_duplicates) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  for (std::uint16_t count = 0; count < 3; ++count) {
    peer.send({.ack = at(0), .payload = "data"});
    peer.send({.ack = at(0), .window = static_cast<std::uint16_t>(60'000 + count)});
  }
  for (const Segment& segment : peer.take_all()) EXPECT_EQ(segment.payload.size(), 0U);
}

// RFC 6582 §3.2 step 3: a partial acknowledgement shows the next hole.
TEST_F(WithoutSack, a_partial_acknowledgement_sends_the_next_hole) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  for (int count = 0; count < 3; ++count) duplicate();
  peer.expect({.seq = at(0)});
  peer.advance(20ms);
  peer.send({.ack = at(4)});
  peer.expect({.seq = at(4), .size = kSize});
  peer.advance(20ms);
  peer.send({.ack = at(10)});
  peer.expect_nothing();
  EXPECT_EQ(app().connection->info().retransmitted, 2U);
  EXPECT_EQ(app().connection->info().snd_cwnd, 5 * kSize);
}

// After a timeout each segment goes once more, in order, and no acknowledgement sends one twice.
TEST_F(WithoutSack, a_timeout_repairs_without_sending_anything_twice) {
  ASSERT_EQ(send(6), 6U);
  peer.advance(200ms);
  std::vector<std::uint32_t> again;
  const auto collect = [&] {
    for (const Segment& segment : peer.take_all()) again.push_back(segment.seq);
  };
  collect();
  for (std::uint32_t index = 1; index <= 6; ++index) {
    peer.advance(5ms);
    peer.send({.ack = at(index)});
    collect();
  }
  EXPECT_EQ(again, (std::vector<std::uint32_t>{at(0), at(1), at(2), at(3), at(4), at(5)}));
}

// RFC 6582 §4.1: duplicates that the repairing itself provoked are no new loss.
TEST_F(WithoutSack, duplicates_after_a_timeout_do_not_begin_a_recovery) {
  ASSERT_EQ(send(6), 6U);
  peer.advance(200ms);
  peer.expect({.seq = at(0)});
  for (int count = 0; count < 4; ++count) duplicate();
  peer.expect_nothing();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
