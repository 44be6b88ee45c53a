#include "stack/tcp/activity.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/stack/tcp/crowd.h"

namespace windhover::stack::tcp::test {
namespace {

TEST(Sleep, comes_only_when_another_connection_needs_room) {
  Crowd crowd(with(2));
  crowd.open();
  crowd.open();
  crowd.peer.advance(1h);
  EXPECT_EQ(crowd.slept(), 0U);
  EXPECT_FALSE(crowd.wakes(0));
  EXPECT_FALSE(crowd.wakes(1));
  crowd.open();
  EXPECT_EQ(crowd.slept(), 1U);
}

TEST(Sleep, comes_to_whoever_has_been_quiet_for_longest) {
  Crowd crowd(with(3));
  for (int count = 0; count < 3; ++count) {
    crowd.open();
    crowd.peer.advance(100ms);
  }
  crowd.enter(0);
  crowd.peer.send({});  // So the second is the one.
  crowd.open();
  EXPECT_EQ(crowd.slept(), 1U);
  EXPECT_FALSE(crowd.wakes(0));
  EXPECT_FALSE(crowd.wakes(2));
  EXPECT_FALSE(crowd.wakes(3));
  EXPECT_TRUE(crowd.wakes(1));
}

TEST(Sleep, ends_with_a_segment_and_nothing_is_amiss) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  crowd.open();
  crowd.enter(0);
  crowd.peer.send({.payload = "question"});
  EXPECT_EQ(first.received, "question");
  EXPECT_EQ(crowd.slept(), 2U);
  crowd.peer.expect({.flags = kTcpAck, .seq = 1, .ack = 9});
  first.send("answer");
  crowd.peer.expect({.flags = kPshAck, .seq = 1, .ack = 9, .payload = "answer"});
  crowd.peer.send({});
  crowd.peer.send({.flags = kFinAck});
  crowd.peer.expect({.flags = kTcpAck, .seq = 7, .ack = 10});
  EXPECT_EQ(first.peer_finished, 1);
  first.connection->shutdown();
  crowd.peer.expect({.flags = kFinAck, .seq = 7});
  crowd.peer.send({});
  EXPECT_EQ(first.closed, CloseReason::kFinished);
}

TEST(Sleep, ends_when_the_application_sends) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  crowd.open();
  crowd.enter(0);
  EXPECT_EQ(first.send("by the way"), 10U);
  crowd.peer.expect({.flags = kPshAck, .seq = 1, .payload = "by the way"});
  EXPECT_EQ(crowd.slept(), 2U);
  crowd.peer.send({});
}

// What is compared: all of Info but the times since something.
void expect_same(const Info& one, const Info& other) {
  EXPECT_EQ(one.state, other.state);
  EXPECT_EQ(one.ca_state, other.ca_state);
  EXPECT_EQ(one.timestamps, other.timestamps);
  EXPECT_EQ(one.sack, other.sack);
  EXPECT_EQ(one.window_scaling, other.window_scaling);
  EXPECT_EQ(one.ecn, other.ecn);
  EXPECT_EQ(one.snd_wscale, other.snd_wscale);
  EXPECT_EQ(one.rcv_wscale, other.rcv_wscale);
  EXPECT_EQ(one.snd_mss, other.snd_mss);
  EXPECT_EQ(one.rcv_mss, other.rcv_mss);
  EXPECT_EQ(one.pmtu, other.pmtu);
  EXPECT_EQ(one.snd_cwnd, other.snd_cwnd);
  EXPECT_EQ(one.snd_ssthresh, other.snd_ssthresh);
  EXPECT_EQ(one.snd_wnd, other.snd_wnd);
  EXPECT_EQ(one.snd_space, other.snd_space);
  EXPECT_EQ(one.notsent + one.unacked + one.sacked + one.lost + one.timeouts + one.probes + one.rcv_waiting, 0U);
  EXPECT_EQ(one.dsack_dups, other.dsack_dups);
  EXPECT_EQ(one.bytes_sent, other.bytes_sent);
  EXPECT_EQ(one.bytes_acked, other.bytes_acked);
  EXPECT_EQ(one.delivered, other.delivered);
  EXPECT_EQ(one.segments_sent, other.segments_sent);
  EXPECT_EQ(one.retransmitted, other.retransmitted);
  EXPECT_EQ(one.rcv_wnd, other.rcv_wnd);
  EXPECT_EQ(one.rcv_space, other.rcv_space);
  EXPECT_EQ(one.rcv_rtt, other.rcv_rtt);
  EXPECT_EQ(one.rcv_ooopack, other.rcv_ooopack);
  EXPECT_EQ(one.bytes_received, other.bytes_received);
  EXPECT_EQ(one.segments_received, other.segments_received);
  EXPECT_EQ(one.srtt, other.srtt);
  EXPECT_EQ(one.rttvar, other.rttvar);
  EXPECT_EQ(one.min_rtt, other.min_rtt);
  EXPECT_EQ(one.rto, other.rto);
}

/// A transfer both ways with a loss on each: everything that Info counts has moved.
void exchange(Crowd& crowd, App& app) {
  Peer& peer = crowd.peer;
  app.send(text(8 * 1448));
  peer.take_all();
  peer.advance(20ms);
  const std::uint32_t end = peer.rcv_nxt;
  for (const std::uint32_t right : {3U, 4U, 5U}) {
    wire::TcpOptions options;
    options.sack[0] = {wire::Seq(peer.irs + 1 + 2 * 1448), wire::Seq(peer.irs + 1 + right * 1448)};
    options.sack_count = 1;
    peer.send({.ack = 1 + 1448, .options = options});
  }
  peer.advance(40ms);
  peer.take_all();
  peer.send({.ack = end});
  peer.advance(100ms);
  peer.take_all();
  peer.send({.seq = peer.snd_nxt + 1000, .payload = text(1000)});
  peer.send({.payload = text(1000)});
  peer.snd_nxt += 1000;
  peer.advance(1s);
  peer.take_all();
}

TEST(Sleep, keeps_everything_that_info_tells) {
  Scenario scenario = with(2);
  scenario.timestamps = true;
  scenario.window_scale = 7;
  scenario.tcp.receive_window = 1 << 20;
  Crowd crowd(scenario);
  App& first = crowd.open();
  exchange(crowd, first);
  const Info awake = first.connection->info();
  EXPECT_GT(awake.retransmitted, 0U);
  EXPECT_LT(awake.snd_ssthresh, 100'000U);
  EXPECT_EQ(awake.rcv_ooopack, 1U);
  EXPECT_EQ(awake.bytes_received, 2000U);
  crowd.open();
  crowd.peer.advance(10ms);
  crowd.open();
  EXPECT_EQ(crowd.slept(), 1U);
  const Info asleep = first.connection->info();
  expect_same(asleep, awake);
  EXPECT_GT(asleep.last_received, awake.last_received);
  crowd.enter(0);
  crowd.peer.send({});
  EXPECT_EQ(crowd.slept(), 2U);
  Info woken = first.connection->info();
  EXPECT_EQ(woken.segments_received, awake.segments_received + 1);
  woken.segments_received = awake.segments_received;
  expect_same(woken, awake);
}

// RFC 7323 §5.3: what protects a connection against its past protects it in sleep.
TEST(Sleep, keeps_paws) {
  Scenario scenario = with(1);
  scenario.timestamps = true;
  Crowd crowd(scenario);
  App& first = crowd.open();
  crowd.open();
  crowd.enter(0);
  wire::TcpOptions old;
  old.timestamps = wire::TcpTimestamps{crowd.peer.ts_value - 1, crowd.peer.ts_echo};
  crowd.peer.send({.seq = 1, .payload = "from long ago", .options = old});
  EXPECT_EQ(crowd.peer.drops(Drop::kTcpPaws), 1U);
  EXPECT_EQ(first.received, "");
  crowd.peer.expect({.flags = kTcpAck});
}

// RFC 2861, as without sleep: two that have the same past, of which one has slept.
TEST(Sleep, costs_of_cwnd_what_idleness_costs) {
  std::vector<std::uint32_t> windows;
  for (const std::uint32_t active_max : {1U, 8U}) {
    Crowd crowd(with(active_max));
    App& first = crowd.open();
    for (int round = 0; round < 4; ++round) {
      first.send(text(40 * 1460));
      for (int turn = 0; turn < 4; ++turn) {
        crowd.peer.advance(10ms);
        crowd.peer.take_all();
        crowd.peer.send({});
      }
    }
    crowd.peer.take_all();
    const std::uint32_t grown = first.connection->info().snd_cwnd;
    EXPECT_GT(grown, 40'000U);
    crowd.open();
    crowd.enter(0);
    EXPECT_EQ(first.connection->info().snd_cwnd, grown);
    crowd.peer.advance(350ms);
    first.send("again");
    crowd.peer.expect({.payload = "again"});
    crowd.peer.send({});
    EXPECT_EQ(crowd.slept(), active_max == 1 ? 2U : 0U);
    windows.push_back(first.connection->info().snd_cwnd);
    EXPECT_LT(windows.back(), grown);
  }
  EXPECT_EQ(windows[0], windows[1]);
}

TEST(Sleep, keeps_the_size_that_the_path_carries) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  first.send(text(1460));
  const Segment large = crowd.peer.expect({.size = 1460});
  crowd.peer.send_icmp(3, 4, 1000, base::Bytes(large.packet).first(28));
  for (const Segment& again : crowd.peer.take_all()) EXPECT_LE(again.payload.size(), 960U);
  crowd.peer.send({});
  crowd.peer.take_all();
  crowd.peer.send({});
  crowd.open();
  crowd.enter(0);
  EXPECT_EQ(first.connection->info().snd_mss, 960U);
  first.send(text(1460));
  crowd.peer.expect({.size = 960});
  crowd.peer.expect({.size = 500});
  crowd.peer.send({});
}

TEST(Sleep, does_not_stop_the_applications_timer) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  first.connection->set_timer(crowd.peer.now + 10s);
  crowd.open();
  crowd.peer.advance(9999ms);
  EXPECT_EQ(first.timers, 0);
  crowd.peer.advance(2ms);
  EXPECT_EQ(first.timers, 1);
  EXPECT_EQ(crowd.slept(), 1U) << "it need not wake for that";
}

TEST(Sleep, does_not_stop_keep_alive) {
  Scenario scenario = with(1);
  scenario.tcp.keep_alive_idle = 60s;
  scenario.tcp.keep_alive_interval = 10s;
  scenario.tcp.keep_alive_probes = 2;
  Crowd crowd(scenario);
  App& first = crowd.open();
  crowd.peer.advance(30s);
  App& second = crowd.open();
  crowd.enter(0);
  crowd.peer.advance(30s - 2ms);
  crowd.peer.expect_nothing();
  crowd.peer.advance(3ms);
  crowd.peer.expect({.flags = kTcpAck, .seq = 0, .size = 0});
  EXPECT_EQ(crowd.slept(), 1U);
  crowd.peer.advance(10s);
  crowd.peer.expect({.flags = kTcpAck, .seq = 0, .size = 0});
  crowd.peer.advance(10s);
  crowd.peer.expect({.flags = kRstAck, .seq = 1});
  EXPECT_EQ(first.closed, CloseReason::kKeepAliveTimedOut);
  EXPECT_FALSE(second.closed);
  EXPECT_EQ(crowd.slept(), 1U);
}

TEST(Sleep, is_not_disturbed_by_verbs_that_change_nothing_on_the_wire) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  crowd.open();
  first.connection->cork(true);
  first.connection->cork(false);
  first.connection->pause_reading();
  first.connection->resume_reading();
  first.connection->set_user_timeout(5s);
  EXPECT_EQ(first.connection->unacknowledged(), 0U);
  Recording recording;
  first.connection->flight_record(recording);
  EXPECT_GT(recording.count, 0U);
  crowd.peer.pump();
  EXPECT_EQ(crowd.slept(), 1U);
  crowd.peer.expect_nothing();
  crowd.enter(0);
  crowd.peer.send({.payload = "still reads"});
  EXPECT_EQ(first.received, "still reads");
  crowd.peer.take_all();
}

TEST(Sleep, of_a_paused_connection_keeps_it_paused) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  first.connection->pause_reading();
  crowd.open();
  crowd.enter(0);
  crowd.peer.send({.payload = "later"});
  EXPECT_EQ(crowd.slept(), 2U);
  EXPECT_EQ(first.received, "");
  first.connection->resume_reading();
  crowd.peer.pump();
  EXPECT_EQ(first.received, "later");
  crowd.peer.take_all();
}

TEST(Sleep, can_end_in_a_reset_without_waking) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  App& second = crowd.open();
  second.send("busy");
  crowd.peer.expect({.payload = "busy"});
  crowd.enter(0);
  first.connection->abort();
  crowd.peer.expect({.flags = kRstAck, .seq = 1, .ack = 1});
  EXPECT_EQ(first.closed, CloseReason::kAborted);
  EXPECT_EQ(crowd.peer.stack->connection_count(), 1U);
  crowd.enter(1);
  crowd.peer.send({});
}

TEST(Sleep, ends_in_the_stacks_end) {
  Crowd crowd(with(2));
  for (int count = 0; count < 8; ++count) crowd.open();
  crowd.peer.stack->stop(crowd.peer.now);
  EXPECT_EQ(crowd.peer.closed(CloseReason::kStopped), 8U);
  EXPECT_EQ(crowd.peer.take_all().size(), 8U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
