// The neighbour state machine by itself (RFC 4861 7.3, RFC 1122 2.3.2), in virtual time.

#include "stack/ip/neighbours.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

struct Question {
  Address target;
  std::optional<MacAddress> known;
  bool operator==(const Question&) const = default;
};

class NeighboursTest : public testing::Test, public NeighbourPort {
 protected:
  void solicit(const Address& target, const std::optional<MacAddress>& known) override {
    questions.push_back({target, known});
  }
  void release(link::Frame frame, const MacAddress& to) override {
    released.push_back(frame.bytes()[0]);
    released_to = to;
  }

  void unreachable(base::Instant, const Address& target) override { given_up.push_back(target); }

  Neighbours& make(Neighbours::Limits limits) {
    neighbours.emplace(now, limits, *this, counters);
    return *neighbours;
  }
  Neighbours& make() { return make(kLimits); }

  link::Frame frame(std::uint8_t mark) {
    link::Frame made = arena.allocate();
    made.append(1)[0] = mark;
    return made;
  }
  const MacAddress* find(const Address& address) {
    std::uint32_t hint = 0;
    return neighbours->find(now, address, hint);
  }
  void send(const Address& address, std::uint8_t mark = 0) {
    if (find(address) == nullptr) neighbours->wait(now, address, frame(mark));
  }
  void make_reachable(const Address& address, const MacAddress& mac = kPeerMac) {
    send(address);
    EXPECT_TRUE(neighbours->learn(now, address, mac, Claim::kAnswer));
    questions.clear();
    released.clear();
  }
  void at(base::Duration since_start) {
    now = base::Instant{} + since_start;
    neighbours->advance(now);
  }

  static constexpr Neighbours::Limits kLimits{
      .neighbours_max = 4, .queue_max = 3, .waiting_max = 6, .reachable = 30s, .retransmit = 1s};

  base::Instant now{};
  base::Counters counters;
  link::FrameArena arena{{.frame_count = 32, .frame_size = 64, .headroom = 0, .pieces = false}};
  std::vector<Question> questions;
  std::vector<std::uint8_t> released;
  MacAddress released_to{};
  std::vector<Address> given_up;
  std::optional<Neighbours> neighbours;
};

TEST_F(NeighboursTest, unknown_send_asks_everybody_once) {
  make();
  send(kPeer4, 1);
  send(kPeer4, 2);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, std::nullopt}}));
  EXPECT_TRUE(released.empty());
  EXPECT_EQ(neighbours->waiting(), 2U);
}

TEST_F(NeighboursTest, incomplete_answer_releases_what_waits_in_order) {
  make();
  send(kPeer4, 1);
  send(kPeer4, 2);
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer));
  EXPECT_EQ(released, (std::vector<std::uint8_t>{1, 2}));
  EXPECT_EQ(released_to, kPeerMac);
  EXPECT_EQ(neighbours->waiting(), 0U);
  ASSERT_NE(find(kPeer4), nullptr);
  EXPECT_EQ(*find(kPeer4), kPeerMac);
}

TEST_F(NeighboursTest, incomplete_silence_asks_three_times_then_drops_rfc4861_7_2_2) {
  make();
  send(kPeer6, 1);
  send(kPeer6, 2);
  at(999ms);
  EXPECT_EQ(questions.size(), 1U);
  at(1s);
  EXPECT_EQ(questions.size(), 2U);
  at(2s);
  EXPECT_EQ(questions.size(), 3U);
  at(2999ms);
  EXPECT_EQ(neighbours->waiting(), 2U);
  EXPECT_EQ(counters.value(Drop::kNeighbourUnresolved), 0U);
  at(3s);
  EXPECT_EQ(questions.size(), 3U);
  EXPECT_EQ(neighbours->waiting(), 0U);
  EXPECT_EQ(neighbours->size(), 0U);
  EXPECT_EQ(counters.value(Drop::kNeighbourUnresolved), 2U);
  EXPECT_EQ(neighbours->next_deadline(), base::kNever);
  EXPECT_EQ(arena.free_count(), 32U);
}

TEST_F(NeighboursTest, incomplete_queue_full_drops_the_oldest_rfc4861_7_2_2) {
  make();
  for (std::uint8_t mark = 1; mark <= 4; ++mark) send(kPeer4, mark);
  EXPECT_EQ(counters.value(Drop::kNeighbourQueueFull), 1U);
  neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer);
  EXPECT_EQ(released, (std::vector<std::uint8_t>{2, 3, 4}));
}

TEST_F(NeighboursTest, waiting_in_all_is_bounded) {
  make();
  for (const char* text : {"10.66.0.11", "10.66.0.12"}) {
    for (std::uint8_t mark = 1; mark <= 3; ++mark) send(address(text), mark);
  }
  EXPECT_EQ(counters.value(Drop::kNeighbourQueueFull), 0U);
  send(address("10.66.0.13"), 9);
  EXPECT_EQ(counters.value(Drop::kNeighbourQueueFull), 1U);
  EXPECT_EQ(neighbours->waiting(), 6U);
  EXPECT_EQ(arena.free_count(), 32U - 6U);
}

TEST_F(NeighboursTest, reachable_use_asks_nothing_until_it_is_stale) {
  make();
  make_reachable(kPeer4);
  at(29'999ms);
  EXPECT_NE(find(kPeer4), nullptr);
  EXPECT_EQ(neighbours->next_deadline() > now, true);
  at(34'998ms);
  EXPECT_TRUE(questions.empty());  // Reachable until 30 s, then stale: nothing is asked while it is not used.
  at(1000s);
  EXPECT_TRUE(questions.empty());
}

TEST_F(NeighboursTest, stale_use_is_probed_after_the_delay_rfc4861_7_3_3) {
  make();
  make_reachable(kPeer4);
  at(30s);
  ASSERT_NE(find(kPeer4), nullptr);  // STALE to DELAY.
  at(34'999ms);
  EXPECT_TRUE(questions.empty());
  at(35s);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, kPeerMac}}));
  EXPECT_NE(find(kPeer4), nullptr);  // PROBE keeps using what is known.
}

TEST_F(NeighboursTest, probe_answer_makes_reachable_again) {
  make();
  make_reachable(kPeer4);
  at(30s);
  find(kPeer4);
  at(35s);
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer));
  at(64'999ms);
  find(kPeer4);
  at(69'998ms);
  EXPECT_EQ(questions.size(), 1U);
}

TEST_F(NeighboursTest, probe_answer_without_link_address_confirms_rfc4861_7_2_5) {
  make();
  make_reachable(kPeer6);
  EXPECT_FALSE(neighbours->confirm(now, kPeer6));  // Nobody has asked.
  at(30s);
  find(kPeer6);
  at(35s);
  EXPECT_TRUE(neighbours->confirm(now, kPeer6));
  at(38s);
  EXPECT_EQ(questions.size(), 1U);
}

TEST_F(NeighboursTest, probe_silence_deletes_after_three_rfc4861_7_3_3) {
  make();
  make_reachable(kPeer4);
  at(30s);
  find(kPeer4);
  at(35s);
  at(36s);
  at(37s);
  EXPECT_EQ(questions.size(), 3U);
  at(37'999ms);
  EXPECT_NE(find(kPeer4), nullptr);
  at(38s);
  EXPECT_EQ(find(kPeer4), nullptr);
  EXPECT_EQ(neighbours->size(), 0U);
}

TEST_F(NeighboursTest, question_from_a_stranger_makes_a_stale_entry) {
  make();
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kQuestion));
  EXPECT_EQ(*find(kPeer4), kPeerMac);  // Used: the delay begins.
  at(4'999ms);
  EXPECT_TRUE(questions.empty());
  at(5s);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, kPeerMac}}));
}

TEST_F(NeighboursTest, announcement_and_answer_from_a_stranger_are_not_believed) {
  make();
  EXPECT_FALSE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnnouncement));
  EXPECT_FALSE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer));
  EXPECT_EQ(neighbours->size(), 0U);
}

TEST_F(NeighboursTest, incomplete_announcement_is_used_and_then_probed) {
  make();
  send(kPeer4, 7);
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnnouncement));
  EXPECT_EQ(released, std::vector<std::uint8_t>{7});
  questions.clear();
  at(4'999ms);
  EXPECT_TRUE(questions.empty());
  at(5s);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, kPeerMac}}));
}

TEST_F(NeighboursTest, live_entry_keeps_its_address_whatever_is_claimed) {
  for (const Claim claim : {Claim::kQuestion, Claim::kAnswer, Claim::kAnnouncement}) {
    for (const base::Duration age : {1s, 31s}) {  // Reachable, stale.
      now = {};
      make();
      make_reachable(kPeer4);
      at(age);
      EXPECT_FALSE(neighbours->learn(now, kPeer4, kOtherMac, claim));
      EXPECT_EQ(*find(kPeer4), kPeerMac);
      EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, kPeerMac}}));  // The one we know is asked, at once.
      EXPECT_FALSE(neighbours->learn(now, kPeer4, kOtherMac, claim));     // Again: one question is open already.
      EXPECT_EQ(questions.size(), 1U);
      EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer));
      EXPECT_EQ(*find(kPeer4), kPeerMac);
    }
  }
}

TEST_F(NeighboursTest, live_entry_that_moved_is_found_again_once_the_old_one_is_silent) {
  make();
  make_reachable(kPeer4);
  neighbours->learn(now, kPeer4, kOtherMac, Claim::kAnnouncement);
  for (const base::Duration when : {1s, 2s}) at(when);
  at(2'999ms);
  EXPECT_EQ(*find(kPeer4), kPeerMac);
  at(3s);
  questions.clear();
  send(kPeer4, 5);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, std::nullopt}}));
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kOtherMac, Claim::kAnswer));
  EXPECT_EQ(released_to, kOtherMac);
}

TEST_F(NeighboursTest, answer_unasked_does_not_refresh) {
  make();
  make_reachable(kPeer4);
  at(30s);
  EXPECT_TRUE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kAnswer));  // No news, but nobody had asked.
  find(kPeer4);
  at(35s);
  EXPECT_EQ(questions.size(), 1U);
}

TEST_F(NeighboursTest, hint_is_checked_and_put_right) {
  make();
  make_reachable(kPeer4);
  make_reachable(kPeer6, kOtherMac);
  std::uint32_t hint = 4'000'000;
  ASSERT_NE(neighbours->find(now, kPeer6, hint), nullptr);
  const std::uint32_t right = hint;
  EXPECT_LT(right, 4U);
  EXPECT_EQ(*neighbours->find(now, kPeer4, hint), kPeerMac);
  EXPECT_NE(hint, right);
  EXPECT_EQ(*neighbours->find(now, kPeer6, hint), kOtherMac);
  EXPECT_EQ(hint, right);
}

TEST_F(NeighboursTest, full_table_gives_up_the_longest_stale) {
  make();
  for (const char* text : {"10.66.0.12", "10.66.0.11", "10.66.0.14", "10.66.0.13"}) {
    neighbours->learn(now, address(text), kPeerMac, Claim::kQuestion);
  }
  EXPECT_NE(find(address("10.66.0.12")), nullptr);  // In use now, so .11 is the oldest stale one.
  neighbours->learn(now, address("10.66.0.15"), kPeerMac, Claim::kQuestion);
  EXPECT_EQ(neighbours->size(), 4U);
  EXPECT_EQ(find(address("10.66.0.11")), nullptr);
  for (const char* text : {"10.66.0.12", "10.66.0.13", "10.66.0.14", "10.66.0.15"}) {
    EXPECT_NE(find(address(text)), nullptr) << text;
  }
}

TEST_F(NeighboursTest, full_of_unanswered_gives_up_the_oldest_of_them_not_the_stale) {
  make();
  neighbours->learn(now, kPeer4, kPeerMac, Claim::kQuestion);
  for (const char* text : {"10.66.0.11", "10.66.0.12", "10.66.0.13", "10.66.0.14"}) send(address(text));
  EXPECT_EQ(neighbours->size(), 4U);
  EXPECT_EQ(counters.value(Drop::kNeighbourUnresolved), 1U);
  EXPECT_EQ(counters.value(Drop::kNeighbourTableFull), 0U);
  EXPECT_NE(find(kPeer4), nullptr);
  EXPECT_FALSE(neighbours->learn(now, address("10.66.0.11"), kPeerMac, Claim::kAnswer));
  EXPECT_TRUE(neighbours->learn(now, address("10.66.0.12"), kPeerMac, Claim::kAnswer));
}

TEST_F(NeighboursTest, full_of_reachable_refuses_a_new_one) {
  make();
  for (const char* text : {"10.66.0.11", "10.66.0.12", "10.66.0.13", "10.66.0.14"}) make_reachable(address(text));
  send(kPeer4);
  EXPECT_EQ(counters.value(Drop::kNeighbourTableFull), 1U);
  EXPECT_TRUE(questions.empty());
  EXPECT_FALSE(neighbours->learn(now, kPeer4, kPeerMac, Claim::kQuestion));
  EXPECT_EQ(arena.free_count(), 32U);
}

TEST_F(NeighboursTest, pinned_stays_when_stale) {
  make({.neighbours_max = 1, .queue_max = 1, .waiting_max = 1, .reachable = 30s, .retransmit = 1s}).pin(kPeer4);
  make_reachable(kPeer4);
  at(31s);
  send(address("10.66.0.11"));
  EXPECT_EQ(counters.value(Drop::kNeighbourTableFull), 1U);
  EXPECT_NE(find(kPeer4), nullptr);
}

TEST_F(NeighboursTest, forward_progress_stands_for_an_answer_rfc4861_7_3_1) {
  make();
  make_reachable(kPeer4);
  EXPECT_EQ(neighbours->unconfirmed(), 0U);
  at(30s);
  neighbours->progressed(now, kPeer4, 0);  // STALE and not in use: nobody can have made progress by it.
  find(kPeer4);
  EXPECT_EQ(neighbours->unconfirmed(), 1U);
  at(34'999ms);
  neighbours->progressed(now, kPeer4, 4'000'000);
  EXPECT_EQ(neighbours->unconfirmed(), 0U);
  at(64'998ms);
  EXPECT_TRUE(questions.empty());
  find(kPeer4);
  at(64'999ms);
  find(kPeer4);
  at(69'999ms);
  EXPECT_EQ(questions.size(), 1U);
  EXPECT_EQ(neighbours->unconfirmed(), 1U);  // PROBE.
  neighbours->progressed(now, kPeer4, 0);
  at(73s);
  EXPECT_EQ(questions.size(), 1U);
  EXPECT_NE(find(kPeer4), nullptr);
  neighbours->progressed(now, kPeer6, 0);  // Not in the table.
}

TEST_F(NeighboursTest, flood_of_strangers_leaves_those_we_speak_with) {
  make();
  make_reachable(kPeer4);
  at(31s);  // STALE, longer than any of those that follow.
  for (std::uint32_t stranger = 0; stranger < 5000; ++stranger) {
    neighbours->learn(now, Address::v4(0x0a430000 + stranger), kOtherMac, Claim::kQuestion);
    ASSERT_LE(neighbours->size(), 4U);
  }
  ASSERT_NE(find(kPeer4), nullptr);
  EXPECT_EQ(*find(kPeer4), kPeerMac);
}

TEST_F(NeighboursTest, stale_entry_goes_when_it_has_not_been_used_for_long) {
  make();
  make_reachable(kPeer4);
  at(30s);
  at(30s + kStaleMax - 1ms);
  EXPECT_EQ(neighbours->size(), 1U);
  at(30s + kStaleMax);
  EXPECT_EQ(neighbours->size(), 0U);
  EXPECT_TRUE(questions.empty());
  EXPECT_TRUE(given_up.empty());
}

TEST_F(NeighboursTest, silent_neighbour_is_told_of_and_an_evicted_one_is_not) {
  make();
  send(kPeer4);
  for (const base::Duration when : {1s, 2s}) at(when);
  EXPECT_TRUE(given_up.empty());
  at(3s);
  EXPECT_EQ(given_up, std::vector<Address>{kPeer4});
  for (const char* text : {"10.66.0.11", "10.66.0.12", "10.66.0.13", "10.66.0.14", "10.66.0.15"}) send(address(text));
  EXPECT_EQ(given_up.size(), 1U);
}

TEST_F(NeighboursTest, pin_of_a_known_entry_holds_until_it_is_unpinned) {
  make({.neighbours_max = 1, .queue_max = 1, .waiting_max = 1, .reachable = 30s, .retransmit = 1s});
  make_reachable(kPeer4);
  at(31s);
  neighbours->pin(kPeer4);
  EXPECT_FALSE(neighbours->learn(now, address("10.66.0.11"), kOtherMac, Claim::kQuestion));
  at(31s + 2 * kStaleMax);
  EXPECT_EQ(neighbours->size(), 1U);
  neighbours->unpin(kPeer4);
  EXPECT_TRUE(neighbours->learn(now, address("10.66.0.11"), kOtherMac, Claim::kQuestion));
}

TEST_F(NeighboursTest, doubt_makes_the_reachable_stale) {
  make();
  make_reachable(kPeer4);
  at(1s);
  neighbours->doubt(now);
  EXPECT_NE(find(kPeer4), nullptr);
  at(6s);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer4, kPeerMac}}));
}

TEST_F(NeighboursTest, times_for_ipv6_are_its_own) {
  make();
  neighbours->set_reachable_v6(10s);
  neighbours->set_retransmit_v6(200ms);
  make_reachable(kPeer6);
  make_reachable(kPeer4, kOtherMac);
  at(10s);
  find(kPeer6);
  find(kPeer4);
  at(15s);
  EXPECT_EQ(questions, (std::vector<Question>{{kPeer6, kPeerMac}}));
  at(15'200ms);
  EXPECT_EQ(questions.size(), 2U);
}

TEST_F(NeighboursTest, stop_returns_frames_uncounted) {
  make();
  send(kPeer4, 1);
  send(kPeer6, 2);
  neighbours->stop();
  EXPECT_EQ(neighbours->waiting(), 0U);
  EXPECT_EQ(arena.free_count(), 32U);
  EXPECT_EQ(counters.value(Drop::kNeighbourUnresolved), 0U);
}

TEST_F(NeighboursTest, churn_keeps_the_table_in_order) {
  make({.neighbours_max = 64, .queue_max = 2, .waiting_max = 16, .reachable = 30s, .retransmit = 1s});
  std::uint32_t state = 1;
  for (int round = 0; round < 20'000; ++round) {
    state = state * 1664525 + 1013904223;
    const Address who = Address::v4(0x0a420000 | (state >> 24));
    switch (state >> 20 & 3) {
      case 0:
        send(who);
        break;
      case 1:
        neighbours->learn(now, who, kPeerMac, Claim::kQuestion);
        break;
      case 2:
        neighbours->learn(now, who, kPeerMac, Claim::kAnswer);
        break;
      default:
        at(now.time_since_epoch() + 37ms);
        break;
    }
    ASSERT_LE(neighbours->size(), 64U);
    ASSERT_EQ(arena.free_count(), 32U - neighbours->waiting());
  }
  for (int second = 0; second < 4; ++second) at(now.time_since_epoch() + 1s);
  EXPECT_EQ(neighbours->waiting(), 0U);
}

}  // namespace
}  // namespace windhover::stack::ip
