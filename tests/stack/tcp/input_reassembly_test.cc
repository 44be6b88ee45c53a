// Data on its way in: order, overlap, holes, acknowledgements (input.cc, seventh check).

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"
#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp::test {
namespace {

Scenario with_sack() {
  Scenario scenario;
  scenario.sack = true;
  return scenario;
}

/// Uses up the acknowledgements that a young connection sends at once.
void leave_quick_ack(Peer& peer) {
  for (int count = 0; count < 16; ++count) {
    peer.send({.payload = "."});
    peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt, .size = 0});
  }
}

TEST(Receive, data_in_order_is_handed_over_at_once) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.flags = kPshAck, .payload = "hello"});
  EXPECT_EQ(app.received, "hello");
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 6, .size = 0});
  EXPECT_EQ(app.connection->info().bytes_received, 5U);
}

TEST(Receive, a_young_connection_acknowledges_at_once) {
  Peer peer;
  peer.establish();
  leave_quick_ack(peer);
  peer.send({.payload = "x"});
  peer.expect_nothing();
  peer.advance(40ms);
  peer.expect({});
}

// RFC 1122 §4.2.3.2: within 500 ms; ours is 40.
TEST(Receive, an_acknowledgement_waits_for_company_for_forty_milliseconds) {
  Peer peer;
  peer.establish();
  leave_quick_ack(peer);
  peer.send({.payload = "x"});
  peer.advance(38ms);
  peer.expect_nothing();
  peer.advance(2ms);
  peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt});
  peer.advance(1s);
  peer.expect_nothing();
}

TEST(Receive, a_delayed_acknowledgement_rides_on_the_answer) {
  Peer peer;
  App& app = peer.establish();
  leave_quick_ack(peer);
  app.when_data = [&](Connection& connection, std::string_view) { connection.send(base::as_bytes("answer")); };
  peer.send({.flags = kPshAck, .payload = "question"});
  peer.expect({.flags = kPshAck, .ack = peer.snd_nxt, .payload = "answer"});
  peer.send({});
  peer.advance(100ms);
  peer.expect_nothing();
}

// RFC 9293 §3.8.6.3, RFC 5681 §4.2: at least every second full-sized segment.
TEST(Receive, every_second_full_segment_is_acknowledged_at_once) {
  Peer peer;
  peer.establish();
  leave_quick_ack(peer);
  for (int pair = 0; pair < 3; ++pair) {
    peer.send({.payload = text(1460)});
    peer.expect_nothing();
    peer.send({.payload = text(1460)});
    peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt});
  }
}

TEST(Receive, every_second_full_segment_is_acknowledged_after_a_super_frame_too) {
  Scenario scenario;
  scenario.wire.gso = true;
  scenario.timestamps = true;
  Peer peer(scenario);
  peer.establish();
  leave_quick_ack(peer);
  peer.send({.payload = text(14480)});
  peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt});
  peer.send({.payload = text(1448)});
  peer.expect_nothing();
  peer.send({.payload = text(1448)});
  peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt});
}

// RFC 5681 §4.2: out of order, and when it fills a hole.
TEST(Receive, out_of_order_data_waits_and_is_reported) {
  Peer peer(with_sack());
  App& app = peer.establish();
  leave_quick_ack(peer);
  peer.send({.seq = 21, .payload = "def"});
  peer.expect({.flags = kTcpAck, .ack = 17, .size = 0, .sacks = "[21,24)"});
  EXPECT_EQ(app.received.size(), 16U);
  peer.send({.seq = 17, .payload = "abc!"});
  peer.expect({.flags = kTcpAck, .ack = 24, .size = 0, .sacks = ""});
  EXPECT_EQ(app.received.substr(16), "abc!def");
}

// RFC 2018 §4
TEST(Receive, sack_blocks_are_reported_newest_first) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.seq = 11, .payload = "a"});
  peer.expect({.ack = 1, .sacks = "[11,12)"});
  peer.send({.seq = 31, .payload = "b"});
  peer.expect({.ack = 1, .sacks = "[31,32)[11,12)"});
  peer.send({.seq = 21, .payload = "c"});
  peer.expect({.ack = 1, .sacks = "[21,22)[31,32)[11,12)"});
  peer.send({.seq = 12, .payload = "d"});
  peer.expect({.ack = 1, .sacks = "[11,13)[21,22)[31,32)"});
}

// RFC 5681 §4.2: one for each, so that the peer counts its three duplicates, and one that is lost does not matter.
TEST(Receive, each_of_a_burst_out_of_order_has_an_acknowledgement) {
  Peer peer(with_sack());
  peer.establish();
  peer.send_together({{.seq = 11, .payload = "a"}, {.seq = 31, .payload = "b"}, {.seq = 12, .payload = "c"}});
  peer.expect({.ack = 1, .sacks = "[11,12)"});
  peer.expect({.ack = 1, .sacks = "[31,32)[11,12)"});
  peer.expect({.ack = 1, .sacks = "[11,13)[31,32)"});
  peer.expect_nothing();
}

TEST(Receive, what_is_in_order_before_a_hole_is_acknowledged_before_it) {
  Peer peer;
  peer.establish();
  peer.send_together({{.seq = 1, .payload = "0123456789"}, {.seq = 21, .payload = "a"}, {.seq = 22, .payload = "b"}});
  peer.expect({.ack = 11});
  peer.expect({.ack = 11});
  peer.expect({.ack = 11});
  peer.expect_nothing();
}

// RFC 7323, RFC 2018 §3: three blocks fit beside timestamps.
TEST(Receive, timestamps_leave_room_for_three_sack_blocks) {
  Scenario scenario = with_sack();
  scenario.timestamps = true;
  Peer peer(scenario);
  peer.establish();
  for (const std::uint32_t seq : {11U, 21U, 31U, 41U}) peer.send({.seq = seq, .payload = "x"});
  peer.take_all();
  peer.send({.seq = 51, .payload = "x"});
  peer.expect({.ack = 1, .sacks = "[51,52)[41,42)[31,32)"});
}

TEST(Receive, a_peer_without_sack_gets_plain_duplicates) {
  Peer peer;
  peer.establish();
  peer.send({.seq = 11, .payload = "x"});
  EXPECT_TRUE(peer.expect({.flags = kTcpAck, .ack = 1, .sacks = ""}).option_bytes.empty());
}

TEST(Receive, overlapping_segments_deliver_each_byte_once) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.seq = 4, .payload = "defg"});
  peer.send({.seq = 2, .payload = "bcdefghi"});
  peer.send({.seq = 1, .payload = "abc"});
  peer.send({.seq = 5, .payload = "efghijk"});
  EXPECT_EQ(app.received, "abcdefghijk");
  peer.take_all();
}

// RFC 9293 §3.10.7.4: what lies beyond the window is cut off.
TEST(Receive, a_segment_across_the_right_edge_is_cut) {
  Scenario scenario;
  scenario.tcp.receive_window = 1000;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.payload = text(1200)});
  EXPECT_EQ(app.received, text(1200).substr(0, 1000));
  peer.expect({.flags = kTcpAck, .ack = 1001});
}

TEST(Receive, a_fin_beyond_the_cut_is_not_taken) {
  Scenario scenario;
  scenario.tcp.receive_window = 1000;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.flags = kFinAck, .payload = text(1200)});
  EXPECT_EQ(app.peer_finished, 0);
  peer.expect({.flags = kTcpAck, .ack = 1001});
}

TEST(Receive, a_fin_before_the_hole_is_filled_waits) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.flags = kFinAck, .seq = 4, .payload = "def"});
  peer.expect({.ack = 1});
  EXPECT_EQ(app.peer_finished, 0);
  peer.send({.seq = 1, .payload = "abc"});
  peer.expect({.ack = 8});
  EXPECT_EQ(app.received, "abcdef");
  EXPECT_EQ(app.peer_finished, 1);
}

TEST(Receive, beyond_the_lanes_store_data_is_dropped_and_the_connection_goes_on) {
  Scenario scenario;
  scenario.tcp.reassembly_blocks = 2;
  Peer peer(scenario);
  App& app = peer.establish();
  peer.send({.seq = 2001, .payload = text(1000)});
  peer.send({.seq = 4001, .payload = text(1000)});
  EXPECT_EQ(peer.drops(Drop::kTcpReassemblyFull), 0U);
  peer.send({.seq = 6001, .payload = text(1000)});
  EXPECT_EQ(peer.drops(Drop::kTcpReassemblyFull), 1U);
  peer.take_all();
  // What is next in order never needs the store.
  for (const std::uint32_t seq : {1U, 1001U}) peer.send({.seq = seq, .payload = text(1000)});
  EXPECT_EQ(app.received.size(), 3000U);
  for (const std::uint32_t seq : {3001U, 5001U, 6001U}) peer.send({.seq = seq, .payload = text(1000)});
  EXPECT_EQ(app.received.size(), 7000U);
  EXPECT_EQ(peer.drops(Drop::kTcpReassemblyFull), 1U);
  EXPECT_EQ(peer.take_all().back().ack, 7001U);
}

TEST(Receive, another_connections_hoard_does_not_stop_data_in_order) {
  Scenario scenario;
  scenario.tcp.reassembly_blocks = 3;
  Peer peer(scenario);
  peer.establish();
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  App& second = peer.establish();
  const std::uint32_t second_irs = peer.irs;
  peer.new_flow(40000);
  peer.irs = irs;
  for (const std::uint32_t seq : {3001U, 6001U}) peer.send({.seq = seq, .ack = 1, .payload = text(1000)});
  peer.take_all();
  peer.new_flow(41000);
  peer.irs = second_irs;
  peer.rcv_nxt = 1;
  peer.send({.seq = 2, .payload = "bc"});
  peer.send({.seq = 1, .payload = text(100)});
  EXPECT_EQ(second.received.size(), 100U);
  peer.take_all();
}

// However tiny its segments are, a peer holds what its window is worth.
TEST(Receive, tiny_segments_are_bounded_by_the_window) {
  Scenario scenario;
  scenario.tcp.receive_window = 16 * 1024;
  scenario.tcp.reassembly_blocks = 10;  // The window, and its two edges.
  Peer peer(scenario);
  peer.establish();
  for (std::uint32_t seq = 3; seq < 16 * 1024; seq += 10) peer.send({.seq = seq, .payload = "x"});
  EXPECT_EQ(peer.drops(Drop::kTcpReassemblyFull), 0U);
  EXPECT_EQ(peer.events(Event::kTcpReneged), 0U);
  peer.take_all();
}

TEST(Receive, an_application_that_aborts_while_reading_hears_no_more) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.flags = kFinAck, .seq = 4, .payload = "def"});
  app.when_data = [&](Connection& connection, std::string_view) { connection.abort(); };
  peer.send({.seq = 1, .payload = "abc"});
  EXPECT_EQ(app.received, "abc");
  EXPECT_EQ(app.peer_finished, 0);
  EXPECT_EQ(app.closed, CloseReason::kAborted);
  const std::vector<Segment> sent = peer.take_all();
  ASSERT_FALSE(sent.empty());
  EXPECT_TRUE(sent.back().flags.rst());
}

// Segments of any size at any place in any order: the application reads the stream as it is.
class ReceiveProperty : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ReceiveProperty, delivers_the_stream_in_order) {
  Random random(GetParam());
  Peer peer(with_sack());
  App& app = peer.establish();
  const std::string stream = text(50'000);
  bool paused = false;
  while (app.received.size() < stream.size()) {
    const std::size_t read = app.received.size();
    const std::size_t seq = random() % 3 == 0 ? read : read - std::min<std::size_t>(read, 500) + random() % 8000;
    if (seq >= stream.size()) continue;
    peer.send({.seq = static_cast<std::uint32_t>(1 + seq), .payload = stream.substr(seq, 1 + random() % 1400)});
    if (random() % 16 == 0) {
      paused ? app.connection->resume_reading() : app.connection->pause_reading();
      paused = !paused;
      peer.pump();
    }
    if (paused && random() % 8 == 0) {
      app.connection->resume_reading();
      paused = false;
      peer.pump();
    }
    ASSERT_EQ(app.received, stream.substr(0, app.received.size()));
  }
  peer.take_all();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReceiveProperty, testing::Range(1U, 7U));

}  // namespace
}  // namespace windhover::stack::tcp::test
