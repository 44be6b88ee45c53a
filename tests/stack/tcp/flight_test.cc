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
    flight.sack(memory, kStart + from, kStart + to, ack);
    return ack;
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
  EXPECT_EQ(flight.back(memory).end(), kStart + 300);
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
  EXPECT_EQ(flight.sacked_records(), 2U);
  EXPECT_FALSE(sack(100, 300).any);
  EXPECT_EQ(acknowledge(300).delivered, 100U);
}

TEST_F(FlightTest, a_block_inside_a_record_splits_it) {
  send(1);
  EXPECT_EQ(sack(20, 50).delivered, 30U);
  EXPECT_EQ(flight.pipe(), 70U);
  EXPECT_EQ(flight.mark_lost(memory, [](const FlightRecord& record) { return record.start == kStart; }), 20U);
  EXPECT_EQ(flight.pipe(), 50U);
}

TEST_F(FlightTest, without_memory_a_straddling_record_stays_unmarked) {
  send(16);
  EXPECT_EQ(sack(50, 200).delivered, 100U);
  EXPECT_EQ(sack(200, 250).delivered, 0U);
}

TEST_F(FlightTest, a_record_never_sent_twice_that_arrives_after_later_ones_was_reordered) {
  send(3);
  EXPECT_FALSE(sack(200, 300).reordered);
  EXPECT_TRUE(sack(100, 200).reordered);
}

TEST_F(FlightTest, a_repaired_record_that_arrives_late_was_not_reordered) {
  send(2);
  sack(100, 200);
  flight.mark_lost(memory, [](const FlightRecord&) { return true; });
  flight.resent(*flight.first_lost(memory, 100), at(9));
  const FlightAck ack = acknowledge(200);
  EXPECT_FALSE(ack.reordered);
  EXPECT_TRUE(ack.newest_retransmitted);
}

TEST_F(FlightTest, the_first_lost_is_cut_to_size_and_resending_puts_it_back_into_the_pipe) {
  send(2);
  EXPECT_EQ(flight.first_lost(memory, 100), nullptr);
  flight.mark_lost(memory, [](const FlightRecord&) { return true; });
  EXPECT_EQ(flight.pipe(), 0U);
  FlightRecord* const record = flight.first_lost(memory, 40);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->size, 40U);
  flight.resent(*record, at(9));
  EXPECT_EQ(flight.pipe(), 40U);
  EXPECT_EQ(flight.first_lost(memory, 100)->start, kStart + 40);
  EXPECT_EQ(flight.first_lost(memory, 100)->size, 60U);
}

TEST_F(FlightTest, forgotten_sacks_return_to_the_pipe) {
  send(2);
  sack(100, 200);
  flight.forget_sacks(memory);
  EXPECT_EQ(flight.pipe(), 200U);
  EXPECT_EQ(flight.sacked_records(), 0U);
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
        if (random() % 8 == 0) forget_sacks();
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
    flight.sack(memory, una + from, una + to, ack);
    std::uint32_t delivered = 0;
    for (std::uint32_t octet = from; octet < to; ++octet) {
      delivered += model[octet].sacked ? 0 : 1;
      model[octet] = {.sacked = true, .lost = false};
    }
    EXPECT_EQ(ack.delivered, delivered);
  }
  /// Whole records that end at or before `upto`: what loss detection does.
  void lose(std::uint32_t upto) {
    std::uint32_t offset = 0;
    const std::uint32_t newly = flight.mark_lost(memory, [&](const FlightRecord& record) {
      if (after(record.end(), una + upto)) return false;
      for (offset = static_cast<std::uint32_t>(record.start - una); una + offset != record.end(); ++offset) {
        EXPECT_FALSE(model[offset].sacked || model[offset].lost);
        model[offset].lost = true;
      }
      return true;
    });
    EXPECT_LE(newly, upto);
  }
  void resend(std::uint32_t size_max) {
    FlightRecord* const record = flight.first_lost(memory, size_max);
    const auto first = std::find_if(model.begin(), model.end(), [](Octet octet) { return octet.lost; });
    ASSERT_EQ(record == nullptr, first == model.end());
    if (record == nullptr) return;
    EXPECT_EQ(record->start - una, first - model.begin());
    EXPECT_LE(record->size, size_max);
    for (std::uint32_t octet = 0; octet < record->size; ++octet) {
      Octet& resent = model[static_cast<std::uint32_t>(record->start - una) + octet];
      EXPECT_TRUE(resent.lost);
      resent.lost = false;
    }
    flight.resent(*record, now += 1ms);
  }
  void forget_sacks() {
    flight.forget_sacks(memory);
    for (Octet& octet : model) octet.sacked = false;
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
    ASSERT_EQ(flight.sacked() == 0, flight.sacked_records() == 0);
  }
  flight.clear(memory);
  EXPECT_TRUE(memory.all_free());
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlightModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace windhover::stack::tcp
