#include "stack/tcp/input.h"

#include <gtest/gtest.h>

#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

constexpr std::uint32_t kWindow = 65535;  // Of Scenario's stack.

/// Every state in which a connection has exchanged SYNs, by name.
class EveryState : public testing::TestWithParam<const char*> {};

// RFC 9293 §3.10.7.4, second check; RFC 5961 §3.2 (1)
TEST_P(EveryState, rst_at_rcv_nxt_ends_it) {
  Peer peer;
  App& app = peer.enter(GetParam());
  peer.send({.flags = kTcpRst});
  EXPECT_EQ(app.closed, CloseReason::kPeerReset);
  EXPECT_EQ(peer.stack->connection_count(), 0U);
  EXPECT_EQ(peer.closed(CloseReason::kPeerReset), 1U);
  peer.expect_nothing();
}

// RFC 5961 §3.2 (2): elsewhere in the window it is challenged.
TEST_P(EveryState, rst_inside_the_window_is_challenged) {
  Peer peer;
  App& app = peer.enter(GetParam());
  peer.send({.flags = kTcpRst, .seq = peer.snd_nxt + 10});
  peer.expect({.flags = kTcpAck, .ack = peer.snd_nxt, .size = 0});
  EXPECT_FALSE(app.closed);
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 1U);
}

// RFC 5961 §3.2 (3): outside it is nothing.
TEST_P(EveryState, rst_outside_the_window_is_dropped) {
  Peer peer;
  App& app = peer.enter(GetParam());
  peer.send({.flags = kTcpRst, .seq = peer.snd_nxt - 1});
  peer.send({.flags = kTcpRst, .seq = peer.snd_nxt + kWindow});
  peer.expect_nothing();
  EXPECT_FALSE(app.closed);
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 2U);
}

// RFC 5961 §4.2: whatever its sequence number.
TEST_P(EveryState, syn_is_challenged) {
  for (const std::uint32_t offset : {0U, 100U, 0U - 5, 1'000'000U}) {
    Peer peer;
    App& app = peer.enter(GetParam());
    const std::uint32_t next = peer.snd_nxt;
    peer.send({.flags = kTcpSyn, .seq = next + offset});
    peer.expect({.flags = kTcpAck, .ack = next, .size = 0});
    EXPECT_FALSE(app.closed);
    EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 1U);
  }
}

// RFC 9293 §3.10.7.4, first check
TEST_P(EveryState, a_segment_outside_the_window_is_answered_with_where_we_are) {
  Peer peer;
  App& app = peer.enter(GetParam());
  const std::uint32_t next = peer.snd_nxt;
  peer.send({.seq = next - 1, .payload = "x"});
  peer.expect({.flags = kTcpAck, .ack = next, .size = 0});
  peer.send({.seq = next + kWindow, .payload = "x"});
  peer.expect({.flags = kTcpAck, .ack = next, .size = 0});
  EXPECT_EQ(app.received, "");
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 2U);
}

// RFC 9293 §3.10.7.4, fifth check
TEST_P(EveryState, a_segment_without_ack_is_dropped) {
  Peer peer;
  App& app = peer.enter(GetParam());
  peer.send({.flags = kNoFlags, .payload = "x"});
  peer.expect_nothing();
  EXPECT_EQ(app.received, "");
  EXPECT_EQ(peer.drops(Drop::kTcpBadFlags), 1U);
}

// RFC 9293 §3.10.7.4, fifth check; RFC 5961 §5.2
TEST_P(EveryState, an_acknowledgement_of_what_was_never_sent_is_challenged) {
  Peer peer;
  App& app = peer.enter(GetParam());
  peer.send({.ack = peer.rcv_nxt + 1, .payload = "x"});
  peer.expect({.flags = kTcpAck, .size = 0});
  EXPECT_EQ(app.received, "");
  EXPECT_FALSE(app.closed);
  EXPECT_EQ(peer.drops(Drop::kTcpBadAck), 1U);
}

INSTANTIATE_TEST_SUITE_P(Each, EveryState,
                         testing::Values("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",
                                         "LAST-ACK"),
                         [](const auto& state) {
                           std::string name = state.param;
                           std::erase(name, '-');
                           return name;
                         });

// RFC 5961 §5.2: an acknowledgement from before the largest window is not the peer's.
TEST(Established, an_acknowledgement_from_long_ago_is_challenged) {
  Scenario scenario;
  scenario.peer_window = 1000;
  Peer peer(scenario);
  App& app = peer.establish();
  for (int round = 0; round < 3; ++round) {
    app.send(text(1000));
    peer.expect({.size = 1000});
    peer.send({.window = 1000});
  }
  peer.send({.ack = 2001, .window = 1000, .payload = "a"});
  EXPECT_EQ(app.received, "a") << "old, but within a window";
  peer.send({.ack = 2000, .window = 1000, .payload = "b"});
  EXPECT_EQ(app.received, "a");
  EXPECT_EQ(peer.drops(Drop::kTcpBadAck), 1U);
  peer.take_all();
}

// Two ends that have lost each other answer each acknowledgement with one: not more often than every half second.
TEST(Established, what_cannot_be_accepted_is_answered_rarely) {
  const std::vector<Out> unacceptable{
      {.flags = kTcpRst, .seq = 2},   {.flags = kTcpSyn, .seq = 1}, {.flags = kSynAck, .seq = 0},
      {.seq = 1, .ack = 0x10000000},  {.seq = 0x10000000},          {.seq = 0},
      {.flags = kTcpSyn, .seq = 500}, {.seq = 1 + kWindow}};
  for (const Out& out : unacceptable) {
    Peer peer;
    peer.establish();
    for (int count = 0; count < 10; ++count) peer.send(out);
    peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1, .size = 0});
    peer.expect_nothing();
    EXPECT_EQ(peer.events(Event::kTcpAnswersLimited), 9U);
    peer.advance(500ms - 1ms);
    peer.send(out);
    peer.expect_nothing();
    peer.advance(1ms);
    peer.send(out);
    peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1, .size = 0});
  }
}

// Whoever repeats data waits for its acknowledgement.
TEST(Established, repeated_data_is_acknowledged_each_time) {
  Peer peer;
  peer.establish();
  peer.send({.payload = "once"});
  peer.expect({.flags = kTcpAck, .ack = 5});
  for (int count = 0; count < 10; ++count) {
    peer.send({.seq = 1, .payload = "once"});
    peer.expect({.flags = kTcpAck, .ack = 5});
  }
  EXPECT_EQ(peer.events(Event::kTcpAnswersLimited), 0U);
}

// RFC 5961 §7. The number differs from second to second, so that whoever shares the limit cannot count with it what
// other connections cause.
TEST(SynReceived, challenges_of_all_connections_together_are_limited_too) {
  Peer peer;
  for (std::uint16_t port = 1000; port < 2600; ++port) {
    peer.new_flow(port);
    peer.send({.flags = kTcpSyn});
  }
  peer.take_all();
  const auto challenged = [&] {
    for (std::uint16_t port = 1000; port < 2600; ++port) {
      peer.new_flow(port);
      peer.send({.flags = kTcpRst, .seq = 5});
    }
    std::vector<Segment> answers = peer.take_all();
    std::erase_if(answers, [](const Segment& segment) { return segment.flags.syn(); });
    return answers.size();
  };
  const std::size_t first = challenged();
  EXPECT_GE(first, 500U);
  EXPECT_LT(first, 1500U);
  EXPECT_EQ(challenged(), 0U) << "the same second";
  peer.now += 1s;
  const std::size_t second = challenged();
  EXPECT_GE(second, 500U);
  EXPECT_LT(second, 1500U);
  EXPECT_NE(second, first);
}

TEST(Established, urgent_data_is_ordinary_data) {
  Peer peer;
  App& app = peer.establish();
  peer.send({.flags = kPshAck | kTcpUrg, .payload = "urgent"});
  EXPECT_EQ(app.received, "urgent");
  peer.expect({.flags = kTcpAck, .ack = 7});
}

TEST(Established, a_segment_whose_checksum_is_wrong_is_dropped) {
  Peer peer;
  App& app = peer.establish();
  std::vector<std::uint8_t> packet = peer.wrap(peer.build({.flags = kPshAck, .payload = "hello"}));
  packet.back() ^= 1;
  peer.send_packet(packet);
  EXPECT_EQ(peer.drops(Drop::kTcpBadChecksum), 1U);
  EXPECT_EQ(app.received, "");
}

TEST(Established, a_checksum_that_the_device_has_verified_is_not_looked_at) {
  Scenario scenario;
  scenario.wire.partial_checksum = true;
  Peer peer(scenario);
  App& app = peer.establish();
  std::vector<std::uint8_t> packet = peer.wrap(peer.build({.flags = kPshAck, .payload = "hello"}));
  packet[20 + 16] ^= 0xff;
  peer.send_packet(packet, link::Checksum::kVerified);
  EXPECT_EQ(app.received, "hello");
  peer.expect({.flags = kTcpAck, .ack = 6});
}

TEST(Established, a_checksum_of_either_form_is_believed_and_nothing_else) {
  Scenario scenario;
  scenario.wire.partial_checksum = true;
  for (const bool v6 : {false, true}) {
    scenario.v6 = v6;
    const std::size_t field = (v6 ? 40U : 20U) + 16;
    for (const bool complete : {true, false}) {
      Peer peer(scenario);
      App& app = peer.establish();
      const std::vector<std::uint8_t> segment = peer.build({.flags = kPshAck, .payload = "hello"});
      std::vector<std::uint8_t> packet = peer.wrap(segment);
      if (!complete) {
        const wire::Sum pseudo =
            wire::pseudo_header_sum(peer.remote.address, peer.local.address, wire::kProtocolTcp, segment.size());
        base::store_be(&packet[field], pseudo.fold());
      }
      std::vector<std::uint8_t> wrong = packet;
      wrong[field + 1] ^= 1;
      peer.send_packet(wrong, link::Checksum::kEither);
      EXPECT_EQ(peer.drops(Drop::kTcpBadChecksum), 1U);
      EXPECT_EQ(app.received, "");
      peer.send_packet(packet, link::Checksum::kEither);
      EXPECT_EQ(app.received, "hello");
      peer.expect({.flags = kTcpAck, .ack = 6});
    }
  }
}

TEST(Established, a_checksum_that_is_only_begun_is_refused_where_the_device_does_not_claim_it) {
  Peer peer;
  App& app = peer.establish();
  const std::vector<std::uint8_t> segment = peer.build({.flags = kPshAck, .payload = "hello"});
  std::vector<std::uint8_t> packet = peer.wrap(segment);
  base::store_be(
      &packet[20 + 16],
      wire::pseudo_header_sum(peer.remote.address, peer.local.address, wire::kProtocolTcp, segment.size()).fold());
  peer.send_packet(packet, link::Checksum::kEither);
  EXPECT_EQ(peer.drops(Drop::kTcpBadChecksum), 1U);
  EXPECT_EQ(app.received, "");
}

TEST(Established, impossible_headers_and_options_are_dropped) {
  Peer peer;
  App& app = peer.establish();
  const std::vector<std::uint8_t> segment = peer.build({.flags = kPshAck, .payload = "hello"});
  for (std::size_t size = 0; size < 20; ++size) peer.send_packet(peer.wrap(base::Bytes(segment).first(size)));
  EXPECT_EQ(peer.drops(Drop::kTcpMalformed), 20U);

  std::vector<std::uint8_t> offset = segment;
  offset[12] = 0x40;
  peer.send_packet(peer.wrap(offset));
  offset[12] = 0xf0;
  peer.send_packet(peer.wrap(offset));
  EXPECT_EQ(peer.drops(Drop::kTcpMalformed), 22U);

  // "hello" read as options: 'h' is a kind, 'e' a length far beyond the end.
  std::vector<std::uint8_t> options = peer.build({.flags = kPshAck, .payload = "helloooo"});
  options[12] = 0x60;
  base::store_be(&options[16], std::uint16_t{0});
  const wire::Sum sum = wire::pseudo_header_sum(peer.remote.address, peer.local.address, 6, options.size());
  base::store_be(&options[16], (sum + wire::sum(options)).finish());
  peer.send_packet(peer.wrap(options));
  EXPECT_EQ(peer.drops(Drop::kTcpMalformed), 23U);
  EXPECT_EQ(app.received, "");
}

class WithTimestamps : public testing::Test {
 protected:
  static Scenario with_timestamps() {
    Scenario scenario;
    scenario.timestamps = true;
    return scenario;
  }
  Peer peer{with_timestamps()};
  App& app = peer.establish();

  void send(std::uint32_t value, std::optional<std::uint32_t> seq, std::string payload) {
    peer.send({.seq = seq, .payload = payload, .options = {.timestamps = wire::TcpTimestamps{value, peer.ts_echo}}});
    if (seq == peer.snd_nxt) peer.snd_nxt += static_cast<std::uint32_t>(payload.size());
  }
};

// RFC 7323 §4.3: the echo is of the segment that covers the last acknowledgement.
TEST_F(WithTimestamps, the_value_echoed_is_that_of_the_oldest_unacknowledged_segment) {
  send(2000, {}, "abc");
  EXPECT_EQ(peer.expect({.ack = 4}).options.timestamps->echo, 2000U);
  send(2050, 7, "later");
  EXPECT_EQ(peer.expect({.ack = 4}).options.timestamps->echo, 2000U) << "beyond a hole";
  send(2060, 4, "def");
  EXPECT_EQ(peer.expect({.ack = 12}).options.timestamps->echo, 2060U);
}

TEST_F(WithTimestamps, our_clock_runs_in_milliseconds) {
  send(2000, {}, "a");
  const std::uint32_t first = peer.expect({}).options.timestamps->value;
  peer.advance(250ms);
  send(2250, {}, "b");
  EXPECT_EQ(peer.expect({}).options.timestamps->value - first, 250U);
}

// RFC 7323 §5.3 R1
TEST_F(WithTimestamps, an_older_timestamp_is_refused_and_answered) {
  send(2000, {}, "abc");
  peer.expect({.ack = 4});
  send(1999, {4}, "old");
  peer.expect({.flags = kTcpAck, .ack = 4, .size = 0});
  EXPECT_EQ(app.received, "abc");
  EXPECT_EQ(peer.drops(Drop::kTcpPaws), 1U);
}

// RFC 7323 §5.2: the comparison is modular.
TEST_F(WithTimestamps, a_timestamp_may_wrap) {
  send(0x70000000, {}, "a");
  send(0xe0000000, {}, "b");
  send(0x10, {}, "c");
  EXPECT_EQ(app.received, "abc");
  peer.take_all();
}

// RFC 7323 §3.2
TEST_F(WithTimestamps, a_segment_without_the_option_is_not_the_peers) {
  peer.send({.seq = 1, .payload = "bare", .plain = true});
  EXPECT_EQ(app.received, "");
  EXPECT_EQ(peer.drops(Drop::kTcpPaws), 1U);
  peer.take_all();
}

// RFC 7323 §3.2: a RST is judged without it.
TEST_F(WithTimestamps, rst_needs_no_timestamp) {
  peer.send({.flags = kTcpRst, .plain = true});
  EXPECT_EQ(app.closed, CloseReason::kPeerReset);
}

// RFC 7323 §5.5: after 24 days of silence the clock may have come around.
TEST_F(WithTimestamps, an_outdated_timestamp_protects_no_longer) {
  send(2000, {}, "a");
  peer.expect({});
  peer.advance(std::chrono::hours(24 * 23));
  send(1000, {2}, "x");
  EXPECT_EQ(app.received, "a");
  peer.take_all();
  peer.advance(std::chrono::hours(24 * 2));
  send(1000, {2}, "b");
  EXPECT_EQ(app.received, "ab");
  peer.take_all();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
