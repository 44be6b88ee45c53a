#include "stack/tcp/flight.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <vector>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

using wire::Seq;
using namespace std::chrono_literals;

constexpr Seq kStart{0xfffffff0};  // So that the circle is crossed at once.

base::Instant at(int milliseconds) { return base::Instant{} + std::chrono::milliseconds(milliseconds); }

class FlightTest : public testing::Test {
 protected:
  ~FlightTest() override {
    flight.clear(memory);
    EXPECT_TRUE(memory.all_free());
  }
  /// Sends `count` records of 100 at 1 ms, 2 ms, ...
  void send(int count) {
    for (int record = 0; record < count; ++record) {
      flight.sent(memory, at(record + 1), kStart + static_cast<std::uint32_t>(record) * 100, 100);
    }
  }
  FlightAck acknowledge(std::uint32_t offset) {
    FlightAck ack;
    flight.acknowledge(memory, kStart + offset, ack);
    return ack;
  }
  FlightAck sack(std::uint32_t from, std::uint32_t to) {
    FlightAck ack;
    flight.sack(memory, kStart + from, kStart + to, {}, ack);
    return ack;
  }
  /// Everything in flight for which `is_lost` holds.
  template <typename IsLost>
  std::uint32_t lose(IsLost&& is_lost) {
    return flight.detect_lost(memory, [&](const FlightRecord& record) {
      return is_lost(record) ? Flight::Judgement::kLost : Flight::Judgement::kSkip;
    });
  }
  std::uint32_t lose_all() {
    return lose([](const FlightRecord&) { return true; });
  }
  /// What is lost goes again, whole; the offsets at which it begins, in that
  /// order.
  std::vector<std::int32_t> resend_all() {
    std::vector<std::int32_t> starts;
    while (FlightRecord* const record = flight.first_lost(memory, 1000)) {
      starts.push_back(record->start - kStart);
      flight.resent(memory, *record, at(50));
    }
    return starts;
  }

  FlightMemory memory{16};
  Flight flight;
};

TEST_F(FlightTest, sent_is_outstanding_and_in_the_pipe) {
  send(3);
  EXPECT_FALSE(flight.empty());
  EXPECT_EQ(flight.size(), 300U);
  EXPECT_EQ(flight.pipe(), 300U);
  EXPECT_EQ(flight.front(memory).start, kStart);
  EXPECT_EQ(flight.last_part(memory, 1000).end(), kStart + 300);
}

TEST_F(FlightTest, acknowledged_records_report_the_newest_of_them) {
  send(3);
  const FlightAck ack = acknowledge(200);
  EXPECT_EQ(ack.delivered, 200U);
  EXPECT_TRUE(ack.any);
  EXPECT_EQ(ack.newest_sent, at(2));
  EXPECT_EQ(ack.newest_end, kStart + 200);
  EXPECT_FALSE(ack.retransmitted);
  EXPECT_EQ(flight.size(), 100U);
}

TEST_F(FlightTest, a_straddling_acknowledgement_trims) {
  send(2);
  EXPECT_EQ(acknowledge(130).delivered, 130U);
  EXPECT_EQ(flight.front(memory).start, kStart + 130);
  EXPECT_EQ(flight.front(memory).size, 70U);
  EXPECT_EQ(acknowledge(200).delivered, 70U);
  EXPECT_TRUE(flight.empty());
}

TEST_F(FlightTest, sacked_records_leave_the_pipe_and_are_not_delivered_twice) {
  send(3);
  const FlightAck ack = sack(100, 300);
  EXPECT_EQ(ack.delivered, 200U);
  EXPECT_EQ(flight.pipe(), 100U);
  EXPECT_EQ(flight.segments_sacked(), 2U);
  EXPECT_FALSE(sack(100, 300).any);
  EXPECT_EQ(acknowledge(300).delivered, 100U);
}

TEST_F(FlightTest, a_block_inside_a_record_splits_it) {
  send(1);
  EXPECT_EQ(sack(20, 50).delivered, 30U);
  EXPECT_EQ(flight.pipe(), 70U);
  EXPECT_EQ(lose([](const FlightRecord& record) { return record.start == kStart; }), 20U);
  EXPECT_EQ(flight.pipe(), 50U);
}

TEST_F(FlightTest, without_memory_a_straddling_record_stays_unmarked) {
  send(16);
  EXPECT_EQ(sack(50, 200).delivered, 100U);
  EXPECT_EQ(sack(200, 250).delivered, 0U);
}

// Tiny blocks must not take the lane's records.
TEST_F(FlightTest, beyond_its_bound_no_record_is_split) {
  send(2);
  FlightAck ack;
  flight.sack(memory, kStart + 20, kStart + 50, {.segment = 100, .records_max = 4}, ack);
  EXPECT_EQ(ack.delivered, 30U);
  flight.sack(memory, kStart + 120, kStart + 150, {.segment = 100, .records_max = 4}, ack);
  EXPECT_EQ(ack.delivered, 30U);
  flight.sack(memory, kStart + 100, kStart + 200, {.segment = 100, .records_max = 4}, ack);
  EXPECT_EQ(ack.delivered, 130U);
}

TEST_F(FlightTest, a_super_frame_counts_as_its_segments) {
  flight.sent(memory, at(1), kStart, 400);
  FlightAck ack;
  flight.sack(memory, kStart + 100, kStart + 400, {.segment = 100}, ack);
  EXPECT_EQ(flight.segments_sacked(), 3U);
  acknowledge(400);
  EXPECT_EQ(flight.segments_sacked(), 0U);
}

TEST_F(FlightTest, an_acknowledgement_tells_how_near_and_how_far_it_reaches) {
  send(4);
  const FlightAck late = sack(300, 400);
  EXPECT_EQ(late.highest_end, kStart + 400);
  EXPECT_EQ(late.lowest_original_end, kStart + 400);
  const FlightAck early = sack(100, 200);
  EXPECT_EQ(early.lowest_original_end, kStart + 200);
  EXPECT_TRUE(early.original);
}

TEST_F(FlightTest, what_was_sent_twice_is_neither_original_nor_always_timed) {
  send(2);
  sack(100, 200);
  lose_all();
  flight.resent(memory, *flight.first_lost(memory, 100), at(9));
  EXPECT_TRUE(flight.has_resent());
  FlightAck ack{.genuine_until = at(8)};
  flight.acknowledge(memory, kStart + 100, ack);
  EXPECT_TRUE(ack.any && ack.retransmitted);
  EXPECT_FALSE(ack.original || ack.timed) << "it left later than its acknowledgement is for";
}

TEST_F(FlightTest, a_retransmission_that_its_acknowledgement_is_for_is_timed) {
  send(1);
  lose_all();
  flight.resent(memory, *flight.first_lost(memory, 100), at(9));
  FlightAck ack{.genuine_until = at(9)};
  flight.acknowledge(memory, kStart + 100, ack);
  EXPECT_TRUE(ack.timed);
  EXPECT_EQ(ack.newest_sent, at(9));
  EXPECT_FALSE(flight.has_resent());
}

// RFC 8985 §6.2: in the order of transmission, a repaired record among the
// last.
TEST_F(FlightTest, losses_are_looked_for_from_the_earliest_transmission_on) {
  send(3);
  flight.lose_front(memory);
  flight.resent(memory, *flight.first_lost(memory, 100), at(9));
  std::vector<std::int32_t> seen;
  flight.detect_lost(memory, [&](const FlightRecord& record) {
    seen.push_back(record.start - kStart);
    return seen.size() == 3 ? Flight::Judgement::kStop : Flight::Judgement::kSkip;
  });
  EXPECT_EQ(seen, (std::vector<std::int32_t>{100, 200, 0}));
  EXPECT_EQ(flight.lost(), 0U);
}

TEST_F(FlightTest, the_oldest_goes_first_whenever_it_is_lost) {
  send(3);
  lose([](const FlightRecord& record) { return record.start != kStart; });
  EXPECT_EQ(flight.lose_front(memory), 100U);
  EXPECT_EQ(flight.lose_front(memory), 0U);
  EXPECT_EQ(resend_all(), (std::vector<std::int32_t>{0, 100, 200}));
}

TEST_F(FlightTest, a_timeout_loses_the_oldest_and_what_is_gone_in_the_order_of_sequence) {
  send(4);
  flight.lose_front(memory);
  flight.resent(memory, *flight.first_lost(memory, 100), at(9));
  sack(100, 200);
  flight.lose_on_timeout(memory, false, [&](const FlightRecord& record) { return record.sent < at(4); });
  EXPECT_EQ(flight.lost(), 200U);
  EXPECT_EQ(flight.sacked(), 100U);
  EXPECT_EQ(resend_all(), (std::vector<std::int32_t>{0, 200}));
}

// RFC 2018 §8
TEST_F(FlightTest, a_peer_that_reneged_gets_everything_again) {
  send(3);
  sack(0, 200);
  flight.lose_on_timeout(memory, true, [](const FlightRecord&) { return true; });
  EXPECT_EQ(flight.lost(), 300U);
  EXPECT_EQ(flight.sacked() + flight.segments_sacked(), 0U);
  EXPECT_EQ(resend_all(), (std::vector<std::int32_t>{0, 200})) << "joined";
  EXPECT_FALSE(acknowledge(300).original && acknowledge(300).any);
}

TEST_F(FlightTest, what_was_found_again_is_in_flight_in_the_order_in_which_it_left) {
  send(4);
  lose([](const FlightRecord& record) { return record.start != kStart; });
  flight.resent(memory, *flight.first_lost(memory, 100), at(9));
  flight.find_lost(memory);
  EXPECT_EQ(flight.lost(), 0U);
  EXPECT_EQ(flight.pipe(), 400U);
  std::vector<std::int32_t> order;
  lose([&](const FlightRecord& record) {
    order.push_back(record.start - kStart);
    return false;
  });
  EXPECT_EQ(order, (std::vector<std::int32_t>{0, 200, 300, 100}));
}

TEST_F(FlightTest, the_last_part_is_cut_from_the_end) {
  flight.sent(memory, at(1), kStart, 250);
  const FlightRecord& last = flight.last_part(memory, 100);
  EXPECT_EQ(last.start, kStart + 150);
  EXPECT_EQ(last.size, 100U);
  EXPECT_EQ(flight.front(memory).size, 150U);
}

// RFC 5681 §3.2
TEST_F(FlightTest, what_duplicates_report_leaves_the_pipe) {
  send(2);
  flight.set_reported(100);
  EXPECT_EQ(flight.pipe(), 100U);
  flight.set_reported(300);
  EXPECT_EQ(flight.pipe(), 0U);
  acknowledge(200);
  EXPECT_EQ(flight.reported(), 0U);
}

TEST_F(FlightTest, the_first_lost_is_cut_to_size_and_resending_puts_it_back_into_the_pipe) {
  send(2);
  EXPECT_EQ(flight.first_lost(memory, 100), nullptr);
  lose_all();
  EXPECT_EQ(flight.pipe(), 0U);
  FlightRecord* const record = flight.first_lost(memory, 40);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->size, 40U);
  flight.resent(memory, *record, at(9));
  EXPECT_EQ(flight.pipe(), 40U);
  EXPECT_EQ(flight.first_lost(memory, 100)->start, kStart + 40);
  EXPECT_EQ(flight.first_lost(memory, 100)->size, 60U);
}

/// One octet of sequence space, the naive way.
struct Octet {
  bool sacked = false;
  bool lost = false;
};

class FlightModel : public testing::TestWithParam<unsigned> {
 protected:
  void step(test::Random& random) {
    const auto size = static_cast<std::uint32_t>(model.size());
    switch (random() % 6) {
      case 0:
        return send(1 + random() % 50);
      case 1:
        return acknowledge(random() % (size + 1));
      case 2:
        return sack(random() % (size + 1), random() % (size + 1));
      case 3:
        return lose(random() % (size + 1));
      case 4:
        return resend(1 + random() % 30);
      default:
        if (random() % 8 != 0) return;
        random() % 2 == 0 ? renege() : find_lost();
    }
  }
  void send(std::uint32_t size) {
    flight.sent(memory, now += 1ms, una + static_cast<std::uint32_t>(model.size()), size);
    model.insert(model.end(), size, {});
  }
  void acknowledge(std::uint32_t size) {
    FlightAck ack;
    flight.acknowledge(memory, una + size, ack);
    const auto end = model.begin() + size;
    EXPECT_EQ(ack.delivered, std::count_if(model.begin(), end, [](Octet octet) { return !octet.sacked; }));
    model.erase(model.begin(), end);
    una += size;
  }
  void sack(std::uint32_t from, std::uint32_t to) {
    if (from >= to) return;
    FlightAck ack;
    flight.sack(memory, una + from, una + to, {}, ack);
    std::uint32_t delivered = 0;
    for (std::uint32_t octet = from; octet < to; ++octet) {
      delivered += model[octet].sacked ? 0 : 1;
      model[octet] = {.sacked = true, .lost = false};
    }
    EXPECT_EQ(ack.delivered, delivered);
  }
  /// Whole records that end at or before `upto`: what loss detection does.
  void lose(std::uint32_t upto) {
    const std::uint32_t newly = flight.detect_lost(memory, [&](const FlightRecord& record) {
      if (after(record.end(), una + upto)) return Flight::Judgement::kSkip;
      lose(record);
      return Flight::Judgement::kLost;
    });
    EXPECT_LE(newly, upto);
  }
  void lose(const FlightRecord& record) {
    for (std::uint32_t octet = 0; octet < record.size; ++octet) {
      Octet& lost = model[static_cast<std::uint32_t>(record.start - una) + octet];
      EXPECT_FALSE(lost.sacked || lost.lost);
      lost.lost = true;
    }
  }
  void resend(std::uint32_t size_max) {
    FlightRecord* const record = flight.first_lost(memory, size_max);
    const bool any = std::any_of(model.begin(), model.end(), [](Octet octet) { return octet.lost; });
    ASSERT_EQ(record == nullptr, !any);
    if (record == nullptr) return;
    EXPECT_TRUE(!model.front().lost || record->start == una);
    EXPECT_LE(record->size, size_max);
    for (std::uint32_t octet = 0; octet < record->size; ++octet) {
      Octet& resent = model[static_cast<std::uint32_t>(record->start - una) + octet];
      EXPECT_TRUE(resent.lost);
      resent.lost = false;
    }
    flight.resent(memory, *record, now += 1ms);
  }
  void renege() {
    flight.lose_on_timeout(memory, true, [](const FlightRecord&) { return true; });
    for (Octet& octet : model) octet = {.sacked = false, .lost = true};
  }
  void find_lost() {
    flight.find_lost(memory);
    for (Octet& octet : model) octet.lost = false;
  }

  FlightMemory memory{4096};
  Flight flight;
  Seq una = kStart;
  base::Instant now{};
  std::vector<Octet> model;
};

TEST_P(FlightModel, agrees_with_one_flag_an_octet) {
  test::Random random(GetParam());
  for (int count = 0; count < 3000 && !HasFailure(); ++count) {
    step(random);
    ASSERT_EQ(flight.size(), model.size());
    ASSERT_EQ(flight.sacked(), std::count_if(model.begin(), model.end(), [](Octet octet) { return octet.sacked; }));
    ASSERT_EQ(flight.lost(), std::count_if(model.begin(), model.end(), [](Octet octet) { return octet.lost; }));
    ASSERT_EQ(flight.pipe(), flight.size() - flight.sacked() - flight.lost());
    ASSERT_EQ(flight.sacked() == 0, flight.segments_sacked() == 0);
  }
  flight.clear(memory);
  EXPECT_TRUE(memory.all_free());
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlightModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace windhover::stack::tcp
