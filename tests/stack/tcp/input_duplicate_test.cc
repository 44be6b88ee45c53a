// Data that comes more than once: what is reported of it (RFC 2883), and which copy counts.

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

Scenario with_sack(bool timestamps = false) {
  Scenario scenario;
  scenario.sack = true;
  scenario.timestamps = timestamps;
  return scenario;
}

// RFC 2883 §4.1
TEST(Duplicate, of_delivered_data_is_reported_once) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.payload = text(300)});
  peer.expect({.ack = 301, .sacks = ""});
  peer.send({.seq = 1, .payload = text(300)});
  peer.expect({.ack = 301, .size = 0, .sacks = "[1,301)"});
  EXPECT_EQ(peer.events(Event::kTcpDsackOldSent), 1U);
  peer.send({.payload = text(100)});
  peer.expect({.ack = 401, .sacks = ""});
}

// RFC 2883 §4 (4), §4.1.2: then the block of data that is waiting.
TEST(Duplicate, of_delivered_data_comes_before_what_waits) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.payload = text(300)});
  peer.expect({.ack = 301});
  peer.send({.seq = 501, .payload = text(100)});
  peer.expect({.ack = 301, .sacks = "[501,601)"});
  peer.send({.seq = 101, .payload = text(100)});
  peer.expect({.ack = 301, .sacks = "[101,201)[501,601)"});
}

// RFC 2883 §4.1.3, rule 4: the second block is the larger one that the duplicate lies in.
TEST(Duplicate, of_waiting_data_is_followed_by_the_block_that_it_lies_in) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.seq = 501, .payload = text(1000)});
  peer.expect({.ack = 1, .sacks = "[501,1501)"});
  peer.send({.seq = 3001, .payload = text(100)});
  peer.expect({.ack = 1, .sacks = "[3001,3101)[501,1501)"});
  peer.send({.seq = 801, .payload = text(200)});
  peer.expect({.ack = 1, .sacks = "[801,1001)[501,1501)[3001,3101)"});
  EXPECT_EQ(peer.events(Event::kTcpDsackOutOfOrderSent), 1U);
  peer.send({.seq = 4001, .payload = text(100)});
  peer.expect({.ack = 1, .sacks = "[4001,4101)[501,1501)[3001,3101)"});
}

// RFC 2883 §4.2.1: only the part that came before.
TEST(Duplicate, of_a_part_is_reported_as_that_part) {
  Peer peer(with_sack());
  App& app = peer.establish();
  peer.send({.payload = text(300)});
  peer.expect({.ack = 301});
  peer.send({.seq = 201, .payload = text(400)});
  peer.expect({.ack = 601, .sacks = "[201,301)"});
  EXPECT_EQ(app.received.size(), 600U);
  peer.send({.seq = 701, .payload = text(200)});
  peer.expect({.ack = 601, .sacks = "[701,901)"});
  peer.send({.seq = 801, .payload = text(200)});
  peer.expect({.ack = 601, .sacks = "[801,901)[701,1001)"});
}

// RFC 2883 §4.2.3: of two parts the first.
TEST(Duplicate, of_two_parts_the_first_is_reported) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.seq = 201, .payload = text(100)});
  peer.send({.seq = 401, .payload = text(100)});
  peer.take_all();
  peer.send({.seq = 101, .payload = text(500)});
  peer.expect({.ack = 1, .sacks = "[201,301)[101,601)"});
}

TEST(Duplicate, inside_a_segment_that_fills_the_hole_is_reported) {
  Peer peer(with_sack());
  App& app = peer.establish();
  peer.send({.seq = 201, .payload = text(100)});
  peer.take_all();
  peer.send({.seq = 1, .payload = text(400)});
  peer.expect({.ack = 401, .sacks = "[201,301)"});
  EXPECT_EQ(app.received.size(), 400U);
}

// RFC 2883 §4 (2): each duplicate in one acknowledgement, and each of them in one.
TEST(Duplicate, each_of_a_burst_has_an_acknowledgement) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.payload = text(300)});
  peer.expect({.ack = 301});
  const std::string hundred = text(100);
  peer.send_together(
      {{.seq = 1, .payload = hundred}, {.seq = 101, .payload = hundred}, {.seq = 201, .payload = hundred}});
  peer.expect({.ack = 301, .sacks = "[1,101)"});
  peer.expect({.ack = 301, .sacks = "[101,201)"});
  peer.expect({.ack = 301, .sacks = "[201,301)"});
  peer.expect_nothing();
}

// RFC 2018 §3: three blocks fit beside timestamps, the duplicate among them.
TEST(Duplicate, takes_one_of_the_blocks_that_fit) {
  Peer peer(with_sack(true));
  peer.establish();
  for (const std::uint32_t seq : {11U, 21U, 31U, 41U}) peer.send({.seq = seq, .payload = "x"});
  peer.take_all();
  peer.send({.seq = 21, .payload = "x"});
  peer.expect({.ack = 1, .sacks = "[21,22)[21,22)[41,42)"});
}

TEST(Duplicate, a_repeated_fin_is_one) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.flags = kFinAck, .payload = text(10)});
  peer.expect({.ack = 12});
  peer.send({.flags = kFinAck, .seq = 1, .payload = text(10)});
  peer.expect({.ack = 12, .sacks = "[1,12)"});
}

TEST(Duplicate, an_empty_segment_is_none) {
  Peer peer(with_sack());
  peer.establish();
  peer.send({.payload = text(10)});
  peer.expect({.ack = 11});
  peer.send({.seq = 10});
  peer.expect({.ack = 11, .sacks = ""});
}

TEST(Duplicate, is_not_reported_to_a_peer_without_sack) {
  Peer peer;
  peer.establish();
  peer.send({.payload = text(10)});
  peer.expect({.ack = 11});
  peer.send({.seq = 1, .payload = text(10)});
  EXPECT_TRUE(peer.expect({.ack = 11}).option_bytes.empty());
  EXPECT_EQ(peer.events(Event::kTcpDsackOldSent), 0U);
}

// The patterns of Shankar and Paxson ("Active Mapping", 2003), which tell systems apart by which copy they believe. We
// always believe the first, so that what was acknowledged or reported never changes. Their figure, a column eight
// bytes:
//
//            0  1  2  3  4  5  6  7  8  9  10 11
//   first    1  1  1     2  2     3  3  3
//   second      4  4  4  4
//   third                         5  5  5
//   fourth                                  6  6  6
class Overlap : public testing::Test {
 protected:
  static constexpr std::uint32_t kColumn = 8;

  static std::string part(char letter, std::uint32_t columns) { return std::string(columns * kColumn, letter); }
  void send(char letter, std::uint32_t column, std::uint32_t columns) {
    peer.send({.seq = 2 + column * kColumn, .payload = part(letter, columns)});
  }
  /// The byte in front of all, which lets them be read.
  std::string read() {
    peer.send({.seq = 1, .payload = "."});
    peer.take_all();
    return peer.app().received.substr(1);
  }

  Peer peer{with_sack()};
};

TEST_F(Overlap, the_first_copy_counts) {
  peer.establish();
  send('1', 0, 3);
  send('2', 4, 2);
  send('3', 6, 3);
  send('4', 1, 4);
  send('5', 6, 3);
  send('6', 9, 3);
  EXPECT_EQ(read(), part('1', 3) + part('4', 1) + part('2', 2) + part('3', 3) + part('6', 3));
}

TEST_F(Overlap, a_copy_that_begins_before) {
  peer.establish();
  send('1', 2, 2);
  send('2', 1, 2);
  send('3', 0, 1);
  EXPECT_EQ(read(), part('3', 1) + part('2', 1) + part('1', 2));
}

TEST_F(Overlap, a_copy_that_ends_after) {
  peer.establish();
  send('1', 0, 2);
  send('2', 1, 2);
  EXPECT_EQ(read(), part('1', 2) + part('2', 1));
}

TEST_F(Overlap, a_copy_inside) {
  peer.establish();
  send('1', 0, 3);
  send('2', 1, 1);
  EXPECT_EQ(read(), part('1', 3));
}

TEST_F(Overlap, a_copy_around) {
  peer.establish();
  send('1', 1, 1);
  send('2', 0, 3);
  EXPECT_EQ(read(), part('2', 1) + part('1', 1) + part('2', 1));
}

TEST_F(Overlap, a_copy_with_the_same_beginning_or_end) {
  peer.establish();
  send('1', 0, 1);
  send('2', 0, 2);
  send('3', 3, 1);
  send('4', 2, 2);
  EXPECT_EQ(read(), part('1', 1) + part('2', 1) + part('4', 1) + part('3', 1));
}

// The copy that can be handed over at once lies across what waits: the first still counts.
TEST_F(Overlap, a_copy_in_order_does_not_replace_what_waits) {
  App& app = peer.establish();
  send('1', 1, 1);
  send('2', 3, 1);
  peer.send({.seq = 1, .payload = "." + part('3', 5)});
  EXPECT_EQ(app.received, "." + part('3', 1) + part('1', 1) + part('3', 1) + part('2', 1) + part('3', 1));
  peer.take_all();
}

TEST_F(Overlap, a_copy_of_what_was_delivered_is_not_delivered_again) {
  App& app = peer.establish();
  peer.send({.payload = "abc"});
  peer.send({.seq = 1, .payload = "ABCdef"});
  EXPECT_EQ(app.received, "abcdef");
  peer.take_all();
}

TEST_F(Overlap, an_application_that_pauses_in_between_finds_the_rest_later) {
  App& app = peer.establish();
  send('1', 1, 1);
  app.when_data = [](Connection& connection, std::string_view) { connection.pause_reading(); };
  peer.send({.seq = 1, .payload = "." + part('3', 3)});
  EXPECT_EQ(app.received, "." + part('3', 1));
  app.when_data = nullptr;
  app.connection->resume_reading();
  peer.pump();
  EXPECT_EQ(app.received, "." + part('3', 1) + part('1', 1) + part('3', 1));
  peer.take_all();
}

// Where the stream ends was said first.
TEST_F(Overlap, data_beyond_a_fin_is_not_taken) {
  App& app = peer.establish();
  peer.send({.flags = kFinAck, .seq = 2, .payload = "bc"});
  peer.send({.seq = 2, .payload = "bcde"});
  peer.send({.seq = 1, .payload = "abcdef"});
  EXPECT_EQ(app.received, "abc");
  EXPECT_EQ(app.peer_finished, 1);
  EXPECT_EQ(peer.take_all().back().ack, 5U);
}

TEST_F(Overlap, data_that_waits_beyond_a_fin_is_forgotten) {
  App& app = peer.establish();
  peer.send({.seq = 3, .payload = "cdefg"});
  peer.send({.flags = kFinAck, .seq = 2, .payload = "bc"});
  peer.take_all();
  peer.send({.seq = 1, .payload = "a"});
  EXPECT_EQ(app.received, "abc");
  EXPECT_EQ(app.peer_finished, 1);
  peer.expect({.ack = 5, .sacks = ""});
}

// RFC 6093 §3: urgent data is read in line; the pointer means nothing here.
TEST_F(Overlap, urgent_data_is_data) {
  App& app = peer.establish();
  peer.send({.flags = kPshAck | kTcpUrg, .payload = "abc"});
  peer.expect({.flags = kTcpAck, .ack = 4});
  EXPECT_EQ(app.received, "abc");
}

}  // namespace
}  // namespace windhover::stack::tcp::test
