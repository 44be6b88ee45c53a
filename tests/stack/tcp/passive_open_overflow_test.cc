// What a listener does when there is no room: cookies instead of SYN objects, acknowledgements dropped instead of
// refused, and a cap for each source.

#include <gtest/gtest.h>

#include "stack/tcp/passive_open.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

/// One half-open connection at most: the second SYN gets a cookie.
Scenario crowded() {
  Scenario scenario;
  scenario.tcp.half_open_max = 1;
  scenario.timestamps = scenario.sack = true;
  scenario.window_scale = 7;
  scenario.tcp.receive_window = 512 * 1024;
  return scenario;
}

void send_syn(Peer& peer) { peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true}); }

/// Takes the only place.
void crowd(Peer& peer) {
  peer.new_flow(39999);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.new_flow(40000);
}

TEST(Cookie, is_sent_when_the_table_is_full_and_keeps_nothing) {
  Peer peer(crowded());
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck, .seq = 0, .ack = 1, .window = 0xffff});
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  EXPECT_EQ(peer.events(Event::kTcpCookiesSent), 1U);
  EXPECT_EQ(peer.drops(Drop::kTcpBacklogFull), 0U);
}

TEST(Cookie, is_sent_when_the_listeners_backlog_is_full) {
  Scenario scenario;
  scenario.tcp.backlog = 1;
  Peer peer(scenario);
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({});
  EXPECT_EQ(peer.app().established, 1);
  EXPECT_EQ(peer.events(Event::kTcpCookiesAccepted), 1U);
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
}

// Nobody can tell it from another SYN-ACK by its options.
TEST(Cookie, syn_ack_carries_the_options_in_the_order_of_linux) {
  Peer peer(crowded());
  crowd(peer);
  send_syn(peer);
  const Segment answer = peer.expect({.flags = kSynAck});
  std::vector<std::uint8_t> bytes = answer.option_bytes;
  ASSERT_EQ(bytes.size(), 20U);
  EXPECT_EQ(answer.options.timestamps->echo, 1000U);
  std::fill_n(bytes.begin() + 8, 8, std::uint8_t{0});
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 4}));
}

TEST(Cookie, without_timestamps_agrees_to_the_segment_size_alone) {
  Scenario scenario = crowded();
  scenario.timestamps = false;
  Peer peer(scenario);
  crowd(peer);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).option_bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4}));
  peer.send({.window = 1000});
  EXPECT_EQ(peer.app().connection->info().snd_wnd, 1000U) << "not scaled";
  EXPECT_EQ(peer.app().connection->info().snd_mss, 1460U);
}

// What is accepted is a connection like any other: scaled windows, timestamps, SACK, data both ways, the end.
TEST(Cookie, makes_a_connection_like_any_other) {
  for (const bool v6 : {false, true}) {
    Scenario scenario = crowded();
    scenario.v6 = v6;
    Peer peer(scenario);
    crowd(peer);
    send_syn(peer);
    peer.expect({.flags = kSynAck});
    peer.advance(30ms);
    peer.send({.window = 1000, .payload = "with the acknowledgement"});
    App& app = peer.app();
    EXPECT_EQ(app.established, 1);
    EXPECT_EQ(app.received, "with the acknowledgement");
    const Segment acknowledged = peer.expect({.flags = kTcpAck, .seq = 1, .ack = 25});
    EXPECT_EQ(acknowledged.options.timestamps->echo, 1030U);
    EXPECT_EQ(app.connection->info().snd_wnd, 1000U << 7);
    EXPECT_EQ(app.connection->info().snd_mss, v6 ? 1440U : 1460U);
    EXPECT_EQ(app.connection->info().srtt, 0ms) << "nobody knows when the SYN-ACK left";
    EXPECT_EQ(peer.events(Event::kTcpPassiveOpens), 2U);
    EXPECT_EQ(peer.events(Event::kTcpEstablished), 1U);

    peer.send({.seq = 30, .payload = "later"});
    peer.expect({.ack = 25, .sacks = "[30,35)"});
    peer.send({.payload = "early"});
    peer.expect({.ack = 35});
    app.send("answer");
    peer.expect({.seq = 1, .payload = "answer"});
    peer.snd_nxt = 35;
    peer.send({});
    app.connection->shutdown();
    peer.expect({.flags = kFinAck, .seq = 7});
    peer.send({.flags = kFinAck});
    peer.expect({.flags = kTcpAck, .ack = 36});
    EXPECT_EQ(app.closed, CloseReason::kFinished);
  }
}

TEST(Cookie, syn_without_an_mss_option_gets_the_default) {
  for (const bool v6 : {false, true}) {
    Scenario scenario = crowded();
    scenario.v6 = v6;
    scenario.mss = std::nullopt;
    Peer peer(scenario);
    crowd(peer);
    send_syn(peer);
    peer.expect({.flags = kSynAck});
    peer.send({});
    EXPECT_EQ(peer.app().connection->info().snd_mss, v6 ? 1220U : 536U);
  }
}

TEST(Cookie, takes_fin_with_the_acknowledgement) {
  Peer peer(crowded());
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kFinAck, .payload = "bye"});
  peer.expect({.flags = kTcpAck, .ack = 5});
  EXPECT_EQ(peer.app().received, "bye");
  EXPECT_EQ(peer.app().peer_finished, 1);
}

TEST(Cookie, is_good_for_a_minute_at_least_and_two_at_most) {
  for (const base::Duration later : {60s, 120s}) {
    Peer peer(crowded());
    crowd(peer);
    send_syn(peer);
    peer.expect({.flags = kSynAck});
    const std::uint32_t irs = peer.irs;
    const std::uint32_t echo = peer.ts_echo;
    peer.advance(later);
    peer.take_all();  // The SYN-ACKs of the one who crowds.
    peer.new_flow(40000);
    peer.irs = irs;
    peer.send({.seq = 1, .ack = 1, .options = {.timestamps = wire::TcpTimestamps{9'000'000, echo}}});
    if (later == 60s) {
      EXPECT_EQ(peer.app().established, 1);
    } else {
      peer.expect({.flags = kTcpRst, .seq = 1});
      EXPECT_EQ(peer.drops(Drop::kTcpCookieLate), 1U);
    }
  }
}

TEST(Cookie, forged_is_reset) {
  Peer peer(crowded());
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.ack = 0x1234567});
  peer.expect({.flags = kTcpRst, .seq = 0x1234567});
  peer.send({.seq = 2});  // Another number of the peer's.
  peer.expect({.flags = kTcpRst, .seq = 1});
  peer.send({.options = {.timestamps = wire::TcpTimestamps{1000, peer.ts_echo ^ 1}}});  // Another window scale.
  peer.expect({.flags = kTcpRst, .seq = 1});
  EXPECT_EQ(peer.drops(Drop::kTcpCookieForged), 3U);
  EXPECT_TRUE(peer.host.apps.empty());
  peer.send({});
  EXPECT_EQ(peer.app().established, 1);
}

TEST(Cookie, replayed_is_reset) {
  Peer peer(crowded());
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({});
  ASSERT_EQ(peer.app().established, 1);
  peer.send({.flags = kTcpRst});
  ASSERT_EQ(peer.stack->connection_count(), 0U);
  peer.send({.seq = 1, .ack = 1});
  peer.expect({.flags = kTcpRst, .seq = 1});
  EXPECT_EQ(peer.drops(Drop::kTcpCookieReplayed), 1U);
  EXPECT_EQ(peer.host.apps.size(), 1U);
}

// While none was sent there is nothing to guess.
TEST(Cookie, is_not_believed_when_none_was_sent) {
  Peer peer;
  peer.send({.seq = 1, .ack = 1});
  peer.expect({.flags = kTcpRst, .seq = 1});
  EXPECT_EQ(peer.drops(Drop::kTcpNoConnection), 1U);
  EXPECT_EQ(peer.drops(Drop::kTcpCookieForged), 0U);
}

TEST(Cookie, syn_ack_answers_the_link_that_the_syn_came_from) {
  Scenario scenario = crowded();
  scenario.shared = true;
  Peer peer(scenario);
  crowd(peer);
  peer.mac = wire::MacAddress{{2, 0, 0, 0, 0, 7}};
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, peer.mac);
  peer.send({.payload = "x"});
  EXPECT_EQ(peer.expect({.flags = kTcpAck}).to, peer.mac);
}

// A flood from everywhere: the table fills, is answered with cookies, empties again; who is real gets through at once.
TEST(Flood, of_syns_costs_no_connection_to_who_is_real) {
  Scenario scenario;
  scenario.tcp.half_open_max = 64;
  Peer peer(scenario);
  const std::size_t memory = peer.stack->memory_size();
  const wire::Address real = peer.remote.address;
  std::uint16_t port = 50000;
  for (std::uint32_t round = 0; round < 90; ++round) {
    for (std::uint32_t forged = 0; forged < 100; ++forged) {
      peer.new_flow(static_cast<std::uint16_t>(1024 + forged));
      peer.remote.address = wire::Address::v4(0x0a420100 + round * 100 + forged);
      send_syn(peer);
    }
    EXPECT_LE(peer.stack->half_open_count(), 64U);
    peer.take_all();
    if (round % 10 == 0) {
      peer.remote.address = real;
      peer.new_flow(port++);
      peer.establish();
      peer.send({.payload = "hello"});
      EXPECT_EQ(peer.app().received, "hello");
      peer.send({.flags = kTcpRst});
      peer.take_all();
    }
    peer.advance(1s);
    peer.take_all();
  }
  EXPECT_GT(peer.events(Event::kTcpCookiesSent), 8000U);
  EXPECT_EQ(peer.events(Event::kTcpCookiesAccepted), 9U) << "all but perhaps the first found the table full";
  EXPECT_EQ(peer.stack->connection_count(), 0U);
  EXPECT_EQ(peer.stack->memory_size(), memory);
  peer.advance(64s);
  peer.take_all();
  EXPECT_EQ(peer.stack->half_open_count(), 0U);
  EXPECT_GE(peer.closed(CloseReason::kHandshakeTimedOut), 64U);
}

// The third segment is dropped as if lost on the way, so that the peer never sees a reset.
TEST(AcceptOverflow, without_a_slot_the_acknowledgement_is_dropped_and_a_later_one_succeeds) {
  Scenario scenario;
  scenario.tcp.connections_max = 1;
  Peer peer(scenario);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  peer.establish();  // Takes the slot.
  App& first = peer.app();

  peer.new_flow(40000);
  peer.irs = irs;
  peer.snd_nxt = peer.rcv_nxt = 1;
  peer.send({});
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpTableFull), 1U);
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  peer.send({.seq = 1, .payload = "request"});
  peer.expect_nothing();
  peer.advance(1s);
  peer.expect({.flags = kSynAck, .seq = 0, .ack = 1});

  first.connection->abort();
  peer.pump();
  peer.take_all();
  peer.send({.seq = 1, .payload = "request"});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 8});
  EXPECT_EQ(peer.host.apps.size(), 2U);
  EXPECT_EQ(peer.app().received, "request");
  EXPECT_EQ(peer.stack->half_open_count(), 0U);
}

TEST(AcceptOverflow, a_cookies_acknowledgement_is_dropped_too_and_a_later_one_succeeds) {
  Scenario scenario = crowded();
  scenario.tcp.connections_max = 1;
  Peer peer(scenario);
  crowd(peer);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  const std::uint32_t irs = peer.irs;
  const wire::TcpTimestamps stamps{1000, peer.ts_echo};
  peer.new_flow(41000);
  peer.establish();
  App& first = peer.app();
  peer.new_flow(40000);
  peer.irs = irs;
  peer.send({.seq = 1, .ack = 1, .options = {.timestamps = stamps}});
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpTableFull), 1U);
  first.connection->abort();
  peer.take_all();
  peer.send({.seq = 1, .ack = 1, .payload = "request", .options = {.timestamps = stamps}});
  EXPECT_EQ(peer.host.apps.size(), 2U);
  EXPECT_EQ(peer.app().received, "request");
  peer.take_all();
}

TEST(SourceCap, is_kept_at_the_syn_and_at_the_acknowledgement) {
  Scenario scenario;
  scenario.tcp.connections_per_source_max = 1;
  Peer peer(scenario);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  peer.establish();
  App& first = peer.app();
  peer.new_flow(41001);
  send_syn(peer);
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpSourceFull), 1U);
  peer.new_flow(40000);
  peer.irs = irs;
  peer.send({.seq = 1, .ack = 1});
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpSourceFull), 2U);
  EXPECT_EQ(peer.host.apps.size(), 1U);

  first.connection->abort();
  peer.take_all();
  peer.send({.seq = 1, .ack = 1});
  EXPECT_EQ(peer.host.apps.size(), 2U);
}

TEST(SourceCap, other_sources_have_their_own_and_our_own_connections_do_not_count) {
  Scenario scenario;
  scenario.tcp.connections_per_source_max = 1;
  Peer peer(scenario);
  peer.connect();
  peer.expect({.flags = kTcpSyn});
  peer.local.port = 80;
  peer.new_flow(40000);
  peer.establish();
  peer.remote.address = wire::Address::v4(0x0a420003);
  peer.new_flow(40000);
  peer.establish();
  EXPECT_EQ(peer.host.apps.size(), 2U);
}

TEST(SourceCap, counts_a_whole_prefix_over_ipv6) {
  Scenario scenario;
  scenario.v6 = true;
  scenario.tcp.connections_per_source_max = 1;
  Peer peer(scenario);
  peer.establish();
  peer.remote.address = wire::Address::parse("fd66::77").value();
  peer.new_flow(40000);
  send_syn(peer);
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpSourceFull), 1U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
