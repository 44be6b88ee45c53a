#include "stack/tcp/passive_open.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

Scenario with_all_options() {
  Scenario scenario;
  scenario.timestamps = scenario.sack = true;
  scenario.window_scale = 7;
  scenario.tcp.receive_window = 512 * 1024;
  return scenario;
}

/// The peer's SYN as `scenario` has it; nothing is expected of the answer yet.
void send_syn(Peer& peer) { peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true}); }

// RFC 9293 §3.5, figure 6
TEST(Listen, syn_is_answered_and_the_third_segment_establishes) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck, .seq = 0, .ack = 1, .window = 0xffff, .size = 0});
  EXPECT_TRUE(peer.host.apps.empty());
  peer.send({});
  peer.expect_nothing();
  ASSERT_EQ(peer.host.apps.size(), 1U);
  EXPECT_EQ(peer.app().established, 1);
  EXPECT_EQ(peer.app().connection->info().state, "ESTABLISHED");
  EXPECT_EQ(peer.app().connection->info().local, peer.local);
  EXPECT_EQ(peer.app().connection->info().remote, peer.remote);
  EXPECT_EQ(peer.events(Event::kTcpPassiveOpens), 1U);
  EXPECT_EQ(peer.events(Event::kTcpEstablished), 1U);
}

TEST(Listen, syn_over_ipv6_is_answered) {
  Scenario scenario;
  scenario.v6 = true;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).options.mss, 1440);
  peer.send({});
  EXPECT_EQ(peer.app().established, 1);
}

// The order that Linux uses, so that middleboxes and fingerprints see nothing odd.
TEST(Listen, syn_ack_carries_the_options_in_the_order_of_linux) {
  Peer peer(with_all_options());
  send_syn(peer);
  const Segment answer = peer.expect({.flags = kSynAck, .window = 0xffff});
  std::vector<std::uint8_t> bytes = answer.option_bytes;
  ASSERT_EQ(bytes.size(), 20U);
  EXPECT_EQ(answer.options.timestamps->echo, 1000U);
  std::fill_n(bytes.begin() + 8, 8, std::uint8_t{0});  // The timestamps themselves.
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 4}));
}

TEST(Listen, syn_ack_without_timestamps_pads_sack_permitted) {
  Scenario scenario = with_all_options();
  scenario.timestamps = false;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).option_bytes,
            (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 4}));
}

// RFC 7323 §2.2, RFC 2018 §2: only what the peer offered.
TEST(Listen, syn_ack_offers_nothing_that_the_peer_did_not) {
  Scenario scenario;
  scenario.tcp.receive_window = 512 * 1024;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).option_bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4}));
}

TEST(Listen, syn_ack_offers_nothing_that_is_switched_off) {
  Scenario scenario = with_all_options();
  scenario.tcp.timestamps = scenario.tcp.sack = false;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).option_bytes, (std::vector<std::uint8_t>{2, 4, 0x05, 0xb4, 1, 3, 3, 4}));
}

// RFC 7323 §2.2: scaling is in effect only when both SYNs carry the option, a shift of zero included.
TEST(Listen, a_small_window_of_ours_still_lets_the_peer_scale_its_own) {
  Scenario scenario;
  scenario.window_scale = 7;
  scenario.tcp.receive_window = 65535;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).options.window_scale, 0);
  peer.send({.window = 100});
  EXPECT_EQ(peer.app().connection->info().snd_wnd, 100U << 7);
}

// RFC 7323 §2.2: the window of a SYN is never scaled, later ones are.
TEST(Listen, the_peers_window_is_scaled_after_its_syn) {
  Peer peer(with_all_options());
  App& app = peer.establish();
  EXPECT_EQ(app.connection->info().snd_wnd, std::uint32_t{0xffff} << 7);
  EXPECT_EQ(app.connection->info().rcv_wnd, 0xffffU);
}

// RFC 9293 MUST-16, MUST-15, RFC 6691
TEST(Listen, the_segment_size_is_the_smaller_of_the_peers_and_the_paths) {
  const auto segment_for = [](std::optional<std::uint16_t> mss, bool v6) {
    Scenario scenario;
    scenario.mss = mss;
    scenario.v6 = v6;
    Peer peer(scenario);
    return peer.establish().connection->info().snd_mss;
  };
  EXPECT_EQ(segment_for(1000, false), 1000U);
  EXPECT_EQ(segment_for(9000, false), 1460U);
  EXPECT_EQ(segment_for(9000, true), 1440U);
  EXPECT_EQ(segment_for(std::nullopt, false), 536U);
  EXPECT_EQ(segment_for(std::nullopt, true), 1220U);
  EXPECT_EQ(segment_for(0, false), 88U) << "no peer may make us send mostly headers";
}

TEST(Listen, jumbo_frames_are_announced) {
  Scenario scenario;
  scenario.wire.mtu = 9000;
  Peer peer(scenario);
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).options.mss, 8960);
  peer.send({});
}

// RFC 6528
TEST(Listen, initial_sequence_numbers_of_flows_are_unrelated) {
  Peer peer;
  std::set<std::uint32_t> seen;
  for (std::uint16_t port = 1000; port < 1008; ++port) {
    peer.new_flow(port);
    send_syn(peer);
    seen.insert(peer.expect({.flags = kSynAck}).raw_seq >> 16);
  }
  EXPECT_EQ(seen.size(), 8U);
}

// RFC 3168 §6.1.1: an ECN-setup SYN is a SYN, whether or not we agree; nor are other flags a reason to refuse one.
TEST(Listen, ecn_setup_syn_is_never_refused) {
  for (const EcnMode mode : {EcnMode::kOff, EcnMode::kAccept, EcnMode::kAsk}) {
    Scenario scenario;
    scenario.tcp.ecn = mode;
    Peer peer(scenario);
    std::uint16_t port = 1000;
    for (const wire::TcpFlags extra : {wire::kTcpEce | wire::kTcpCwr, wire::kTcpEce, wire::kTcpCwr, kTcpUrg, kTcpPsh}) {
      peer.new_flow(port++);
      peer.send({.flags = kTcpSyn | extra});
      const bool agreed = mode != EcnMode::kOff && extra == (wire::kTcpEce | wire::kTcpCwr);
      peer.expect({.flags = agreed ? kSynAck | wire::kTcpEce : kSynAck});
    }
  }
}

// RFC 3168 §6.1.1.1: who repeats the SYN without asking has given up on ECN.
TEST(SynReceived, ecn_is_not_agreed_to_when_the_repeated_syn_does_not_ask) {
  Peer peer;
  peer.send({.flags = kTcpSyn | wire::kTcpEce | wire::kTcpCwr});
  peer.expect({.flags = kSynAck | wire::kTcpEce});
  peer.send({.flags = kTcpSyn, .seq = 0});
  peer.expect({.flags = kSynAck});
}

// RFC 5961 §3.2, §4.2
TEST(SynReceived, only_a_rst_at_the_left_edge_ends_it) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpRst, .seq = 0});
  peer.send({.flags = kTcpRst, .seq = 65536});
  peer.expect_nothing();
  for (const std::uint32_t inside : {2U, 65535U}) {
    peer.send({.flags = kTcpRst, .seq = inside});
    peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1, .size = 0});
  }
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  EXPECT_EQ(peer.drops(Drop::kTcpUnacceptable), 4U);
  peer.send({.flags = kRstAck, .seq = 1, .ack = 77});
  EXPECT_EQ(peer.stack->half_open_count(), 0U);
}

TEST(SynReceived, a_syn_in_the_window_is_challenged) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpSyn, .seq = 500});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
}

TEST(SynReceived, data_outside_the_window_is_answered_and_completes_nothing) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.seq = 65536, .ack = 1, .payload = "x"});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  EXPECT_TRUE(peer.host.apps.empty());
  // Out of order, but in the window: its acknowledgement counts.
  peer.send({.seq = 3, .ack = 1, .payload = "cd"});
  EXPECT_EQ(peer.app().established, 1);
  EXPECT_EQ(peer.app().received, "");
  peer.send({.seq = 1, .ack = 1, .payload = "ab"});
  EXPECT_EQ(peer.app().received, "abcd");
  peer.take_all();
}

TEST(SynReceived, answers_to_one_peer_are_few_until_the_next_timeout) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  for (int count = 0; count < 10; ++count) peer.send({.flags = kTcpSyn, .seq = 0});
  EXPECT_EQ(peer.take_all().size(), 2U);
  for (int count = 0; count < 10; ++count) peer.send({.flags = kTcpRst, .seq = 5});
  peer.expect_nothing();
  EXPECT_EQ(peer.events(Event::kTcpAnswersLimited), 18U);
  peer.advance(1s);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpSyn, .seq = 0});
  peer.expect({.flags = kSynAck});
}

// RFC 7323 §5.3, §3.2
TEST(SynReceived, timestamps_are_checked) {
  Peer peer(with_all_options());
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.seq = 1, .options = {.timestamps = wire::TcpTimestamps{999, peer.ts_echo}}});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  peer.send({.seq = 1, .plain = true});
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpPaws), 2U);
  EXPECT_TRUE(peer.host.apps.empty());
  peer.send({});
  EXPECT_EQ(peer.app().established, 1);
}

// RFC 6928 §1
TEST(SynReceived, a_syn_ack_lost_more_than_once_makes_the_first_window_one_segment) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.advance(1001ms);
  peer.expect({.flags = kSynAck});
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().snd_cwnd, 14'600U) << "once may be a delay";

  peer.new_flow(41000);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.advance(3002ms);
  EXPECT_EQ(peer.take_all().size(), 2U);
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().snd_cwnd, 1460U);
}

TEST(SynReceived, syn_acks_go_where_the_syn_came_from) {
  Scenario scenario;
  scenario.shared = true;
  Peer peer(scenario);
  peer.mac = wire::MacAddress{{2, 0, 0, 0, 0, 7}};
  send_syn(peer);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, peer.mac);
  peer.advance(1s);
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, peer.mac);
  peer.mac = wire::MacAddress{{2, 0, 0, 0, 0, 8}};
  peer.send({.flags = kTcpSyn, .seq = 0});
  EXPECT_EQ(peer.expect({.flags = kSynAck}).to, peer.mac);
  peer.send({.payload = "x"});
  EXPECT_EQ(peer.expect({.flags = kTcpAck}).to, peer.mac);
}

// RFC 9293 §3.10.7.2
TEST(Listen, anything_but_a_syn_is_refused) {
  Peer peer;
  peer.send({.flags = kTcpAck, .seq = 5, .ack = 77});
  peer.expect({.flags = kTcpRst, .seq = 77});
  peer.send({.flags = kSynAck, .seq = 5, .ack = 78});
  peer.expect({.flags = kTcpRst, .seq = 78});
  EXPECT_EQ(peer.drops(Drop::kTcpNoConnection), 2U);
  peer.send({.flags = kTcpRst, .seq = 5});
  EXPECT_EQ(peer.drops(Drop::kTcpNoConnection), 3U);
  peer.send({.flags = kNoFlags, .seq = 5});
  peer.send({.flags = kTcpFin, .seq = 5});
  peer.send({.flags = kTcpSyn | kTcpFin, .seq = 5});
  EXPECT_EQ(peer.drops(Drop::kTcpBadFlags), 3U);
  peer.expect_nothing();
}

TEST(Listen, syn_beyond_the_backlog_is_dropped_until_one_is_established_where_cookies_are_off) {
  Scenario scenario;
  scenario.tcp.syn_cookies = false;
  scenario.tcp.backlog = 1;
  Peer peer(scenario);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  const std::uint32_t irs = peer.irs;
  peer.new_flow(41000);
  send_syn(peer);
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpBacklogFull), 1U);

  peer.new_flow(40000);
  peer.irs = irs;
  peer.send({.seq = 1, .ack = 1});
  EXPECT_EQ(peer.app().established, 1);
  peer.new_flow(41000);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
}

TEST(Listen, syn_without_a_free_slot_is_dropped) {
  Scenario scenario;
  scenario.tcp.connections_max = 1;
  Peer peer(scenario);
  peer.establish();
  peer.new_flow(41000);
  send_syn(peer);
  peer.expect_nothing();
  EXPECT_EQ(peer.drops(Drop::kTcpTableFull), 1U);
}

TEST(SynReceived, a_declined_connection_is_reset) {
  Peer peer;
  peer.host.declines = true;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({});
  peer.expect({.flags = kRstAck, .seq = 1, .ack = 1});
  EXPECT_EQ(peer.drops(Drop::kTcpRefused), 1U);
  EXPECT_EQ(peer.closed(CloseReason::kAborted), 1U);
  EXPECT_EQ(peer.stack->connection_count(), 0U);
}

// RFC 6298 2.1, 5.5
TEST(SynReceived, syn_ack_is_repeated_with_back_off_and_then_given_up) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  for (const base::Duration timeout : {1s, 2s, 4s, 8s, 16s}) {
    peer.advance(timeout - 2ms);
    peer.expect_nothing();
    peer.advance(2ms);
    peer.expect({.flags = kSynAck, .seq = 0, .ack = 1});
  }
  peer.advance(32s - 20ms);
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  peer.advance(40ms);
  EXPECT_EQ(peer.stack->half_open_count(), 0U);
  EXPECT_EQ(peer.closed(CloseReason::kHandshakeTimedOut), 1U);
  EXPECT_TRUE(peer.host.apps.empty());
}

TEST(SynReceived, a_repeated_syn_is_answered_again) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpSyn, .seq = 0, .options = peer.syn_options(), .plain = true});
  peer.expect({.flags = kSynAck, .seq = 0, .ack = 1});
  peer.send({.seq = 1});
  EXPECT_EQ(peer.app().established, 1);
  EXPECT_EQ(peer.stack->connection_count(), 1U);
}

// RFC 9293 §3.10.7.4: a peer that has begun anew learns of the old attempt, and resets it.
TEST(SynReceived, a_different_syn_is_answered_with_where_we_are) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpSyn, .seq = 500'000});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 1});
  EXPECT_EQ(peer.stack->half_open_count(), 1U);
  peer.send({.flags = kTcpRst, .seq = 1});
  EXPECT_EQ(peer.stack->half_open_count(), 0U);
}

// RFC 9293 §3.10.7.4, second check: back to LISTEN.
TEST(SynReceived, rst_ends_it_quietly) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kTcpRst});
  peer.expect_nothing();
  EXPECT_EQ(peer.closed(CloseReason::kPeerReset), 1U);
  EXPECT_TRUE(peer.host.apps.empty());
}

// RFC 9293 §3.10.7.4, fifth check
TEST(SynReceived, a_wrong_acknowledgement_is_reset_and_the_right_one_still_establishes) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.ack = 55});
  peer.expect({.flags = kTcpRst, .seq = 55});
  EXPECT_EQ(peer.drops(Drop::kTcpBadAck), 1U);
  peer.send({.flags = kNoFlags});
  EXPECT_EQ(peer.drops(Drop::kTcpBadFlags), 1U);
  peer.send({.ack = 1});
  EXPECT_EQ(peer.app().established, 1);
}

TEST(SynReceived, the_third_segment_may_carry_data_and_fin) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.send({.flags = kFinAck, .payload = "hello"});
  peer.expect({.flags = kTcpAck, .seq = 1, .ack = 7});
  EXPECT_EQ(peer.app().received, "hello");
  EXPECT_EQ(peer.app().peer_finished, 1);
  EXPECT_EQ(peer.app().connection->info().state, "CLOSE-WAIT");
}

// RFC 6298: the handshake is the first sample, unless its segment was sent twice (Karn).
TEST(SynReceived, the_handshake_measures_the_round_trip_once) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.advance(70ms);
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().srtt, 70ms);

  peer.new_flow(41000);
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.advance(1010ms);
  peer.expect({.flags = kSynAck});
  peer.send({});
  EXPECT_EQ(peer.app().connection->info().srtt, 0ms);
}

TEST(SynReceived, an_unlistened_endpoint_accepts_nobody_any_more) {
  Peer peer;
  send_syn(peer);
  peer.expect({.flags = kSynAck});
  peer.stack->unlisten(peer.local);
  peer.send({});
  peer.expect({.flags = kTcpRst, .seq = 1});
  EXPECT_TRUE(peer.host.apps.empty());
  EXPECT_EQ(peer.drops(Drop::kTcpNoConnection), 1U);
}

}  // namespace
}  // namespace windhover::stack::tcp::test
