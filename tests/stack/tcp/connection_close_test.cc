// How connections end: every transition of RFC 9293 §3.6 and figure 5.

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

// RFC 9293 §3.6, case 1 and figure 12
TEST(Established, shutdown_closes_actively_and_leaves_a_time_wait) {
  Peer peer;
  App& app = peer.establish();
  app.connection->shutdown();
  EXPECT_EQ(app.connection->info().state, "FIN-WAIT-1");
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 1, .size = 0});
  peer.send({});
  EXPECT_EQ(app.connection->info().state, "FIN-WAIT-2");
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2, .size = 0});
  EXPECT_EQ(app.peer_finished, 1);
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->connection_count(), 0U);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
  EXPECT_EQ(peer.closed(CloseReason::kFinished), 1U);
}

// RFC 9293 §3.6, case 2
TEST(Established, fin_closes_passively_and_leaves_nothing) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 2, .size = 0});
  EXPECT_EQ(app.connection->info().state, "CLOSE-WAIT");
  EXPECT_EQ(app.peer_finished, 1);
  app.connection->shutdown();
  EXPECT_EQ(app.connection->info().state, "LAST-ACK");
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 2, .size = 0});
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->connection_count(), 0U);
  EXPECT_EQ(peer.stack->time_wait_count(), 0U);
}

TEST(Established, shutdown_inside_the_peers_fin_puts_both_into_one_segment) {
  Peer peer;
  App& app = peer.establish();
  app.when_peer_finished = [](Connection& connection) { connection.shutdown(); };
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 2});
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

// RFC 9293 §3.6, case 3 and figure 13
TEST(Established, crossing_fins_close_simultaneously) {
  Peer peer;
  App& app = peer.establish();
  app.connection->shutdown();
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 1});
  peer.send({.flags = kFinAck, .ack = 1});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  EXPECT_EQ(app.connection->info().state, "CLOSING");
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
  peer.expect_nothing();
}

// RFC 9293 §3.10.7.4, eighth check: the FIN that also acknowledges ours skips FIN-WAIT-2.
TEST(FinWait1, fin_with_the_acknowledgement_goes_to_time_wait_at_once) {
  Peer peer;
  App& app = peer.enter("FIN-WAIT-1");
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  peer.expect_nothing();
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
}

// RFC 9293 §3.6: half-close.
TEST(FinWait2, receiving_goes_on) {
  Peer peer;
  App& app = peer.enter("FIN-WAIT-2");
  peer.send({.flags = kPshAck, .payload = "still here"});
  EXPECT_EQ(app.received, "still here");
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 11});
  EXPECT_EQ(app.send("no"), 0U);
  peer.send({.flags = kFinAck, .payload = "!"});
  EXPECT_EQ(app.received, "still here!");
  peer.expect({.flags = kTcpAck, .ack = 13});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

TEST(FinWait1, receiving_goes_on) {
  Peer peer;
  App& app = peer.enter("FIN-WAIT-1");
  peer.send({.ack = 1, .payload = "data"});
  EXPECT_EQ(app.received, "data");
  EXPECT_EQ(app.connection->info().state, "FIN-WAIT-1");
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 5});
}

TEST(CloseWait, sending_goes_on) {
  Peer peer;
  App& app = peer.enter("CLOSE-WAIT");
  app.send("answer");
  peer.expect({.flags = kPshAck, .seq = 1, .ack = 2, .payload = "answer"});
  peer.send({});
  EXPECT_EQ(app.drained, 1);
  app.connection->shutdown();
  peer.expect({.flags = kFinAck, .seq = 7});
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
}

TEST(Established, fin_rides_on_the_last_data) {
  Peer peer;
  App& app = peer.establish();
  app.send("last words");
  app.connection->shutdown();
  peer.expect({.flags = kFinAck | kTcpPsh, .seq = 1, .payload = "last words"});
  peer.send({});
  EXPECT_EQ(app.connection->info().state, "FIN-WAIT-2");
}

TEST(Established, fin_waits_for_data_that_the_window_holds_back) {
  Scenario scenario;
  scenario.peer_window = 1460;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(2000));
  app.connection->shutdown();
  peer.expect({.flags = kTcpAck, .size = 1460});
  peer.send({.window = 1460});
  peer.expect({.flags = kFinAck | kTcpPsh, .seq = 1461, .size = 540});
}

// RFC 9293 §3.10.7.4, eighth check
TEST(EveryClosingState, a_repeated_fin_is_acknowledged_again) {
  for (const char* state : {"CLOSE-WAIT", "CLOSING", "LAST-ACK"}) {
    Peer peer;
    App& app = peer.enter(state);
    peer.send({.flags = kFinAck, .seq = 1, .ack = 1});
    peer.expect({.flags = kTcpAck, .ack = 2, .size = 0});
    EXPECT_EQ(app.connection->info().state, state);
    EXPECT_EQ(app.peer_finished, 1);
  }
}

TEST(EveryClosingState, data_after_the_peers_fin_is_not_taken) {
  for (const char* state : {"CLOSE-WAIT", "CLOSING", "LAST-ACK"}) {
    Peer peer;
    App& app = peer.enter(state);
    peer.send({.ack = 1, .payload = "zombie"});
    EXPECT_EQ(app.received, "");
    peer.take_all();
  }
}

TEST(Shutdown, twice_is_once) {
  Peer peer;
  App& app = peer.establish();
  app.connection->shutdown();
  app.connection->shutdown();
  peer.expect({.flags = kFinAck});
  peer.expect_nothing();
}

TEST(Abort, in_every_state_sends_rst) {
  for (const char* state : {"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK"}) {
    Peer peer;
    App& app = peer.enter(state);
    app.connection->abort();
    peer.expect({.flags = kRstAck, .seq = peer.rcv_nxt, .ack = peer.snd_nxt});
    EXPECT_EQ(app.closed, CloseReason::kAborted);
    EXPECT_EQ(peer.stack->time_wait_count(), 0U);
  }
}

// A reader that has paused learns of everything before the connection ends.
TEST(FinWait2, fin_behind_unread_data_waits_for_the_reader) {
  Peer peer;
  App& app = peer.enter("FIN-WAIT-2");
  app.connection->pause_reading();
  peer.send({.flags = kFinAck, .payload = "unread"});
  peer.expect({.flags = kTcpAck, .ack = 8});
  EXPECT_FALSE(app.closed);
  app.connection->resume_reading();
  peer.pump();
  EXPECT_EQ(app.received, "unread");
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
  peer.take_all();
}

TEST(LastAck, unread_data_is_read_before_the_end) {
  Peer peer;
  App& app = peer.establish();
  app.connection->pause_reading();
  peer.send({.flags = kFinAck, .payload = "unread"});
  peer.expect({.flags = kTcpAck, .ack = 8});
  app.connection->shutdown();
  peer.expect({.flags = kFinAck, .seq = 1});
  peer.send({});
  EXPECT_FALSE(app.closed);
  app.connection->resume_reading();
  peer.pump();
  EXPECT_EQ(app.received, "unread");
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  peer.take_all();
}

/// Leaves a TIME-WAIT whose peer stands at 2 and we at 2.
void leave_time_wait(Peer& peer) {
  peer.enter("FIN-WAIT-2");
  peer.send({.flags = kFinAck});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  ASSERT_EQ(peer.stack->time_wait_count(), 1U);
}

// RFC 9293 §3.10.7.4, eighth check: acknowledged, and the wait begins again.
TEST(TimeWaiting, a_repeated_fin_is_acknowledged_and_restarts_the_wait) {
  Peer peer;
  leave_time_wait(peer);
  peer.advance(50s);
  peer.send({.flags = kFinAck, .seq = 1});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2, .size = 0});
  peer.advance(59s);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
  peer.advance(2s);
  EXPECT_EQ(peer.stack->time_wait_count(), 0U);
  peer.send({.flags = kFinAck, .seq = 1});
  peer.expect({.flags = kTcpRst, .seq = 2});
}

TEST(TimeWaiting, expires_after_a_minute) {
  Peer peer;
  leave_time_wait(peer);
  peer.advance(60s - 1ms);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
  peer.advance(1ms);
  EXPECT_EQ(peer.stack->time_wait_count(), 0U);
}

// RFC 1337
TEST(TimeWaiting, rst_does_not_end_it) {
  Peer peer;
  leave_time_wait(peer);
  peer.send({.flags = kTcpRst});
  peer.expect_nothing();
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
}

// Two TIME-WAITs that answered each other's acknowledgements would do so for a minute.
TEST(TimeWaiting, a_plain_acknowledgement_is_not_answered) {
  Peer peer;
  leave_time_wait(peer);
  peer.send({});
  peer.expect_nothing();
}

TEST(TimeWaiting, old_data_is_answered_with_where_we_were) {
  Peer peer;
  leave_time_wait(peer);
  peer.send({.seq = 1, .payload = "old"});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
}

// RFC 9293 §3.10.7.4 (MAY-2), RFC 6191
TEST(TimeWaiting, a_newer_syn_opens_a_new_connection) {
  Peer peer;
  leave_time_wait(peer);
  const std::uint32_t old_end = peer.irs + 2;
  peer.iss += 100'000;
  peer.new_flow(40000);
  peer.send({.flags = kTcpSyn});
  const Segment answer = peer.expect({.flags = kSynAck, .ack = 1});
  EXPECT_GT(static_cast<std::int32_t>(answer.raw_seq - old_end), 0);
  EXPECT_EQ(peer.stack->time_wait_count(), 0U);
  peer.send({});
  EXPECT_EQ(peer.host.apps.size(), 2U);
}

// RFC 1122 §4.2.2.13 (b): larger than the largest sequence number of the previous incarnation, however fast it was.
TEST(TimeWaiting, the_new_connection_begins_beyond_the_old_one) {
  Scenario scenario;
  scenario.window_scale = 7;
  Peer peer(scenario);
  App& app = peer.establish();
  for (int round = 0; round < 40; ++round) {
    app.send(text(10'000));
    peer.take_all();
    peer.send({});
  }
  app.connection->shutdown();
  peer.take_all();
  peer.send({.flags = kFinAck});
  peer.take_all();
  ASSERT_EQ(peer.stack->time_wait_count(), 1U);
  const std::uint32_t old_end = peer.irs + peer.rcv_nxt;
  peer.iss += 100'000;
  peer.new_flow(40000);
  peer.send({.flags = kTcpSyn});
  const Segment answer = peer.expect({.flags = kSynAck, .ack = 1});
  EXPECT_GT(static_cast<std::int32_t>(answer.raw_seq - old_end), 0);
}

TEST(TimeWaiting, a_syn_with_a_newer_timestamp_may_reuse_it_whatever_its_number) {
  Scenario scenario;
  scenario.timestamps = true;
  Peer peer(scenario);
  leave_time_wait(peer);
  peer.advance(10ms);
  const std::uint32_t clock = peer.ts_value + 10;
  peer.iss -= 100'000;
  peer.new_flow(40000);
  peer.send({.flags = kTcpSyn, .options = {.timestamps = wire::TcpTimestamps{clock, 0}}, .plain = true});
  peer.expect({.flags = kSynAck, .ack = 1});
}

// RFC 6191 §2: which SYN may have the endpoints again, and which may not.
TEST(TimeWaiting, a_syn_reuses_it_only_when_it_is_newer_for_certain) {
  constexpr std::uint32_t kStamp = 1000;  // The old connection's last.
  struct Case {
    bool stamped_before = false;
    std::optional<std::uint32_t> stamp{};
    std::uint32_t seq = 0;  // The old connection's numbers end at 2.
    bool reused = false;
  };
  const std::vector<Case> cases{{true, kStamp + 1, 0, true},          {true, kStamp + 1, 100'000, true},
                                {true, kStamp, 100'000, true},        {true, kStamp, 0, false},
                                {true, kStamp - 1, 100'000, false},   {true, std::nullopt, 100'000, true},
                                {true, std::nullopt, 0, false},       {false, 5, 0, true},
                                {false, std::nullopt, 100'000, true}, {false, std::nullopt, 0, false}};
  for (const Case& given : cases) {
    Scenario scenario;
    scenario.timestamps = given.stamped_before;
    Peer peer(scenario);
    leave_time_wait(peer);
    wire::TcpOptions options;
    if (given.stamp) options.timestamps = wire::TcpTimestamps{*given.stamp, 0};
    peer.send({.flags = kTcpSyn, .seq = given.seq, .options = options, .plain = true});
    const Segment answer = peer.expect({});
    EXPECT_EQ(answer.flags.syn(), given.reused) << (&given - cases.data());
    EXPECT_EQ(peer.stack->time_wait_count(), given.reused ? 0U : 1U);
  }
}

TEST(TimeWaiting, where_we_were_is_said_rarely_to_who_says_nothing) {
  Peer peer;
  leave_time_wait(peer);
  for (int count = 0; count < 10; ++count) peer.send({.seq = 1});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  peer.expect_nothing();
  EXPECT_EQ(peer.events(Event::kTcpAnswersLimited), 9U);
  peer.advance(499ms);
  peer.send({.flags = kTcpSyn, .seq = 0});
  peer.expect_nothing();
  peer.advance(2ms);
  peer.send({.flags = kTcpSyn, .seq = 0});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  for (int count = 0; count < 3; ++count) {
    peer.send({.flags = kFinAck, .seq = 1});
    peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  }
}

// A reuse is no part of a flood: its SYN is taken beyond the backlog, and what waits is kept where that cannot be.
TEST(TimeWaiting, is_kept_until_its_successor_has_a_place) {
  for (const bool room : {true, false}) {
    Scenario scenario;
    scenario.tcp.backlog = 1;
    scenario.tcp.half_open_max = room ? 2 : 1;
    Peer peer(scenario);
    leave_time_wait(peer);
    peer.new_flow(41000);
    peer.send({.flags = kTcpSyn});
    peer.expect({.flags = kSynAck});
    peer.iss += 100'000;
    peer.new_flow(40000);
    peer.send({.flags = kTcpSyn});
    if (room) {
      peer.expect({.flags = kSynAck});
    } else {
      peer.expect_nothing();
      EXPECT_EQ(peer.drops(Drop::kTcpBacklogFull), 1U);
    }
    EXPECT_EQ(peer.stack->time_wait_count(), room ? 0U : 1U);
  }
}

TEST(TimeWaiting, an_older_syn_is_answered_with_where_we_were) {
  Peer peer;
  leave_time_wait(peer);
  peer.send({.flags = kTcpSyn, .seq = 0});
  peer.expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
}

TEST(TimeWaiting, timestamps_are_answered_with_timestamps) {
  Scenario scenario;
  scenario.timestamps = true;
  Peer peer(scenario);
  leave_time_wait(peer);
  peer.send({.flags = kFinAck, .seq = 1});
  EXPECT_TRUE(peer.expect({.flags = kTcpAck}).options.timestamps);
}

TEST(TimeWaiting, when_the_table_is_full_the_oldest_is_cut_short) {
  Scenario scenario;
  scenario.tcp.time_wait_max = 1;
  Peer peer(scenario);
  leave_time_wait(peer);
  peer.new_flow(41000);
  leave_time_wait(peer);
  EXPECT_EQ(peer.drops(Drop::kTcpTimeWaitFull), 1U);
  EXPECT_EQ(peer.stack->time_wait_count(), 1U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
