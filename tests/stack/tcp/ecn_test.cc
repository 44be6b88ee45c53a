#include "stack/tcp/ecn.h"

#include <gtest/gtest.h>

#include "stack/wire/ipv4.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

using wire::kTcpCwr;
using wire::kTcpEce;

constexpr wire::TcpFlags kEcnSyn = kTcpSyn | kTcpEce | kTcpCwr;
constexpr wire::TcpFlags kEcnSynAck = kSynAck | kTcpEce;
constexpr std::uint32_t kSize = 1460;

/// The ECN field of a packet that the stack has sent.
std::uint8_t ecn_of(const Segment& segment) {
  const bool v4 = segment.packet[0] >> 4 == 4;
  return (v4 ? segment.packet[1] : segment.packet[1] >> 4) & kEcnMask;
}

/// Sends a segment in a packet that a router has marked, or says that it may be.
void send_marked(Peer& peer, const Out& out, std::uint8_t ecn) {
  std::vector<std::uint8_t> packet = peer.wrap(peer.build(out));
  if (peer.scenario.v6) {
    packet[1] = static_cast<std::uint8_t>(packet[1] | ecn << 4);
  } else {
    packet[1] = ecn;
    base::store_be(&packet[10], std::uint16_t{0});
    base::store_be(&packet[10], wire::sum({packet.data(), 20}).finish());
  }
  peer.send_packet(packet);
  peer.snd_nxt += static_cast<std::uint32_t>(out.payload.size());
}

Scenario scenario(EcnMode mode, bool v6 = false) {
  Scenario scenario;
  scenario.tcp.ecn = mode;
  scenario.tcp.congestion_control = CongestionControl::kNewReno;
  scenario.v6 = v6;
  scenario.sack = true;
  scenario.window_scale = 4;
  return scenario;
}

/// The peer asks, and 20 ms pass before it answers.
App& establish(Peer& peer, wire::TcpFlags answer = kEcnSynAck) {
  peer.send({.flags = kEcnSyn, .options = peer.syn_options(), .plain = true});
  EXPECT_EQ(ecn_of(peer.expect({.flags = answer, .seq = 0, .ack = 1})), kEcnNotCapable);
  peer.advance(20ms);
  peer.send({});
  return peer.app();
}

class EcnOverBoth : public testing::TestWithParam<bool> {};

// §6.1.1, §6.1.2
TEST_P(EcnOverBoth, an_asking_peer_gets_ece_in_the_syn_ack_and_ect_on_new_data) {
  Peer peer(scenario(EcnMode::kAccept, GetParam()));
  App& app = establish(peer);
  app.send("hello");
  EXPECT_EQ(ecn_of(peer.expect({.flags = kPshAck, .payload = "hello"})), kEcnCapable);
  peer.send({});
}

INSTANTIATE_TEST_SUITE_P(EachFamily, EcnOverBoth, testing::Bool());

TEST(Ecn, is_declined_when_it_is_off) {
  Peer peer(scenario(EcnMode::kOff));
  App& app = establish(peer, kSynAck);
  app.send("hello");
  EXPECT_EQ(ecn_of(peer.expect({.flags = kPshAck})), kEcnNotCapable);
  peer.send({});
}

// §6.1.1: either flag alone asks for nothing.
TEST(Ecn, needs_both_flags_in_the_syn) {
  for (const wire::TcpFlags flag : {kTcpEce, kTcpCwr}) {
    Peer peer(scenario(EcnMode::kAccept));
    peer.send({.flags = kTcpSyn | flag});
    peer.expect({.flags = kSynAck});
    peer.send({});
    peer.app().send("hello");
    EXPECT_EQ(ecn_of(peer.expect({})), kEcnNotCapable);
    peer.send({});
  }
}

// §6.1.1.1: a SYN that asks is answered as one that does not, wherever it goes.
TEST(Ecn, a_syn_that_asks_is_not_reset_for_asking) {
  for (const EcnMode mode : {EcnMode::kOff, EcnMode::kAccept, EcnMode::kAsk}) {
    Peer peer(scenario(mode));
    peer.send({.flags = kEcnSyn});
    EXPECT_TRUE(peer.expect({.ack = 1}).flags.syn());
    EXPECT_EQ(peer.events(Event::kTcpResetsSent), 0U);
    peer.send({});
  }
}

// §6.1.4, §6.1.5, §6.1.6 and RFC 3168's silence on the rest.
TEST(Ecn, acknowledgements_repetitions_and_probes_are_not_capable) {
  Peer peer(scenario(EcnMode::kAccept));
  App& app = establish(peer);
  peer.send({.payload = "question"});
  EXPECT_EQ(ecn_of(peer.expect({.flags = kTcpAck, .size = 0})), kEcnNotCapable);
  app.send("answer");
  EXPECT_EQ(ecn_of(peer.expect({.payload = "answer"})), kEcnCapable);
  peer.advance(400ms);
  for (const Segment& segment : peer.take_all()) EXPECT_EQ(ecn_of(segment), kEcnNotCapable);  // Sent again.
  peer.send({.window = 0});
  app.send("more");
  peer.advance(2s);
  const std::vector<Segment> probes = peer.take_all();
  EXPECT_FALSE(probes.empty());
  for (const Segment& segment : probes) EXPECT_EQ(ecn_of(segment), kEcnNotCapable);
  peer.send({.window = 1000});
  EXPECT_EQ(ecn_of(peer.expect({.payload = "more"})), kEcnCapable);
  peer.send({});
  app.connection->shutdown();
  EXPECT_EQ(ecn_of(peer.expect({.flags = kFinAck})), kEcnNotCapable);
}

// §6.1.3
TEST(Ecn, a_mark_is_echoed_on_every_acknowledgement_until_cwr) {
  Peer peer(scenario(EcnMode::kAccept));
  App& app = establish(peer);
  send_marked(peer, {.payload = "one"}, kEcnCapable);
  peer.expect({.flags = kTcpAck, .size = 0});
  send_marked(peer, {.payload = "two"}, kEcnCongestion);
  peer.expect({.flags = kTcpAck | kTcpEce, .size = 0});
  send_marked(peer, {.payload = "three"}, kEcnCapable);
  peer.expect({.flags = kTcpAck | kTcpEce, .size = 0});
  app.send("data");
  peer.expect({.flags = kPshAck | kTcpEce, .payload = "data"});
  send_marked(peer, {.flags = kTcpAck | kTcpCwr, .payload = "four"}, kEcnCapable);
  peer.expect({.flags = kTcpAck, .size = 0});
  send_marked(peer, {.payload = "five"}, kEcnCapable);
  peer.expect({.flags = kTcpAck, .size = 0});
}

TEST(Ecn, cwr_on_a_segment_that_is_marked_itself_begins_anew) {
  Peer peer(scenario(EcnMode::kAccept));
  establish(peer);
  send_marked(peer, {.payload = "one"}, kEcnCongestion);
  peer.expect({.flags = kTcpAck | kTcpEce});
  send_marked(peer, {.flags = kTcpAck | kTcpCwr, .payload = "two"}, kEcnCongestion);
  peer.expect({.flags = kTcpAck | kTcpEce});
}

// A mark is echoed although the acknowledgement could have waited.
TEST(Ecn, the_first_mark_is_acknowledged_at_once) {
  Peer peer(scenario(EcnMode::kAccept));
  establish(peer);
  for (int count = 0; count < 40; ++count) {  // The connection's first acknowledgements are quick anyhow.
    send_marked(peer, {.payload = "x"}, kEcnCapable);
    peer.advance(50ms);
  }
  peer.take_all();
  send_marked(peer, {.payload = "x"}, kEcnCapable);
  peer.expect_nothing();
  peer.advance(50ms);
  peer.take_all();
  send_marked(peer, {.payload = "x"}, kEcnCongestion);
  peer.expect({.flags = kTcpAck | kTcpEce});
}

// §6.1.5: packets outside the window, and those without ECN, mean nothing.
TEST(Ecn, marks_count_only_on_data_in_the_window_of_a_connection_that_agreed) {
  Peer peer(scenario(EcnMode::kAccept));
  establish(peer);
  const std::uint32_t stands = peer.snd_nxt;
  send_marked(peer, {.seq = stands + 0x200000, .payload = "far"}, kEcnCongestion);
  peer.snd_nxt = stands;
  peer.expect({.flags = kTcpAck, .size = 0});
  send_marked(peer, {}, kEcnCongestion);  // No data.
  peer.send({.payload = "x"});
  peer.expect({.flags = kTcpAck});

  Peer plain(scenario(EcnMode::kOff));
  establish(plain, kSynAck);
  send_marked(plain, {.payload = "one"}, kEcnCongestion);
  plain.expect({.flags = kTcpAck});
}

/// A connection with ten segments out, of 20 ms.
class Reducing : public testing::Test {
 protected:
  explicit Reducing(const Scenario& scenario_in = scenario(EcnMode::kAccept)) : peer(scenario_in) {
    establish(peer);
    peer.app().send(text(30 * kSize));
    EXPECT_EQ(peer.take_all().size(), 10U);
    peer.advance(20ms);
  }
  std::uint32_t cwnd() { return peer.app().connection->info().snd_cwnd; }
  static std::uint32_t end_of(std::uint32_t segments) { return 1 + segments * kSize; }
  Peer peer;
};

// §6.1.2
TEST_F(Reducing, ece_reduces_the_window_once_in_a_window_of_data) {
  peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(1)});
  EXPECT_EQ(cwnd(), 5 * kSize);  // Slow start: as for a loss.
  EXPECT_EQ(peer.events(Event::kTcpEcnReductions), 1U);
  for (std::uint32_t count = 2; count <= 5; ++count) peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(count)});
  peer.expect_nothing();  // Five of ten are out, which is what the window allows.
  EXPECT_EQ(cwnd(), 5 * kSize);
  peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(6)});
  const Segment first = peer.expect({.flags = kTcpAck | kTcpCwr, .seq = end_of(10), .size = kSize});
  EXPECT_EQ(ecn_of(first), kEcnCapable);
  // The rest of that window says ECE still, and that is old news.
  for (std::uint32_t count = 7; count <= 10; ++count) {
    peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(count)});
    peer.expect({.flags = kTcpAck, .size = kSize});
  }
  EXPECT_EQ(cwnd(), 5 * kSize);
  EXPECT_EQ(peer.events(Event::kTcpEcnReductions), 1U);
  // What was sent after the reduction has been marked as well.
  peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(11)});
  EXPECT_EQ(peer.events(Event::kTcpEcnReductions), 2U);
  EXPECT_EQ(cwnd(), 4 * kSize);  // Congestion avoidance: RFC 8511.
  peer.take_all();
  peer.send({.flags = kRstAck, .ack = end_of(11)});
}

TEST_F(Reducing, without_ece_nothing_is_reduced_and_the_window_grows) {
  peer.send({.ack = end_of(2)});
  EXPECT_EQ(cwnd(), 12 * kSize);
  EXPECT_EQ(peer.take_all().size(), 4U);
  peer.send({.flags = kRstAck});
}

TEST_F(Reducing, a_loss_in_a_window_that_a_mark_has_reduced_does_not_reduce_it_again) {
  peer.send({.flags = kTcpAck | kTcpEce, .ack = end_of(1)});
  const std::uint32_t ssthresh = peer.app().connection->info().snd_ssthresh;
  wire::TcpOptions sacks;
  sacks.sack_count = 1;
  sacks.sack[0] = {wire::Seq(peer.irs + end_of(2)), wire::Seq(peer.irs + end_of(8))};
  peer.send({.ack = end_of(1), .options = sacks});
  peer.advance(30ms);
  EXPECT_EQ(peer.app().connection->info().snd_ssthresh, ssthresh);
  EXPECT_GE(peer.events(Event::kTcpRetransmitted), 1U);
  peer.take_all();
  peer.send({.flags = kRstAck});
}

// §6.1.2: the window was reduced for another reason; the peer learns of that too.
TEST_F(Reducing, after_a_loss_the_first_new_data_says_cwr_and_what_is_sent_again_does_not) {
  wire::TcpOptions sacks;
  sacks.sack_count = 1;
  sacks.sack[0] = {wire::Seq(peer.irs + end_of(1)), wire::Seq(peer.irs + end_of(10))};
  peer.send({.ack = end_of(0), .options = sacks});
  peer.advance(30ms);
  bool repeated = false;
  int cwr = 0;
  for (const Segment& segment : peer.take_all()) {
    if (segment.seq < end_of(10)) {
      repeated = true;
      EXPECT_FALSE(segment.flags.cwr());
      EXPECT_EQ(ecn_of(segment), kEcnNotCapable);
    } else {
      cwr += segment.flags.cwr() ? 1 : 0;
    }
  }
  EXPECT_TRUE(repeated);
  peer.send({.ack = end_of(10)});
  for (const Segment& segment : peer.take_all()) cwr += segment.flags.cwr() ? 1 : 0;
  EXPECT_EQ(cwr, 1);
  peer.send({.flags = kRstAck});
}

Scenario with_super_frames() {
  Scenario result = scenario(EcnMode::kAccept);
  result.wire.gso = true;
  return result;
}

class ReducingSuperFrames : public testing::Test {
 protected:
  Peer peer{with_super_frames()};
};

// A device would copy CWR to every segment of a super-frame, or needs to be told not to.
TEST_F(ReducingSuperFrames, cwr_is_never_on_a_super_frame) {
  establish(peer);
  peer.app().send(text(40 * kSize));
  EXPECT_EQ(peer.expect({.flags = kTcpAck}).payload.size(), 10 * kSize);
  peer.advance(20ms);
  peer.send({.flags = kTcpAck | kTcpEce, .ack = 1 + 8 * kSize});
  const Segment first = peer.expect({.flags = kTcpAck | kTcpCwr, .seq = 1 + 10 * kSize, .size = kSize});
  EXPECT_EQ(first.offload.gso, link::Gso::kNone);
  const Segment rest = peer.expect({.flags = kTcpAck, .size = 2 * kSize});
  EXPECT_EQ(rest.offload.gso, link::Gso::kTcp4);
  EXPECT_EQ(ecn_of(rest), kEcnCapable);
  peer.send({.flags = kRstAck});
}

// §6.1.1, the other role.
TEST(EcnAsking, a_syn_asks_and_a_syn_ack_with_ece_alone_agrees) {
  Peer peer(scenario(EcnMode::kAsk));
  peer.connect();
  EXPECT_EQ(ecn_of(peer.expect({.flags = kEcnSyn, .seq = 0})), kEcnNotCapable);
  peer.send({.flags = kEcnSynAck, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kTcpAck, .seq = 1, .size = 0});
  peer.client.send("hello");
  EXPECT_EQ(ecn_of(peer.expect({.payload = "hello"})), kEcnCapable);
  peer.send({});
}

TEST(EcnAsking, a_syn_ack_without_ece_or_that_reflects_both_flags_declines) {
  for (const wire::TcpFlags flags : {kSynAck, kSynAck | kTcpCwr, kSynAck | kTcpEce | kTcpCwr}) {
    Peer peer(scenario(EcnMode::kAsk));
    peer.connect();
    peer.expect({.flags = kEcnSyn});
    peer.send({.flags = flags, .options = peer.syn_options(), .plain = true});
    peer.expect({.flags = kTcpAck});
    peer.client.send("hello");
    EXPECT_EQ(ecn_of(peer.expect({.payload = "hello"})), kEcnNotCapable);
    peer.send({});
  }
}

// §6.1.1.1; and having sent a SYN that does not ask, §6.1.1 forbids ECT whatever comes back.
TEST(EcnAsking, a_syn_that_is_sent_again_does_not_ask) {
  Peer peer(scenario(EcnMode::kAsk));
  peer.connect();
  peer.expect({.flags = kEcnSyn});
  peer.advance(1s);
  peer.expect({.flags = kTcpSyn, .seq = 0});
  peer.send({.flags = kEcnSynAck, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kTcpAck});
  peer.client.send("hello");
  EXPECT_EQ(ecn_of(peer.expect({.payload = "hello"})), kEcnNotCapable);
  peer.send({});
}

TEST(EcnAsking, nobody_asks_who_only_accepts) {
  Peer peer(scenario(EcnMode::kAccept));
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kEcnSynAck, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kTcpAck});
  peer.client.send("hello");
  EXPECT_EQ(ecn_of(peer.expect({.payload = "hello"})), kEcnNotCapable);
  peer.send({});
}

}  // namespace
}  // namespace windhover::stack::tcp::test
