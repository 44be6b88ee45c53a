#include "stack/tcp/recorder.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

Scenario with_tapes(std::uint32_t tapes) {
  Scenario scenario;
  scenario.sack = true;
  scenario.tcp.recorder_tapes = tapes;
  return scenario;
}

Recording recording_of(const App& app) {
  Recording recording;
  app.connection->flight_record(recording);
  return recording;
}

/// Writes down whom it is told of.
class Witness final : public CloseObserver {
 public:
  void on_abnormal_close(const Info& info, CloseReason why, const Recording& recording) override {
    ++count;
    state = info.state;
    reason = why;
    text = to_string(recording);
  }

  int count = 0;
  std::string state;
  std::optional<CloseReason> reason;
  std::string text;
};

TEST(Recorder, keeps_segments_and_states_with_their_times) {
  Peer peer(with_tapes(4));
  App& app = peer.establish();
  peer.advance(10ms);
  peer.send({.flags = kPshAck, .window = 500, .payload = "hello"});
  peer.expect({.ack = 6});
  app.send("answer");
  peer.expect({.payload = "answer"});
  peer.advance(10ms);
  peer.send({.flags = kFinAck});
  peer.expect({.ack = 7});
  EXPECT_EQ(to_string(recording_of(app)),
            "+0.000000 < . 1 ack 1 win 65535\n"
            "+0.000000 state ESTABLISHED\n"
            "+0.009994 < P 1:6 ack 1 win 500\n"
            "+0.009994 > . 1 ack 6 win 65530\n"
            "+0.009994 > P 1:7 ack 6 win 65530\n"
            "+0.020004 < F 6 ack 7 win 65535\n"
            "+0.020004 state CLOSE-WAIT\n"
            "+0.020004 > . 7 ack 7 win 65529\n");
}

TEST(Recorder, keeps_a_loss_and_its_repair) {
  Peer peer(with_tapes(4));
  App& app = peer.establish();
  app.send(text(14600));
  peer.take_all();
  wire::TcpOptions options;
  options.sack_count = 1;
  options.sack[0] = {wire::Seq(peer.irs + 1461), wire::Seq(peer.irs + 14601)};
  peer.send({.ack = 1, .options = options});
  EXPECT_EQ(peer.expect({.seq = 1}).payload.size(), 1460U);
  peer.send({.ack = 14601});
  const std::string text = to_string(recording_of(app));
  EXPECT_NE(text.find(" lost bytes 1460 pipe 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" recovery cwnd "), std::string::npos) << text;
  EXPECT_NE(text.find(" recovered cwnd "), std::string::npos) << text;
  app.send("unanswered");
  peer.advance(3s);
  peer.take_all();
  EXPECT_NE(to_string(recording_of(app)).find(" timeout outstanding 10 earlier 0\n"), std::string::npos);
}

TEST(Recorder, keeps_the_last_events) {
  Peer peer(with_tapes(1));
  App& app = peer.establish();
  for (int count = 0; count < 100; ++count) {
    peer.send({.payload = "x"});
    peer.advance(50ms);
  }
  peer.take_all();
  const Recording recording = recording_of(app);
  EXPECT_EQ(recording.count, 64U);
  EXPECT_EQ(recording.events[63].kind, FlightEventKind::kSegmentOut);
  EXPECT_EQ(recording.events[63].second, 101U);
  EXPECT_EQ(recording.events[0].first, 100U - 31);
  EXPECT_LT(recording.events[63].at - recording.events[0].at, 32 * 50ms);
  EXPECT_GT(recording.events[63].at - recording.events[0].at, 31 * 50ms);
}

TEST(Recorder, a_quiet_connection_gives_its_tape_back) {
  Peer peer(with_tapes(1));
  App& first = peer.establish();
  peer.advance(29s);
  EXPECT_EQ(recording_of(first).count, 2U);
  peer.advance(2s);
  EXPECT_EQ(recording_of(first).count, 0U);
  peer.new_flow(41000);
  EXPECT_GT(recording_of(peer.establish()).count, 0U);
  EXPECT_EQ(peer.events(Event::kTcpNotRecorded), 0U);
}

TEST(Recorder, events_without_a_tape_are_counted) {
  Peer peer(with_tapes(1));
  App& first = peer.establish();
  peer.new_flow(41000);
  App& second = peer.establish();
  EXPECT_EQ(recording_of(second).count, 0U);
  EXPECT_EQ(peer.events(Event::kTcpNotRecorded), 2U);
  // The first one's tape is free when it ends.
  first.connection->abort();
  peer.take_all();
  peer.send({.payload = "x"});
  peer.take_all();
  EXPECT_EQ(recording_of(second).count, 2U);
}

TEST(Recorder, without_tapes_it_is_off) {
  Peer peer(with_tapes(0));
  App& app = peer.establish();
  EXPECT_EQ(recording_of(app).count, 0U);
  EXPECT_EQ(peer.events(Event::kTcpNotRecorded), 0U);
}

TEST(Recorder, an_abnormal_close_is_told_with_what_led_to_it) {
  Peer peer(with_tapes(4));
  Witness witness;
  peer.stack->set_close_observer(&witness);
  App& app = peer.establish();
  app.send("hello");
  peer.expect({.payload = "hello"});
  peer.send({.flags = kTcpRst});
  EXPECT_EQ(app.closed, CloseReason::kPeerReset);
  EXPECT_EQ(witness.count, 1);
  EXPECT_EQ(witness.state, "ESTABLISHED");
  EXPECT_EQ(witness.reason, CloseReason::kPeerReset);
  EXPECT_EQ(witness.text,
            "+0.000000 < . 1 ack 1 win 65535\n"
            "+0.000000 state ESTABLISHED\n"
            "+0.000000 > P 1:6 ack 1 win 65535\n"
            "+0.000000 < R 1 ack 0 win 65535\n"
            "+0.000000 closed peer_reset\n");
  peer.stack->set_close_observer(nullptr);
}

TEST(Recorder, an_orderly_close_is_not_told) {
  Peer peer(with_tapes(4));
  Witness witness;
  peer.stack->set_close_observer(&witness);
  App& app = peer.enter("LAST-ACK");
  peer.send({});
  EXPECT_EQ(app.closed, CloseReason::kFinished);
  EXPECT_EQ(witness.count, 0);
  peer.stack->set_close_observer(nullptr);
}

TEST(Recorder, an_active_open_is_kept_from_its_syn) {
  Peer peer(with_tapes(4));
  App& app = peer.connect_established();
  const std::string text = to_string(recording_of(app));
  EXPECT_EQ(text.substr(0, text.find('\n')), "+0.000000 > S 0 ack 0 win 65535") << text;
}

}  // namespace
}  // namespace windhover::stack::tcp::test
