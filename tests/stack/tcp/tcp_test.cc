#include "stack/tcp/tcp.h"

#include <gtest/gtest.h>

#include "stack/base/setup_error.h"
#include "stack/wire/icmpv4.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

Endpoint endpoint(std::string_view address, std::uint16_t port) {
  return {wire::Address::parse(address).value(), port};
}

TEST(Listening, an_endpoint_that_is_taken_is_refused_at_set_up) {
  Peer peer;  // Listens on 10.66.0.2:80.
  EXPECT_THROW(peer.stack->listen(peer.local, peer.host), base::SetupError);
  EXPECT_THROW(peer.stack->listen({{}, 80}, peer.host), base::SetupError) << "every address includes that one";
  EXPECT_NO_THROW(peer.stack->listen({{}, 81}, peer.host));
  EXPECT_THROW(peer.stack->listen({peer.local.address, 81}, peer.host), base::SetupError);
  EXPECT_NO_THROW(peer.stack->listen(endpoint("fd66::2", 80), peer.host));
}

TEST(Listening, an_address_that_is_not_ours_is_refused_at_set_up) {
  Peer peer;
  EXPECT_THROW(peer.stack->listen(endpoint("10.66.0.9", 80), peer.host), base::SetupError);
}

TEST(Listening, every_address_is_served_by_the_unspecified_one) {
  Peer peer;
  peer.stack->listen({{}, 81}, peer.host);
  peer.local.port = 81;
  peer.establish();
  peer.send({.payload = "x"});
  EXPECT_EQ(peer.app().received, "x");
  peer.take_all();
}

TEST(Listening, may_end_and_begin_again_while_connections_stay) {
  Peer peer;
  App& app = peer.establish();
  peer.stack->unlisten(peer.local);
  peer.send({.payload = "still"});
  EXPECT_EQ(app.received, "still");
  peer.take_all();
  const std::uint32_t irs = peer.irs;

  peer.new_flow(41000);
  peer.send({.flags = kTcpSyn});
  peer.expect({.flags = kRstAck, .ack = 1});
  peer.stack->listen(peer.local, peer.host);
  peer.new_flow(41001);
  peer.establish();
  EXPECT_EQ(peer.host.apps.size(), 2U);

  peer.new_flow(40000);
  peer.irs = irs;
  peer.send({.seq = 6, .ack = 1, .payload = " here"});
  EXPECT_EQ(app.received, "still here");
  peer.take_all();
}

// RFC 9293 §3.10.7.1
TEST(Unconnected, every_segment_but_rst_is_reset) {
  Peer peer;
  peer.local.port = 9;
  peer.send({.flags = kTcpSyn});
  peer.expect({.flags = kRstAck, .seq = 0 - peer.irs, .ack = 1, .window = 0});
  peer.send({.flags = kFinAck, .seq = 7, .ack = 99, .payload = "abc"});
  peer.expect({.flags = kTcpRst, .seq = 99});
  peer.send({.flags = kTcpFin, .seq = 7, .payload = "abc"});
  peer.expect({.flags = kRstAck, .ack = 11});
  peer.send({.flags = kRstAck, .seq = 7, .ack = 99});
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpNoConnection), 4U);
  EXPECT_EQ(peer.events(Event::kTcpResetsSent), 3U);
}

TEST(Demultiplexing, connections_of_one_peer_are_told_apart_by_port) {
  Peer peer;
  App& first = peer.establish();
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  App& second = peer.establish();
  peer.send({.payload = "second"});
  peer.new_flow(40000);
  peer.irs = irs;
  peer.send({.seq = 1, .ack = 1, .payload = "first"});
  EXPECT_EQ(first.received, "first");
  EXPECT_EQ(second.received, "second");
  peer.take_all();
}

TEST(Demultiplexing, a_closed_connections_endpoints_may_be_used_again) {
  Peer peer;
  peer.establish();
  peer.send({.flags = kTcpRst});
  peer.new_flow(40000);
  App& second = peer.establish();
  peer.send({.payload = "again"});
  EXPECT_EQ(second.received, "again");
  peer.take_all();
  EXPECT_EQ(peer.stack->connection_count(), 1U);
}

TEST(Demultiplexing, slots_return_for_as_long_as_connections_come_and_go) {
  Scenario scenario;
  scenario.tcp.connections_max = 2;
  Peer peer(scenario);
  for (std::uint16_t port = 1000; port < 1200; ++port) {
    peer.new_flow(port);
    peer.establish();
    peer.send({.flags = kTcpRst});
  }
  EXPECT_EQ(peer.closed(CloseReason::kPeerReset), 200U);
  EXPECT_EQ(peer.drops(Drop::kTcpTableFull), 0U);
}

// RFC 1191 §6.3, RFC 8201 §5.2: what was too big goes again, smaller.
TEST(PathMtu, an_error_shrinks_segments_and_sends_them_again) {
  Scenario scenario;
  scenario.timestamps = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(3000));
  const std::vector<Segment> sent = peer.take_all();
  ASSERT_EQ(sent.size(), 3U);
  peer.rcv_nxt = 1;  // None of them arrived.
  peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, 1000, base::Bytes(sent[0].packet).first(28));
  EXPECT_EQ(app.connection->info().snd_mss, 960U);
  std::string arrived;
  for (const Segment& segment : peer.take_all()) {
    EXPECT_LE(segment.packet.size(), 1000U);
    EXPECT_EQ(segment.seq, 1 + arrived.size());
    arrived += segment.payload;
  }
  EXPECT_EQ(arrived, text(3000));
  peer.send({});
  EXPECT_EQ(app.connection->unacknowledged(), 0U);
}

TEST(PathMtu, packet_too_big_shrinks_over_ipv6) {
  Scenario scenario;
  scenario.v6 = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(1440));
  const Segment sent = peer.expect({.size = 1440});
  peer.send_icmp(2, 0, 1300, base::Bytes(sent.packet).first(48));
  EXPECT_EQ(app.connection->info().snd_mss, 1240U);
  peer.expect({.seq = 1, .size = 1240});
  peer.expect({.seq = 1241, .size = 200});
}

TEST(PathMtu, super_frames_are_cut_smaller) {
  Scenario scenario;
  scenario.wire.gso = scenario.wire.gather = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(10'000));
  const Segment sent = peer.expect({.size = 10'000});
  EXPECT_EQ(sent.offload.gso_size, 1460);
  peer.rcv_nxt = 1;
  peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, 1000, base::Bytes(sent.packet).first(28));
  std::string arrived;
  for (const Segment& segment : peer.take_all()) {
    EXPECT_EQ(segment.offload.gso_size, segment.payload.size() > 960 ? 960 : 0);
    EXPECT_EQ(segment.seq, 1 + arrived.size());
    arrived += segment.payload;
  }
  EXPECT_EQ(arrived.size(), 10 * 960U) << "ten segments, now smaller, are the window";
  peer.send({});
  arrived += peer.expect({.seq = 9601}).payload;
  EXPECT_TRUE(arrived == text(10'000));
}

// Without a record to split, a segment that no longer fits must not leave as it was.
TEST(PathMtu, shrinks_even_when_no_flight_record_is_free) {
  Scenario scenario;
  scenario.tcp.send_entries = 2;  // Four records.
  Peer peer(scenario);
  App& app = peer.establish();
  EXPECT_TRUE(app.connection->send(base::copy_to_heap(base::as_bytes(text(8000)))));
  const std::vector<Segment> sent = peer.take_all();
  ASSERT_EQ(sent.size(), 4U);
  peer.rcv_nxt = 1;
  peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, 1000, base::Bytes(sent[0].packet).first(28));
  for (int round = 0; round < 200 && app.connection->unacknowledged() > 0; ++round) {
    for (const Segment& segment : peer.take_all()) EXPECT_LE(segment.packet.size(), 1000U);
    peer.advance(100ms);
    peer.send({});
  }
  EXPECT_EQ(app.connection->unacknowledged(), 0U);
  peer.take_all();
}

// RFC 5927 §4, §7: a forged error must guess a sequence number in flight.
TEST(PathMtu, an_error_about_what_is_not_in_flight_is_not_believed) {
  Peer peer;
  App& app = peer.establish();
  app.send(text(1460));
  Segment sent = peer.expect({.size = 1460});
  for (const std::uint32_t wrong : {sent.raw_seq - 1, sent.raw_seq + 1460}) {
    base::store_be(&sent.packet[24], wrong);
    peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, 600, base::Bytes(sent.packet).first(28));
  }
  EXPECT_EQ(app.connection->info().snd_mss, 1460U);
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 2U);
}

TEST(PathMtu, an_error_that_would_enlarge_changes_nothing) {
  Peer peer;
  App& app = peer.establish();
  app.send("x");
  const Segment sent = peer.expect({});
  peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, 9000, base::Bytes(sent.packet).first(28));
  EXPECT_EQ(app.connection->info().snd_mss, 1460U);
  peer.expect_nothing();
}

// RFC 5461 §2, RFC 5927 §5.2: once established, even a hard error is soft.
TEST(IcmpErrors, port_unreachable_is_ignored_once_established) {
  Peer peer;
  App& app = peer.establish();
  app.send("x");
  const Segment sent = peer.expect({});
  peer.send_icmp(3, wire::kIcmpv4PortUnreachable, 0, base::Bytes(sent.packet).first(28));
  EXPECT_FALSE(app.closed);
  peer.send({});
  EXPECT_EQ(app.drained, 1);
}

TEST(IcmpErrors, about_no_connection_are_ignored) {
  Peer peer;
  App& app = peer.establish();
  app.send("x");
  const Segment sent = peer.expect({});
  peer.send({.flags = kTcpRst});
  peer.send_icmp(3, wire::kIcmpv4PortUnreachable, 0, base::Bytes(sent.packet).first(28));
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 1U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
