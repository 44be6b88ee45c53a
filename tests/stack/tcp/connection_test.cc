// The verbs of the application contract, as connection.cc answers them.

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

TEST(Send, takes_what_the_buffer_holds_and_says_when_there_is_room) {
  Scenario scenario;
  scenario.tcp.send_buffer = 10'000;
  scenario.peer_window = 7'300;
  Peer peer(scenario);
  App& app = peer.establish();
  EXPECT_EQ(app.send(text(12'000)), 10'000U);
  EXPECT_EQ(app.send("more"), 0U);
  EXPECT_EQ(app.connection->unacknowledged(), 10'000U);
  peer.take_all();
  peer.send({.ack = 4381, .window = 0});
  EXPECT_EQ(app.sendable, 0) << "more than half is still queued";
  peer.send({.ack = 5841, .window = 7'300});
  EXPECT_EQ(app.sendable, 1);
  EXPECT_EQ(app.send("more"), 4U);
  peer.take_all();
}

TEST(Send, an_event_comes_only_when_a_write_was_short) {
  Peer peer;
  App& app = peer.establish();
  app.send("all of it");
  peer.expect({.payload = "all of it"});
  peer.send({});
  EXPECT_EQ(app.sendable, 0);
  EXPECT_EQ(app.drained, 1);
  EXPECT_EQ(app.connection->unacknowledged(), 0U);
  EXPECT_EQ(app.connection->info().bytes_acked, 9U);
}

// One connection holds the lane's blocks: the other, which has nothing queued, must still hear when some return.
TEST(Send, a_connection_that_found_no_memory_is_told_when_another_returns_some) {
  Scenario scenario;
  scenario.tcp.send_blocks = 4;
  Peer peer(scenario);
  App& first = peer.establish();
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  App& second = peer.establish();
  peer.new_flow(40000);
  peer.irs = irs;
  peer.snd_nxt = peer.rcv_nxt = 1;
  EXPECT_EQ(first.send(text(9000)), 4 * 2048U);
  peer.take_all();
  EXPECT_EQ(second.send("starving"), 0U);
  peer.advance(10ms);
  EXPECT_EQ(second.sendable, 0);
  peer.send({});
  EXPECT_EQ(second.sendable, 1);
  EXPECT_EQ(second.send("fed"), 3U);
  peer.take_all();
}

TEST(Send, a_slice_without_an_entry_is_refused_and_announced_later) {
  Scenario scenario;
  scenario.tcp.send_entries = 2;
  Peer peer(scenario);
  App& app = peer.establish();
  const base::Slice slice = base::copy_to_heap(base::as_bytes("slice"));
  EXPECT_TRUE(app.connection->send(slice));
  EXPECT_TRUE(app.connection->send(slice));
  EXPECT_FALSE(app.connection->send(slice));
  peer.expect({.payload = "sliceslice"});
  peer.send({});
  EXPECT_EQ(app.sendable, 1);
  EXPECT_TRUE(app.connection->send(slice));
  peer.expect({.payload = "slice"});
}

TEST(Send, after_shutdown_or_abort_takes_nothing) {
  for (const bool aborts : {false, true}) {
    Peer peer;
    App& app = peer.establish();
    const base::Slice slice = base::copy_to_heap(base::as_bytes("slice"));
    app.when_data = [&](Connection& connection, std::string_view) {
      aborts ? connection.abort() : connection.shutdown();
      EXPECT_EQ(connection.send(base::as_bytes("late")), 0U);
      EXPECT_FALSE(connection.send(slice));
    };
    peer.send({.payload = "x"});
    for (const Segment& segment : peer.take_all()) EXPECT_EQ(segment.payload, "");
  }
}

/// A buffer that says it is larger than it is: only its beginning is ever read.
class Huge final : public base::Buffer {
 public:
  Huge(const std::uint8_t* data, std::size_t size) : Buffer(data, size, [](Buffer*) noexcept {}) {}
};

// A slice's size does not matter, neither half the circle of sequence numbers nor all of it.
TEST(Send, a_slice_of_gigabytes_is_sent_as_it_is_acknowledged) {
  const std::vector<std::uint8_t> memory(1 << 20);
  for (const std::size_t size : {std::size_t{3} << 30, (std::size_t{4} << 30) + 10}) {
    Huge huge(memory.data(), size);
    const base::BufferRef keep(&huge);
    Peer peer;
    App& app = peer.establish();
    EXPECT_TRUE(app.connection->send(base::Slice{keep, 0, size}));
    app.connection->shutdown();
    for (int round = 0; round < 4; ++round) {
      const std::vector<Segment> sent = peer.take_all();
      ASSERT_FALSE(sent.empty());
      for (const Segment& segment : sent) {
        EXPECT_EQ(int{segment.flags.bits}, int{kTcpAck.bits});
        EXPECT_EQ(segment.payload.size(), 1460U);
      }
      peer.send({});
    }
    EXPECT_EQ(app.connection->unacknowledged(), size - (peer.rcv_nxt - 1) + peer.take_all().size() * 1460);
  }
}

TEST(Cork, holds_back_what_is_not_full_until_uncorked) {
  Peer peer;
  App& app = peer.establish();
  app.connection->cork(true);
  app.send("head ");
  peer.expect_nothing();
  app.send(text(2000));
  EXPECT_EQ(peer.expect({.flags = kTcpAck, .size = 1460}).payload.substr(0, 6), "head !");
  peer.expect_nothing();
  peer.send({});
  peer.advance(500ms);
  app.connection->cork(false);
  peer.expect({.flags = kPshAck, .seq = 1461, .size = 545});
}

TEST(Cork, shutdown_uncorks) {
  Peer peer;
  App& app = peer.establish();
  app.connection->cork(true);
  app.send("all");
  app.connection->shutdown();
  peer.expect({.flags = kFinAck | kTcpPsh, .payload = "all"});
}

TEST(Pause, keeps_data_until_resumed_and_closes_the_window) {
  Scenario scenario;
  scenario.tcp.receive_window = 4000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.connection->pause_reading();
  peer.send({.payload = text(1000)});
  peer.expect({.ack = 1001, .window = 3000});
  peer.send({.payload = text(3000).substr(0, 1460)});
  peer.expect({.ack = 2461, .window = 1540});
  peer.send({.payload = text(1400)});
  peer.expect({.ack = 3861, .window = 140});
  peer.send({.payload = text(140)});
  peer.expect({.ack = 4001, .window = 0});
  EXPECT_EQ(app.received, "");

  // RFC 9293 §3.8.6.1: a probe is answered, its byte is not taken.
  peer.send({.seq = peer.snd_nxt, .payload = "p"});
  peer.expect({.ack = 4001, .window = 0});
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 1U);

  app.connection->resume_reading();
  EXPECT_EQ(app.received, "") << "events come later, never from inside a verb";
  peer.expect({.flags = kTcpAck, .ack = 4001, .window = 4000});
  EXPECT_EQ(app.received.size(), 4000U);
}

TEST(Pause, from_inside_an_event_stops_the_next_one) {
  Peer peer;
  App& app = peer.establish();
  app.when_data = [](Connection& connection, std::string_view) { connection.pause_reading(); };
  peer.send({.payload = "a"});
  peer.send({.flags = kFinAck, .payload = "b"});
  EXPECT_EQ(app.received, "a");
  EXPECT_EQ(app.peer_finished, 0);
  app.connection->resume_reading();
  peer.pump();
  EXPECT_EQ(app.received, "ab");
  EXPECT_EQ(app.peer_finished, 0) << "it has paused again";
  app.connection->resume_reading();
  peer.pump();
  EXPECT_EQ(app.peer_finished, 1);
  peer.take_all();
}

// RFC 9293 §3.10.7.4, fifth check: a shut window still takes acknowledgements.
TEST(Pause, a_shut_window_still_takes_acknowledgements) {
  Scenario scenario;
  scenario.tcp.receive_window = 1000;
  Peer peer(scenario);
  App& app = peer.establish();
  app.connection->pause_reading();
  peer.send({.payload = text(1000)});
  peer.expect({.ack = 1001, .window = 0});
  app.send("hello");
  peer.expect({.payload = "hello"});
  peer.send({});
  EXPECT_EQ(app.drained, 1);
  EXPECT_EQ(app.connection->unacknowledged(), 0U);
}

TEST(Abort, sends_rst_and_closes_outside_the_caller) {
  Peer peer;
  App& app = peer.establish();
  app.send("never mind");
  app.connection->abort();
  EXPECT_FALSE(app.closed);
  peer.expect({.flags = kRstAck, .seq = 1, .ack = 1, .size = 0});
  EXPECT_EQ(app.closed, CloseReason::kAborted);
  EXPECT_EQ(peer.closed(CloseReason::kAborted), 1U);
  EXPECT_EQ(peer.events(Event::kTcpResetsSent), 1U);
  peer.send({.payload = "what?"});
  peer.expect({.flags = kTcpRst, .seq = 1});
}

TEST(Timer, fires_once_at_its_deadline_and_may_be_replaced_or_disarmed) {
  Peer peer;
  App& app = peer.establish();
  app.connection->set_timer(peer.now + 100ms);
  peer.advance(99ms);
  EXPECT_EQ(app.timers, 0);
  peer.advance(2ms);
  EXPECT_EQ(app.timers, 1);
  peer.advance(1s);
  EXPECT_EQ(app.timers, 1);

  app.connection->set_timer(peer.now + 100ms);
  app.connection->set_timer(peer.now + 300ms);
  peer.advance(200ms);
  EXPECT_EQ(app.timers, 1);
  peer.advance(101ms);
  EXPECT_EQ(app.timers, 2);

  app.connection->set_timer(peer.now + 100ms);
  app.connection->set_timer(base::kNever);
  peer.advance(1s);
  EXPECT_EQ(app.timers, 2);
}

TEST(Timer, may_arm_itself_again_and_may_end_the_connection) {
  Peer peer;
  App& app = peer.establish();
  app.when_timer = [&](Connection& connection) {
    EXPECT_EQ(connection.now(), peer.now);
    if (app.timers == 3) return connection.abort();
    connection.set_timer(connection.now() + 10ms);
  };
  app.connection->set_timer(peer.now + 10ms);
  peer.advance(100ms);
  EXPECT_EQ(app.timers, 3);
  EXPECT_EQ(app.closed, CloseReason::kAborted);
  peer.expect({.flags = kRstAck});
}

// The contract: every verb may be called from inside any event, the last one too.
TEST(Closed, verbs_called_from_the_last_event_do_nothing) {
  Peer peer;
  App& app = peer.establish();
  app.when_closed = [&](Connection& connection) {
    EXPECT_EQ(connection.send(base::as_bytes("x")), 0U);
    EXPECT_FALSE(connection.send(base::copy_to_heap(base::as_bytes("x"))));
    connection.cork(true);
    connection.cork(false);
    connection.pause_reading();
    connection.resume_reading();
    connection.set_timer(connection.now() + 10ms);
    connection.shutdown();
    connection.abort();
    EXPECT_EQ(connection.info().state, "CLOSED");
    EXPECT_EQ(connection.unacknowledged(), 0U);
  };
  peer.send({.flags = kTcpRst});
  EXPECT_EQ(app.closed, CloseReason::kPeerReset);
  peer.advance(1s);
  EXPECT_EQ(app.timers, 0);
}

TEST(Info, tells_what_linux_would) {
  Scenario scenario;
  scenario.window_scale = 2;
  scenario.peer_window = 10'000;
  scenario.sack = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send("hello");
  peer.expect({});
  peer.advance(20ms);
  peer.send({.window = 10'000, .payload = "world"});
  peer.take_all();
  peer.advance(5ms);
  const Info info = app.connection->info();
  EXPECT_EQ(info.congestion_control, "cubic");
  EXPECT_EQ(info.ca_state, "open");
  EXPECT_TRUE(info.sack && info.window_scaling && !info.timestamps && !info.ecn);
  EXPECT_EQ(info.snd_wscale, 2);
  EXPECT_EQ(info.snd_mss, 1460U);
  EXPECT_EQ(info.pmtu, 1500U);
  EXPECT_EQ(info.snd_wnd, 40'000U);
  EXPECT_EQ(info.snd_cwnd, 14'600U);
  EXPECT_EQ(info.bytes_sent, 5U);
  EXPECT_EQ(info.bytes_acked, 5U);
  EXPECT_EQ(info.delivered, 5U);
  EXPECT_EQ(info.bytes_received, 5U);
  EXPECT_EQ(info.segments_sent, 2U) << "data, acknowledgement: the SYN-ACK is before the connection's making";
  EXPECT_EQ(info.segments_received, 2U);
  EXPECT_EQ(info.retransmitted, 0U);
  EXPECT_GT(info.srtt, 0ms);
  EXPECT_GE(info.rto, 200ms);
  EXPECT_EQ(info.last_data_sent, 25ms);
  EXPECT_EQ(info.last_data_received, 5ms);
  EXPECT_EQ(info.last_received, 5ms);
}

TEST(Info, tells_what_is_in_flight_lost_and_waiting) {
  Scenario scenario;
  scenario.sack = true;
  scenario.window_scale = 7;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(16'000));
  peer.take_all();
  EXPECT_EQ(app.connection->info().unacked, 14'600U);
  EXPECT_EQ(app.connection->info().notsent, 1400U);
  peer.send({.seq = 11, .ack = 1, .payload = "early"});
  peer.take_all();
  EXPECT_EQ(app.connection->info().rcv_ooopack, 1U);
  EXPECT_EQ(app.connection->info().rcv_waiting, 1U);
  wire::TcpOptions options;
  options.sack_count = 1;
  options.sack[0] = {wire::Seq(peer.irs + 1461), wire::Seq(peer.irs + 14601)};
  peer.send({.ack = 1, .options = options});
  EXPECT_EQ(app.connection->info().ca_state, "recovery");
  EXPECT_EQ(app.connection->info().sacked, 13'140U);
  EXPECT_EQ(app.connection->info().delivered, 13'140U);
  EXPECT_GT(app.connection->info().retransmitted, 0U);
  peer.take_all();
  peer.advance(10s);
  peer.take_all();
  EXPECT_EQ(app.connection->info().ca_state, "loss");
  EXPECT_GT(app.connection->info().timeouts, 0U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
