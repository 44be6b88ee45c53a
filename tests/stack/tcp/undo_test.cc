#include "stack/tcp/undo.h"

#include "tests/stack/tcp/recovering.h"

namespace windhover::stack::tcp::test {
namespace {

using Indices = std::vector<std::uint32_t>;
constexpr std::uint32_t kUnlimited = 0xffffffff;

class Undoing : public Recovering {
 protected:
  using Recovering::Recovering;
  std::uint32_t ssthresh() { return app().connection->info().snd_ssthresh; }
  std::uint32_t cwnd() { return app().connection->info().snd_cwnd; }
  std::uint64_t undone() { return peer.events(Event::kTcpRecoveriesUndone); }
  void wait_for_timeout() {
    for (int count = 0; count < 1000 && peer.events(Event::kTcpTimeouts) == 0; ++count) peer.advance(1ms);
    ASSERT_EQ(peer.events(Event::kTcpTimeouts), 1U);
  }
};

// RFC 3708 §2: every retransmission was one too many.
TEST_F(Undoing, dsacks_of_all_that_was_sent_again_restore_the_window) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 2}, {3, 10}});
  ASSERT_EQ(indices(), (Indices{0, 2}));
  EXPECT_EQ(ssthresh(), 5 * kSize);
  sack(10, {});
  EXPECT_EQ(cwnd(), 5 * kSize);
  dsack(10, 0, 1);
  EXPECT_EQ(ssthresh(), 5 * kSize) << "one of two";
  EXPECT_EQ(undone(), 0U);
  dsack(10, 2, 3);
  EXPECT_EQ(ssthresh(), kUnlimited);
  EXPECT_GE(cwnd(), 10 * kSize);
  EXPECT_EQ(undone(), 1U);
}

TEST_F(Undoing, dsacks_of_something_else_do_not) {
  ASSERT_EQ(send(4), 4U);
  sack(4, {});
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(4, {{5, 14}});
  ASSERT_EQ(indices(), Indices{4});
  dsack(4, 0, 1);
  sack(14, {});
  dsack(14, 1, 2);
  EXPECT_EQ(undone(), 0U);
  EXPECT_LT(ssthresh(), kUnlimited);
}

// What has been acknowledged since tells nothing more about an old episode.
TEST_F(Undoing, an_episode_is_forgotten_when_later_data_has_been_acknowledged) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 10}});
  ASSERT_EQ(indices(), Indices{0});
  sack(10, {});
  ASSERT_EQ(send(1), 1U);
  sack(11, {});
  dsack(11, 0, 1);
  EXPECT_EQ(undone(), 0U);
}

class UndoingWithTimestamps : public Undoing {
 protected:
  UndoingWithTimestamps() : Undoing(with_timestamps(true)) {}
  explicit UndoingWithTimestamps(const Scenario& scenario) : Undoing(scenario) {}
  static Scenario with_timestamps(bool sack) {
    Scenario scenario = with_sack(sack);
    scenario.timestamps = true;
    scenario.wire.mtu = 9000;
    scenario.mss = kSize + 12;
    return scenario;
  }
};

// RFC 3522 §3.2: the acknowledgement echoes the first transmission.
TEST_F(UndoingWithTimestamps, an_old_echo_restores_the_window) {
  ASSERT_EQ(send(10), 10U);
  const std::uint32_t first = peer.ts_echo;
  peer.advance(20ms);
  sack(0, {{1, 4}});
  ASSERT_EQ(indices(), Indices{0});
  EXPECT_EQ(ssthresh(), 5 * kSize);
  peer.ts_echo = first;
  sack(4, {});
  EXPECT_EQ(ssthresh(), kUnlimited);
  EXPECT_EQ(undone(), 1U);
}

TEST_F(UndoingWithTimestamps, an_echo_of_the_retransmission_does_not) {
  ASSERT_EQ(send(10), 10U);
  peer.advance(20ms);
  sack(0, {{1, 4}});
  ASSERT_EQ(indices(), Indices{0});
  peer.advance(20ms);
  sack(4, {});
  EXPECT_EQ(ssthresh(), 5 * kSize);
  EXPECT_EQ(undone(), 0U);
  peer.take_all();
}

class UndoingTimestampsAlone : public UndoingWithTimestamps {
 protected:
  UndoingTimestampsAlone() : UndoingWithTimestamps(with_timestamps(false)) {}
};

// RFC 3522 §3.2, RFC 4015: a timeout that came too early, by timestamps.
TEST_F(UndoingTimestampsAlone, an_old_echo_after_a_timeout_restores_the_window) {
  ASSERT_EQ(send(6), 6U);
  const std::uint32_t first = peer.ts_echo;
  wait_for_timeout();
  ASSERT_EQ(indices(), Indices{0});
  EXPECT_EQ(cwnd(), kSize);
  peer.ts_echo = first;
  peer.send({.ack = at(2)});
  EXPECT_EQ(undone(), 1U);
  EXPECT_EQ(ssthresh(), kUnlimited);
  EXPECT_EQ(indices(), Indices{}) << "the others are in flight after all";
}

// RFC 5682 §3.1
TEST_F(Undoing, a_timeout_that_came_too_early_shows_when_new_data_goes_first) {
  ASSERT_EQ(send(20), 10U);
  wait_for_timeout();
  const Indices before = indices();
  EXPECT_EQ(before.back(), 0U);
  sack(1, {});
  EXPECT_EQ(indices(), (Indices{11, 12})) << "after the probe's 10; nothing is sent again yet";
  sack(1, {{3, 4}});
  EXPECT_EQ(undone(), 1U);
  EXPECT_EQ(ssthresh(), kUnlimited);
  EXPECT_GE(cwnd(), 10 * kSize);
  peer.take_all();
}

TEST_F(Undoing, a_second_acknowledgement_of_new_data_alone_confirms_the_timeout) {
  ASSERT_EQ(send(20), 10U);
  wait_for_timeout();
  peer.take_all();
  sack(1, {});
  ASSERT_EQ(indices(), (Indices{11, 12}));
  sack(1, {{11, 12}});
  const Indices again = indices();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front(), 1U);
  EXPECT_LE(cwnd(), 3 * kSize);
  EXPECT_EQ(undone(), 0U);
}

TEST_F(Undoing, without_new_data_a_timeout_is_repaired_at_once) {
  ASSERT_EQ(send(10), 10U);
  wait_for_timeout();
  peer.take_all();
  sack(1, {});
  EXPECT_EQ(indices(), (Indices{1, 2}));
}

class UndoingWithoutSack : public Undoing {
 protected:
  UndoingWithoutSack() : Undoing(with_sack(false)) {}
};

// RFC 5682 §2.1
TEST_F(UndoingWithoutSack, two_acknowledgements_in_a_row_make_a_timeout_needless) {
  ASSERT_EQ(send(20), 10U);
  wait_for_timeout();
  ASSERT_EQ(indices(), Indices{0});
  peer.send({.ack = at(1)});
  EXPECT_EQ(indices(), (Indices{10, 11}));
  EXPECT_EQ(undone(), 0U);
  peer.send({.ack = at(2)});
  EXPECT_EQ(undone(), 1U);
  EXPECT_EQ(ssthresh(), kUnlimited);
  for (const std::uint32_t index : indices()) EXPECT_GE(index, 12U);
}

// RFC 5682 §2.1 steps 2a and 3a
TEST_F(UndoingWithoutSack, a_duplicate_makes_a_timeout_believed) {
  ASSERT_EQ(send(20), 10U);
  wait_for_timeout();
  ASSERT_EQ(indices(), Indices{0});
  peer.send({.ack = at(1)});
  ASSERT_EQ(indices(), (Indices{10, 11}));
  peer.send({.ack = at(1)});
  const Indices again = indices();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front(), 1U);
  EXPECT_EQ(undone(), 0U);
}

// RFC 5682 §2.1 step 1: a timeout of what a timeout sent again is answered in the old way.
TEST_F(UndoingWithoutSack, a_second_timeout_does_not_ask_again) {
  ASSERT_EQ(send(20), 10U);
  wait_for_timeout();
  peer.advance(500ms);
  EXPECT_EQ(peer.events(Event::kTcpTimeouts), 2U);
  peer.take_all();
  peer.send({.ack = at(1)});
  const Indices again = indices();
  ASSERT_FALSE(again.empty());
  for (const std::uint32_t index : again) EXPECT_LT(index, 3U) << "no new data";
}

}  // namespace
}  // namespace windhover::stack::tcp::test
