// Active and simultaneous opens: handshake.cc from the other side.

#include <gtest/gtest.h>

#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

/// The first octets of a packet that we sent, as an ICMP error quotes them.
base::Bytes quote(const Segment& segment) { return base::Bytes(segment.packet).first(segment.packet.size()); }

TEST(SynSent, syn_offers_everything_we_speak) {
  Scenario scenario;
  scenario.tcp.receive_window = 512 * 1024;
  Peer peer(scenario);
  peer.connect();
  std::vector<std::uint8_t> bytes = peer.expect({.flags = kTcpSyn, .seq = 0, .window = 0xffff}).option_bytes;
  ASSERT_EQ(bytes.size(), 20U);
  std::fill_n(bytes.begin() + 8, 8, std::uint8_t{0});
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 4}));
  EXPECT_EQ(peer.client.connection->info().state, "SYN-SENT");
  EXPECT_EQ(peer.events(Event::kTcpActiveOpens), 1U);
}

// RFC 7323 §2.2: a shift of zero says that the peer may scale.
TEST(SynSent, syn_offers_window_scaling_even_when_our_window_needs_none) {
  Peer peer;
  peer.connect();
  EXPECT_EQ(peer.expect({.flags = kTcpSyn}).options.window_scale, 0);
}

// RFC 9293 §3.10.7.3
TEST(SynSent, syn_ack_establishes) {
  Scenario scenario;
  scenario.timestamps = scenario.sack = true;
  scenario.window_scale = 3;
  Peer peer(scenario);
  App& app = peer.connect_established();
  EXPECT_EQ(app.connection->info().state, "ESTABLISHED");
  EXPECT_EQ(app.connection->info().snd_wnd, 0xffffU);
  app.send("hello");
  EXPECT_EQ(peer.expect({.flags = kPshAck, .seq = 1, .ack = 1, .payload = "hello"}).options.timestamps->echo, 1000U);
}

TEST(SynSent, data_queued_before_the_handshake_follows_it) {
  Peer peer;
  peer.connect();
  EXPECT_EQ(peer.client.send("early"), 5U);
  peer.expect({.flags = kTcpSyn});
  peer.expect_nothing();
  peer.send({.flags = kSynAck, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kPshAck, .seq = 1, .ack = 1, .payload = "early"});
}

TEST(SynSent, a_wrong_acknowledgement_is_reset_and_the_wait_goes_on) {
  Peer peer;
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kSynAck, .seq = 0, .ack = 9});
  peer.expect({.flags = kTcpRst, .seq = 9});
  EXPECT_EQ(peer.drops(Drop::kTcpBadAck), 1U);
  peer.send({.flags = kRstAck, .seq = 0, .ack = 9});
  EXPECT_EQ(peer.drops(Drop::kTcpBadAck), 2U);
  EXPECT_EQ(peer.client.connection->info().state, "SYN-SENT");
}

TEST(SynSent, rst_with_the_right_acknowledgement_means_refused) {
  Peer peer;
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kTcpRst, .seq = 0});
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 1U);
  EXPECT_FALSE(peer.client.closed);
  peer.send({.flags = kRstAck, .seq = 0, .ack = 1});
  EXPECT_EQ(peer.client.closed, CloseReason::kRefused);
  peer.expect_nothing();
}

TEST(SynSent, neither_syn_nor_rst_is_dropped) {
  Peer peer;
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kTcpAck, .seq = 0, .ack = 1});
  peer.send({.flags = kSynAck | kTcpFin, .seq = 0, .ack = 1});
  EXPECT_EQ(peer.drops(Drop::kTcpBadFlags), 2U);
  EXPECT_EQ(peer.client.connection->info().state, "SYN-SENT");
}

TEST(SynSent, syn_is_repeated_with_back_off_and_then_given_up) {
  Scenario scenario;
  scenario.tcp.syn_retransmissions_max = 2;
  Peer peer(scenario);
  peer.connect();
  peer.expect({.flags = kTcpSyn, .seq = 0});
  peer.advance(1001ms);
  peer.expect({.flags = kTcpSyn, .seq = 0});
  peer.advance(2001ms);
  peer.expect({.flags = kTcpSyn, .seq = 0});
  peer.advance(3990ms);
  EXPECT_FALSE(peer.client.closed);
  peer.advance(20ms);
  EXPECT_EQ(peer.client.closed, CloseReason::kHandshakeTimedOut);
  peer.expect_nothing();
}

TEST(SynSent, shutdown_and_abort_end_it_without_a_segment) {
  for (const bool aborts : {false, true}) {
    Peer peer;
    App& app = peer.connect();
    peer.expect({.flags = kTcpSyn});
    aborts ? app.connection->abort() : app.connection->shutdown();
    EXPECT_FALSE(app.closed) << "events come later, never from inside a verb";
    peer.expect_nothing();
    EXPECT_EQ(app.closed, CloseReason::kAborted);
  }
}

// RFC 5461 §4.2: a hard error while opening ends the attempt.
TEST(SynSent, port_unreachable_ends_it) {
  for (const bool v6 : {false, true}) {
    Scenario scenario;
    scenario.v6 = v6;
    Peer peer(scenario);
    peer.connect();
    const Segment syn = peer.expect({.flags = kTcpSyn});
    peer.send_icmp(v6 ? 1 : 3, v6 ? wire::kIcmpv6PortUnreachable : wire::kIcmpv4PortUnreachable, 0, quote(syn));
    EXPECT_EQ(peer.client.closed, CloseReason::kUnreachable);
  }
}

// RFC 1122 §4.2.3.9: network and host unreachable are soft.
TEST(SynSent, host_unreachable_is_ignored) {
  Peer peer;
  peer.connect();
  const Segment syn = peer.expect({.flags = kTcpSyn});
  peer.send_icmp(3, wire::kIcmpv4HostUnreachable, 0, quote(syn));
  EXPECT_FALSE(peer.client.closed);
}

// RFC 5927 §4: the quoted sequence number must be in flight.
TEST(SynSent, an_error_that_quotes_another_sequence_number_is_not_believed) {
  Peer peer;
  peer.connect();
  Segment syn = peer.expect({.flags = kTcpSyn});
  base::store_be(&syn.packet[24], syn.raw_seq + 1);
  peer.send_icmp(3, wire::kIcmpv4PortUnreachable, 0, quote(syn));
  EXPECT_FALSE(peer.client.closed);
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 1U);
}

// RFC 9293 §3.5, figure 7
TEST(SynSent, crossing_syns_open_simultaneously) {
  Peer peer;
  App& app = peer.connect();
  peer.expect({.flags = kTcpSyn, .seq = 0});
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck, .seq = 0, .ack = 1});
  EXPECT_EQ(app.connection->info().state, "SYN-RECEIVED");
  EXPECT_EQ(app.established, 0);
  peer.send({.flags = kSynAck, .seq = 0, .ack = 1});
  EXPECT_EQ(app.connection->info().state, "ESTABLISHED");
  EXPECT_EQ(app.established, 1);
  for (const Segment& segment : peer.take_all()) EXPECT_FALSE(segment.flags.syn()) << "SYN-ACKs would go on for ever";
}

TEST(SynSent, a_simultaneous_open_is_completed_by_a_bare_acknowledgement_too) {
  Peer peer;
  App& app = peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  peer.send({.seq = 1, .ack = 1});
  EXPECT_EQ(app.connection->info().state, "ESTABLISHED");
}

TEST(SynSent, shutdown_during_a_simultaneous_open_sends_fin_after_the_handshake) {
  Peer peer;
  App& app = peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  app.connection->shutdown();
  peer.expect_nothing();
  peer.send({.seq = 1, .ack = 1});
  peer.expect({.flags = kFinAck, .seq = 1, .ack = 1});
  EXPECT_EQ(app.connection->info().state, "FIN-WAIT-1");
}

// RFC 9293 §3.10.7.4, second check, for an active open
TEST(SynSent, rst_after_crossing_syns_means_refused) {
  Peer peer;
  App& app = peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpRst, .seq = 1});
  EXPECT_EQ(app.closed, CloseReason::kRefused);
}

TEST(Connect, without_a_route_gives_nothing) {
  App app;
  Peer peer;
  EXPECT_EQ(peer.stack->connect(peer.now, {wire::Address::v4(0x7f000001), 80}, app), nullptr);
  EXPECT_EQ(peer.stack->connect(peer.now, peer.local, app), nullptr) << "ourselves";
}

TEST(Connect, without_a_slot_gives_nothing) {
  Scenario scenario;
  scenario.tcp.connections_max = 1;
  App app;
  Peer peer(scenario);
  peer.establish();
  EXPECT_EQ(peer.stack->connect(peer.now, {peer.remote.address, 9}, app), nullptr);
}

TEST(Connect, each_takes_a_port_of_its_own) {
  App second;
  Peer peer;
  peer.connect();
  const std::uint16_t first = peer.expect({.flags = kTcpSyn}).source_port;
  ASSERT_NE(peer.stack->connect(peer.now, peer.remote, second), nullptr);
  EXPECT_NE(peer.expect({.flags = kTcpSyn}).source_port, first);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
