// Who is busy does not sleep, and what happens when all are.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "stack/tcp/activity.h"
#include "tests/stack/tcp/crowd.h"

namespace windhover::stack::tcp::test {
namespace {

struct Busy {
  const char* name;
  std::function<void(Peer&, App&)> begin;
  std::function<void(Peer&, App&)> end;
};

class BusyConnection : public testing::TestWithParam<Busy> {};

TEST_P(BusyConnection, keeps_its_activity_until_it_is_quiet) {
  Scenario scenario = with(1);
  scenario.tcp.syn_cookies = false;
  Crowd crowd(scenario);
  Peer& peer = crowd.peer;
  App& app = crowd.open();
  for (int count = 0; count < 16; ++count) peer.send({.payload = "x"});  // No quick acknowledgements any more.
  peer.take_all();
  GetParam().begin(peer, app);
  peer.take_all();
  const std::uint32_t snd_nxt = peer.snd_nxt;
  const std::uint32_t rcv_nxt = peer.rcv_nxt;
  const std::uint32_t irs = peer.irs;
  const std::uint16_t port = peer.remote.port;

  // A handshake's acknowledgement is dropped, and the SYN object stays.
  peer.new_flow(42000);
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  peer.send({});
  EXPECT_EQ(peer.drops(Drop::kTcpActiveFull), 1U);
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  EXPECT_EQ(peer.stack->connection_count(), 1U);
  EXPECT_EQ(crowd.slept(), 0U);
  const std::uint32_t second_irs = peer.irs;

  peer.remote.port = port;
  peer.snd_nxt = snd_nxt;
  peer.rcv_nxt = rcv_nxt;
  peer.irs = irs;
  GetParam().end(peer, app);
  peer.take_all();

  peer.new_flow(42000);
  peer.irs = second_irs;
  peer.snd_nxt = peer.rcv_nxt = 1;
  peer.send({});
  EXPECT_EQ(peer.drops(Drop::kTcpActiveFull), 1U);
  EXPECT_EQ(peer.stack->connection_count(), 2U);
  EXPECT_EQ(crowd.slept(), 1U);
  peer.take_all();
}

INSTANTIATE_TEST_SUITE_P(
    Each, BusyConnection,
    testing::Values(Busy{"in_flight", [](Peer&, App& app) { app.send("something"); },
                         [](Peer& peer, App&) { peer.send({}); }},
                    Busy{"a_fin_in_flight", [](Peer&, App& app) { app.connection->shutdown(); },
                         [](Peer& peer, App&) { peer.send({}); }},
                    Busy{"queued_before_a_shut_window",
                         [](Peer& peer, App& app) {
                           peer.send({.window = 0});
                           app.send("something");
                         },
                         [](Peer& peer, App&) {
                           peer.send({});
                           peer.expect({.payload = "something"});
                           peer.send({});
                         }},
                    Busy{"queued_under_a_cork",
                         [](Peer&, App& app) {
                           app.connection->cork(true);
                           app.send("something");
                         },
                         [](Peer& peer, App& app) {
                           app.connection->cork(false);
                           peer.expect({.payload = "something"});
                           peer.send({});
                         }},
                    Busy{"out_of_order", [](Peer& peer, App&) { peer.send({.seq = peer.snd_nxt + 1, .payload = "b"}); },
                         [](Peer& peer, App&) { peer.send({.payload = "a"}); }},
                    Busy{"unread",
                         [](Peer& peer, App& app) {
                           app.connection->pause_reading();
                           peer.send({.payload = "unread"});
                           peer.advance(1s);
                         },
                         [](Peer& peer, App& app) {
                           app.connection->resume_reading();
                           peer.pump();
                         }},
                    Busy{"an_acknowledgement_owed", [](Peer& peer, App&) { peer.send({.payload = "x"}); },
                         [](Peer& peer, App&) { peer.advance(40ms); }},
                    Busy{"a_fin_that_the_application_has_not_heard_of",
                         [](Peer& peer, App& app) {
                           app.connection->pause_reading();
                           peer.send({.flags = kFinAck});
                         },
                         [](Peer& peer, App& app) {
                           app.connection->resume_reading();
                           peer.pump();
                         }}),
    [](const auto& busy) { return std::string(busy.param.name); });

/// Two connections and one Activity, which the second keeps by what it has in flight.
class AllBusy : public testing::Test {
 protected:
  AllBusy() : crowd(with(1)), first(crowd.open()), second(crowd.open()) {
    second.send("busy");
    peer.expect({.payload = "busy"});
    crowd.enter(0);
  }
  ~AllBusy() override { peer.take_all(); }
  void quiet() {
    crowd.enter(1);
    peer.send({});
    crowd.enter(0);
  }

  Crowd crowd;
  Peer& peer = crowd.peer;
  App& first;
  App& second;
};

TEST_F(AllBusy, a_segment_for_one_that_sleeps_is_dropped_until_there_is_room) {
  peer.send({.seq = 1, .payload = "hello"});
  EXPECT_EQ(peer.drops(Drop::kTcpActiveFull), 1U);
  EXPECT_EQ(first.received, "");
  peer.expect_nothing();
  quiet();
  peer.send({.payload = "hello"});
  EXPECT_EQ(peer.drops(Drop::kTcpActiveFull), 1U);
  EXPECT_EQ(first.received, "hello");
  peer.expect({.flags = kTcpAck, .ack = 6});
}

TEST_F(AllBusy, bytes_to_send_are_asked_for_again_when_there_is_room) {
  EXPECT_EQ(first.send("hello"), 0U);
  EXPECT_EQ(peer.events(Event::kTcpWakeRefused), 1U);
  peer.advance(100ms);
  EXPECT_EQ(first.sendable, 0);
  first.when_sendable = [](Connection& connection) { connection.send(base::as_bytes("hello")); };
  quiet();
  EXPECT_EQ(first.sendable, 1);
  EXPECT_EQ(peer.expect({.flags = kPshAck, .payload = "hello"}).destination_port, peer.remote.port);
}

TEST_F(AllBusy, so_are_shared_ones) {
  const base::Slice slice = base::copy_to_heap(std::vector<std::uint8_t>(5, 'x'));
  EXPECT_FALSE(first.connection->send(slice));
  EXPECT_FALSE(first.connection->send(slice)) << "asking twice is no harm";
  quiet();
  EXPECT_EQ(first.sendable, 1);
  EXPECT_TRUE(first.connection->send(slice));
  peer.expect({.payload = "xxxxx"});
  peer.send({});
}

TEST_F(AllBusy, a_fin_waits_for_room) {
  first.connection->shutdown();
  EXPECT_EQ(first.connection->info().state, "FIN-WAIT-1");
  peer.advance(100ms);
  peer.expect_nothing();
  quiet();
  EXPECT_EQ(peer.expect({.flags = kFinAck}).destination_port, peer.remote.port);
  peer.rcv_nxt = 2;
  peer.send({});
  EXPECT_EQ(first.connection->info().state, "FIN-WAIT-2");
}

TEST_F(AllBusy, a_close_that_lingers_ends_in_time) {
  first.connection->close(50ms);
  peer.advance(49ms);
  EXPECT_FALSE(first.closed);
  peer.advance(2ms);
  EXPECT_EQ(first.closed, CloseReason::kCloseTimedOut);
  peer.expect({.flags = kRstAck, .seq = 1});
}

TEST_F(AllBusy, a_connection_that_waits_may_be_aborted) {
  EXPECT_EQ(first.send("hello"), 0U);
  first.connection->abort();
  peer.expect({.flags = kRstAck, .seq = 1});
  quiet();
  peer.advance(10ms);
  EXPECT_EQ(first.sendable, 0);
  EXPECT_EQ(first.closed, CloseReason::kAborted);
}

TEST_F(AllBusy, nothing_new_is_opened) {
  App third;
  EXPECT_EQ(peer.stack->connect(peer.now, {peer.remote.address, 7}, third), nullptr);
  quiet();
  EXPECT_NE(peer.stack->connect(peer.now, {peer.remote.address, 7}, third), nullptr);
  third.connection = nullptr;
  peer.stack->stop(peer.now);
}

// A cookie is not spent on an acknowledgement that finds no room.
TEST(AllBusyWithCookies, an_acknowledgement_opens_later) {
  Scenario scenario = with(1);
  scenario.tcp.backlog = 0;
  Crowd crowd(scenario);
  Peer& peer = crowd.peer;
  App& first = crowd.open();
  first.send("busy");
  peer.expect({.payload = "busy"});
  const std::uint32_t irs = peer.irs;
  peer.new_flow(42000);
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  const std::uint32_t cookie = peer.irs;
  peer.send({});
  EXPECT_EQ(peer.drops(Drop::kTcpActiveFull), 1U);
  peer.remote.port = 41000;
  peer.irs = irs;
  peer.rcv_nxt = 5;
  peer.send({});
  peer.remote.port = 42000;
  peer.irs = cookie;
  peer.rcv_nxt = 1;
  peer.send({});
  EXPECT_EQ(peer.stack->connection_count(), 2U);
  EXPECT_EQ(peer.events(Event::kTcpCookiesAccepted), 2U);
}

// Whose event is on the stack would be the quietest of all.
TEST(OwnEvent, keeps_a_connection_awake_that_was_the_quietest) {
  Crowd crowd(with(2));
  App& first = crowd.open();
  crowd.peer.advance(10ms);
  App& second = crowd.open();
  crowd.peer.advance(10ms);
  App& third = crowd.open();  // The first sleeps.
  EXPECT_EQ(crowd.slept(), 1U);
  crowd.peer.advance(10ms);
  crowd.enter(2);
  crowd.peer.send({});
  second.when_timer = [&](Connection& connection) {
    EXPECT_EQ(first.send("from another's timer"), 20U);
    connection.set_timer(connection.now() + 1s);
  };
  second.connection->set_timer(crowd.peer.now + 5ms);
  crowd.peer.advance(6ms);
  EXPECT_EQ(second.timers, 1);
  EXPECT_EQ(crowd.slept(), 2U);
  crowd.peer.take_all();
  crowd.enter(0);
  crowd.peer.send({});
  EXPECT_FALSE(crowd.wakes(1)) << "it was the third that went";
  EXPECT_TRUE(crowd.wakes(2));
  EXPECT_FALSE(third.closed);
}

TEST(OwnEvent, keeps_the_only_connection_awake) {
  Crowd crowd(with(1));
  App& first = crowd.open();
  App& second = crowd.open();
  second.when_timer = [&](Connection& connection) {
    EXPECT_EQ(first.send("hello"), 0U);
    connection.set_timer(connection.now() + 1s);
  };
  second.connection->set_timer(crowd.peer.now + 5ms);
  crowd.peer.advance(6ms);
  EXPECT_EQ(second.timers, 1);
  EXPECT_EQ(crowd.peer.events(Event::kTcpWakeRefused), 1U);
  crowd.peer.advance(2ms);
  EXPECT_EQ(first.sendable, 1) << "afterwards it does";
}

}  // namespace
}  // namespace windhover::stack::tcp::test
