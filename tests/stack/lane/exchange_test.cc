#include "stack/lane/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "stack/link/steering.h"
#include "tests/stack/lane/counted_new.h"

namespace windhover::stack::lane {
namespace {

using link::Burst;
using link::Frame;
using link::Medium;

constexpr std::size_t kMailboxSize = 256 * 1024;
constexpr std::uint32_t kFrameSize = 65600;

class CountingBell final : public Doorbell {
 public:
  void ring() override { ++rings; }
  int rings = 0;
};

/// An IPv4 packet of a TCP flow, as short as steering can read it, then `extra` bytes that follow from `tag`.
std::vector<std::uint8_t> packet_of(std::uint16_t port, std::uint8_t tag, std::size_t extra) {
  std::vector<std::uint8_t> packet(40 + extra, tag);
  const std::uint8_t head[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 66, 0, 1, 10, 66, 0, 2};
  std::ranges::copy(head, packet.begin());
  base::store_be<std::uint16_t>(&packet[20], port);
  base::store_be<std::uint16_t>(&packet[22], 80);
  packet[39] = tag;
  return packet;
}

std::vector<std::uint8_t> packet_for(std::uint32_t lane, std::uint32_t lane_count, std::uint8_t tag,
                                     std::size_t extra = 0) {
  for (std::uint16_t port = 1024;; ++port) {
    auto packet = packet_of(port, tag, extra);
    if (link::owner_of(packet, Medium::kIp, lane_count) == lane) return packet;
  }
}

std::uint8_t tag_of(const Frame& frame) { return frame.bytes()[39]; }

class ExchangeTest : public testing::Test {
 protected:
  Frame frame_of(const std::vector<std::uint8_t>& bytes) {
    Frame frame = arena_.allocate();
    std::ranges::copy(bytes, frame.append(bytes.size()).begin());
    return frame;
  }
  void fill(Burst& burst, std::uint32_t lane, std::uint32_t lane_count, std::vector<std::uint8_t> tags) {
    for (const std::uint8_t tag : tags) burst.push(frame_of(packet_for(lane, lane_count, tag)));
  }
  static std::vector<std::uint8_t> tags_of(Burst& burst) {
    std::vector<std::uint8_t> tags;
    for (const Frame& frame : burst.frames()) tags.push_back(tag_of(frame));
    return tags;
  }
  static std::vector<std::uint8_t> collected(Exchange& exchange, std::uint32_t lane) {
    Burst burst;
    const std::size_t count = exchange.collect(lane, burst);
    EXPECT_EQ(count, burst.size());
    return tags_of(burst);
  }

  link::FrameArena arena_{{256, kFrameSize, 0, false}};
};

using Tags = std::vector<std::uint8_t>;

TEST_F(ExchangeTest, OneLaneKeepsEverything) {
  Exchange exchange(1, kMailboxSize);
  Burst burst;
  fill(burst, 0, 1, {1, 2, 3});
  exchange.sort(0, Medium::kIp, burst);
  EXPECT_EQ(tags_of(burst), (Tags{1, 2, 3}));
  EXPECT_EQ(exchange.stats(0).posted.value(), 0U);
}

TEST_F(ExchangeTest, EachFrameGoesToItsOwner_InOrder) {
  Exchange exchange(3, kMailboxSize);
  Burst burst;
  fill(burst, 2, 3, {1});
  fill(burst, 0, 3, {2});
  fill(burst, 1, 3, {3});
  fill(burst, 2, 3, {4});
  fill(burst, 0, 3, {5});
  fill(burst, 1, 3, {6});
  exchange.sort(0, Medium::kIp, burst);
  EXPECT_EQ(tags_of(burst), (Tags{2, 5}));
  EXPECT_EQ(collected(exchange, 1), (Tags{3, 6}));
  EXPECT_EQ(collected(exchange, 2), (Tags{1, 4}));
  EXPECT_EQ(collected(exchange, 0), Tags{});
  EXPECT_EQ(collected(exchange, 1), Tags{});
  EXPECT_EQ(exchange.stats(0).posted.value(), 4U);
  EXPECT_EQ(exchange.stats(1).received.value(), 2U);
  EXPECT_EQ(exchange.stats(2).received.value(), 2U);
}

TEST_F(ExchangeTest, ABurstThatIsAllOthers_LeavesNothing_AndItsFramesAreBack) {
  Exchange exchange(2, kMailboxSize);
  Burst burst;
  while (!burst.full()) fill(burst, 1, 2, {7});
  exchange.sort(0, Medium::kIp, burst);
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(arena_.free_count(), 256U);
  EXPECT_EQ(collected(exchange, 1), Tags(link::kBurstMax, 7));
}

TEST_F(ExchangeTest, WhatEveryLaneMustHear_StaysAndIsPosted) {
  Exchange exchange(4, kMailboxSize);
  std::vector<std::uint8_t> arp(60, 9);
  base::store_be<std::uint16_t>(&arp[12], 0x0806);
  ASSERT_EQ(link::owner_of(arp, Medium::kEthernet, 4), link::kEveryLane);
  Burst burst;
  burst.push(frame_of(arp));
  exchange.sort(2, Medium::kEthernet, burst);
  EXPECT_EQ(tags_of(burst), Tags{9});
  for (const std::uint32_t lane : {0U, 1U, 3U}) EXPECT_EQ(collected(exchange, lane), Tags{9}) << lane;
  EXPECT_EQ(exchange.stats(2).posted.value(), 3U);
}

TEST_F(ExchangeTest, OffloadTravelsWithTheFrame_UpToASuperFrame) {
  Exchange exchange(2, kMailboxSize);
  const auto bytes = packet_for(1, 2, 5, 65535 - 40);
  Burst burst;
  burst.push(frame_of(bytes));
  burst[0].offload() = {link::Checksum::kEither, link::Gso::kTcp4, 20, 16, 1460, 40};
  exchange.sort(0, Medium::kIp, burst);
  ASSERT_EQ(exchange.collect(1, burst), 1U);
  EXPECT_TRUE(std::ranges::equal(burst[0].bytes(), bytes));
  const link::Offload& offload = burst[0].offload();
  EXPECT_EQ(offload.checksum, link::Checksum::kEither);
  EXPECT_EQ(offload.gso, link::Gso::kTcp4);
  EXPECT_EQ(offload.csum_start, 20);
  EXPECT_EQ(offload.csum_offset, 16);
  EXPECT_EQ(offload.gso_size, 1460);
  EXPECT_EQ(offload.header_size, 40);
}

TEST_F(ExchangeTest, AFullMailboxDrops_AndIsCounted_AndGoesOnWhenItIsEmptied) {
  Exchange exchange(2, kMailboxSize);
  for (std::uint8_t tag = 0; tag < 5; ++tag) {
    Burst burst;
    burst.push(frame_of(packet_for(1, 2, tag, 65000)));
    exchange.sort(0, Medium::kIp, burst);
    EXPECT_TRUE(burst.empty());
  }
  EXPECT_EQ(exchange.stats(0).dropped.value(), 1U);
  EXPECT_EQ(exchange.stats(0).posted.value(), 4U);
  EXPECT_EQ(collected(exchange, 1), (Tags{0, 1, 2, 3}));
  Burst burst;
  burst.push(frame_of(packet_for(1, 2, 9, 65000)));
  exchange.sort(0, Medium::kIp, burst);
  EXPECT_EQ(collected(exchange, 1), Tags{9});
}

TEST_F(ExchangeTest, CollectedFramesHoldNothingOfTheMailbox) {
  Exchange exchange(2, kMailboxSize);
  Burst held;
  for (int round = 0; round < 20; ++round) {
    Burst burst;
    burst.push(frame_of(packet_for(1, 2, static_cast<std::uint8_t>(round), 65000)));
    exchange.sort(0, Medium::kIp, burst);
    ASSERT_EQ(exchange.collect(1, held), 1U);
  }
  EXPECT_EQ(exchange.stats(0).dropped.value(), 0U);
  for (std::size_t round = 0; round < 20; ++round) EXPECT_EQ(tag_of(held[round]), round);
}

TEST_F(ExchangeTest, WithoutAFrameToPutItIn_MailIsDroppedAndCounted) {
  Exchange exchange(2, kMailboxSize);
  std::array<Burst, 2> held;
  for (Burst& burst : held) {
    Burst posted;
    while (!posted.full()) fill(posted, 1, 2, {1});
    exchange.sort(0, Medium::kIp, posted);
    exchange.collect(1, burst);
  }
  EXPECT_EQ(held[0].size(), link::kBurstMax);
  EXPECT_TRUE(held[1].empty());
  EXPECT_EQ(exchange.stats(1).dropped.value(), link::kBurstMax);
}

TEST_F(ExchangeTest, OneLanesFlood_DoesNotKeepAnothersMailWaiting) {
  Exchange exchange(3, kMailboxSize);
  for (int burst = 0; burst < 3; ++burst) {
    Burst flood;
    while (!flood.full()) fill(flood, 2, 3, {1});
    exchange.sort(0, Medium::kIp, flood);
  }
  Burst few;
  fill(few, 2, 3, {2, 3});
  exchange.sort(1, Medium::kIp, few);
  EXPECT_EQ(collected(exchange, 2), Tags(64, 1));
  const Tags second = collected(exchange, 2);
  EXPECT_EQ(second.size(), link::kBurstMax);
  EXPECT_EQ((Tags{second.begin(), second.begin() + 2}), (Tags{2, 3}));
  EXPECT_EQ(collected(exchange, 2).size(), link::kBurstMax);
  EXPECT_EQ(collected(exchange, 2), (Tags{1, 1}));
}

TEST_F(ExchangeTest, SleepingLanesAreRungOnce_AwakeOnesNever) {
  Exchange exchange(3, kMailboxSize);
  std::array<CountingBell, 3> bells;
  for (std::uint32_t lane = 0; lane < 3; ++lane) exchange.connect(lane, bells[lane]);
  const auto post_from = [&](std::uint32_t lane) {
    Burst burst;
    fill(burst, 2, 3, {1});
    exchange.sort(lane, Medium::kIp, burst);
    exchange.ring(lane);
  };
  post_from(0);
  EXPECT_EQ(bells[2].rings, 0);
  EXPECT_FALSE(exchange.may_sleep(2));
  EXPECT_EQ(collected(exchange, 2).size(), 1U);

  ASSERT_TRUE(exchange.may_sleep(2));
  post_from(0);
  post_from(1);
  post_from(0);
  EXPECT_EQ(bells[2].rings, 1);
  EXPECT_EQ(exchange.stats(0).rung.value() + exchange.stats(1).rung.value(), 1U);
  exchange.awake(2);
  post_from(1);
  EXPECT_EQ(bells[2].rings, 1);
  EXPECT_EQ(collected(exchange, 2).size(), 4U);
  ASSERT_TRUE(exchange.may_sleep(2));
  post_from(1);
  EXPECT_EQ(bells[2].rings, 2);
  EXPECT_EQ(bells[0].rings + bells[1].rings, 0);
}

TEST_F(ExchangeTest, MailThatABurstHadNoRoomFor_KeepsTheLaneAwake) {
  Exchange exchange(2, kMailboxSize);
  CountingBell bell;
  exchange.connect(1, bell);
  for (int burst = 0; burst < 2; ++burst) {
    Burst posted;
    while (!posted.full()) fill(posted, 1, 2, {1});
    exchange.sort(0, Medium::kIp, posted);
  }
  EXPECT_EQ(collected(exchange, 1).size(), link::kBurstMax);
  EXPECT_FALSE(exchange.may_sleep(1));
  EXPECT_EQ(collected(exchange, 1).size(), link::kBurstMax);
  EXPECT_EQ(collected(exchange, 1).size(), 0U);
  EXPECT_TRUE(exchange.may_sleep(1));
}

TEST_F(ExchangeTest, SixtyFourLanes_EachPostsToEach) {
  Exchange exchange(64, kMailboxSize);
  EXPECT_EQ(exchange.lane_count(), 64U);
  EXPECT_GE(exchange.memory_size(), 64U * 63U * kMailboxSize);
  std::vector<std::vector<std::uint8_t>> packets;
  for (std::uint32_t to = 0; to < 64; ++to) packets.push_back(packet_for(to, 64, static_cast<std::uint8_t>(to)));
  for (std::uint32_t from = 0; from < 64; ++from) {
    Burst burst;
    for (const auto& packet : packets) burst.push(frame_of(packet));
    exchange.sort(from, Medium::kIp, burst);
    EXPECT_EQ(tags_of(burst), Tags{static_cast<std::uint8_t>(from)});
  }
  for (std::uint32_t to = 0; to < 64; ++to) {
    EXPECT_EQ(collected(exchange, to), Tags(63, static_cast<std::uint8_t>(to)));
  }
}

TEST_F(ExchangeTest, NothingAllocates) {
  Exchange exchange(2, kMailboxSize);
  CountingBell bell;
  exchange.connect(1, bell);
  const auto packet = packet_for(1, 2, 1);
  Burst burst;
  const std::size_t before = test::allocations();
  for (int round = 0; round < 5000; ++round) {
    ASSERT_TRUE(exchange.may_sleep(1));
    while (burst.size() < 32) burst.push(frame_of(packet));
    exchange.sort(0, Medium::kIp, burst);
    exchange.ring(0);
    exchange.awake(1);
    ASSERT_EQ(exchange.collect(1, burst), 32U);
    burst.clear();
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(bell.rings, 5000);
}

TEST_F(ExchangeTest, MailInsideAtTheEnd_LeaksNothing) {
  Exchange exchange(2, kMailboxSize);
  Burst burst;
  fill(burst, 1, 2, {1, 2, 3});
  exchange.sort(0, Medium::kIp, burst);
}

TEST(ExchangeDeathTest, MisuseIsABug) {
  EXPECT_DEATH(Exchange(0, kMailboxSize), "CHECK failed");
  EXPECT_DEATH(Exchange(65, kMailboxSize), "CHECK failed");
  EXPECT_DEATH(Exchange(2, 1024), "CHECK failed");
  Exchange exchange(2, kMailboxSize);
  EXPECT_DEATH(exchange.may_sleep(0), "CHECK failed");
}

class SemaphoreBell final : public Doorbell {
 public:
  void ring() override { rung_.release(); }
  bool wait() { return rung_.try_acquire_for(std::chrono::seconds(20)); }

 private:
  std::counting_semaphore<> rung_{0};
};

/// One lane of the ball game below: waits for the ball, asleep whenever it has not come yet, and throws it on.
void play(Exchange& exchange, std::uint32_t lane, std::uint32_t to, SemaphoreBell& bell, std::uint32_t rounds,
          bool begins, bool& lost) {
  link::FrameArena arena({1, 2048, 0, false});
  const auto packet = packet_for(to, exchange.lane_count(), 1);
  const auto throw_on = [&] {
    Frame frame = arena.allocate();
    std::ranges::copy(packet, frame.append(packet.size()).begin());
    Burst burst;
    burst.push(std::move(frame));
    exchange.sort(lane, Medium::kIp, burst);
    exchange.ring(lane);
  };
  if (begins) throw_on();
  for (std::uint32_t round = 0; round < rounds && !lost;) {
    Burst burst;
    if (exchange.collect(lane, burst) != 0) {
      if (++round < rounds || !begins) throw_on();
      continue;
    }
    if (!exchange.may_sleep(lane)) continue;
    lost = !bell.wait();
    exchange.awake(lane);
  }
}

// A ball goes round, and each lane sleeps until it comes: one wake-up that is lost stops the game.
TEST(ExchangeThreadsTest, NoWakeUpIsLost) {
  constexpr std::uint32_t kLanes = 3;
  constexpr std::uint32_t kRounds = 20000;
  Exchange exchange(kLanes, kMailboxSize);
  std::array<SemaphoreBell, kLanes> bells;
  std::array<bool, kLanes> lost{};
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) exchange.connect(lane, bells[lane]);
  std::vector<std::thread> lanes;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    lanes.emplace_back(
        [&, lane] { play(exchange, lane, (lane + 1) % kLanes, bells[lane], kRounds, lane == 0, lost[lane]); });
  }
  for (std::thread& thread : lanes) thread.join();
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_FALSE(lost[lane]);
    EXPECT_EQ(exchange.stats(lane).received.value(), kRounds);
    EXPECT_EQ(exchange.stats(lane).dropped.value(), 0U);
    EXPECT_LE(exchange.stats(lane).rung.value(), exchange.stats(lane).posted.value());
  }
}

}  // namespace
}  // namespace windhover::stack::lane
