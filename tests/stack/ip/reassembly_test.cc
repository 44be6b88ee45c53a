// RFC 791 3.2, RFC 815, RFC 5722, RFC 8200 4.5: what fits together, what does not, and what gives way.

#include "stack/ip/reassembly.h"

#include <array>
#include <random>

#include "tests/stack/ip/fragments.h"

namespace windhover::stack::ip {
namespace {

constexpr std::uint32_t kPacketsMax = 16;
constexpr std::uint32_t kFragmentsMax = 32;
constexpr std::size_t kHeader = 20;  // Of the head below.

/// One of a packet with that identification, from the host with that number.
struct Piece {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  bool more = true;
  std::uint32_t identification = 1;
  std::uint32_t host = 1;
  std::uint32_t seed = 1;  ///< Of its octets.
  bool v6 = false;
};

class ReassemblyTest : public testing::Test {
 protected:
  static Reassembly::Limits limits() {
    return {.memory = kReassemblyMemoryMin, .packets_max = kPacketsMax, .fragments_max = kFragmentsMax, .frames = 2};
  }

  /// The octets that a piece carries: those of its packet at its place.
  static Octets octets(const Piece& piece) {
    static const std::array<Octets, 3> sent{Octets{}, numbered(65536, 1), numbered(65536, 2)};
    return slice(sent.at(piece.seed), piece.offset, piece.size);
  }

  link::Frame put(const Piece& piece) {
    Octets payload = octets(piece);
    const Octets packet = packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17}, {});
    Octets head = packet;
    if (piece.v6) {
      head = packets::ipv6(kPeer6, kOurs6, 44, {});
      packets::put(head, {17, 0, 0, 0, 0, 0, 0, 0});
    }
    const Address from =
        piece.v6 ? address("2001:db8:0:" + std::to_string(piece.host) + "::1") : Address::v4(0x0a000000U + piece.host);
    return reassembly.input(now, {.source = from,
                                  .destination = piece.v6 ? kOurs6 : kOurs4,
                                  .identification = piece.identification,
                                  .protocol = static_cast<std::uint8_t>(piece.v6 ? 0 : 17),
                                  .more = piece.more,
                                  .offset = piece.offset,
                                  .head = head,
                                  .payload = payload,
                                  .named_at = 6});
  }
  void expect_taken(const Piece& piece) {
    const std::uint64_t before = counters.value(Event::kFramesConsumed);
    EXPECT_FALSE(put(piece));
    EXPECT_EQ(counters.value(Event::kFramesConsumed), before + 1);
  }
  void expect_drop(Drop reason, const Piece& piece) {
    const std::uint64_t before = counters.value(reason);
    EXPECT_FALSE(put(piece));
    EXPECT_EQ(counters.value(reason), before + 1) << base::name(reason);
  }
  void expect_whole(const Piece& last, std::uint32_t size) {
    const link::Frame frame = put(last);
    ASSERT_TRUE(frame);
    const std::size_t header = last.v6 ? 40 : kHeader;
    EXPECT_EQ(frame.size(), header + size);
    EXPECT_TRUE(std::ranges::equal(base::Bytes(frame.bytes()).subspan(header),
                                   octets({.offset = 0, .size = size, .seed = last.seed})));
  }
  void expire(base::Duration since_start) {
    now = base::Instant{} + since_start;
    while (reassembly.expire(now)) ++told;
  }

  base::Instant now{};
  Counters counters;
  Reassembly reassembly{limits(), {}, counters};
  int told = 0;
};

TEST_F(ReassemblyTest, any_two_cuts_in_any_order_make_the_packet) {
  constexpr std::uint32_t kSize = 2100;  // More than two blocks.
  for (std::uint32_t first = 8; first < kSize; first += 264) {
    for (std::uint32_t second = first + 8; second < kSize; second += 264) {
      const std::array<Piece, 3> pieces{Piece{0, first}, Piece{first, second - first},
                                        Piece{second, kSize - second, false}};
      std::array<std::size_t, 3> order{0, 1, 2};
      do {
        expect_taken(pieces[order[0]]);
        expect_taken(pieces[order[1]]);
        expect_whole(pieces[order[2]], kSize);
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
  EXPECT_EQ(reassembly.size(), 0U);
  EXPECT_EQ(counters.received_dropped(), 0U);
}

TEST_F(ReassemblyTest, smallest_last_fragment_is_one_octet) {
  expect_taken({0, 8});
  expect_whole({8, 1, false}, 9);
}

TEST_F(ReassemblyTest, whole_has_kept_nothing_behind) {
  for (int round = 0; round < 2000; ++round) {
    expect_taken({0, 4000});
    expect_whole({4000, 100, false}, 4100);
  }
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 0U);
  EXPECT_EQ(reassembly.next_deadline(), base::kNever);
}

// RFC 8200 4.5 allows to drop exact duplicates by themselves.
TEST_F(ReassemblyTest, exact_duplicate_is_dropped_by_itself) {
  expect_taken({0, 1480});
  expect_drop(Drop::kFragmentDuplicate, {0, 1480});
  expect_taken({2960, 101, false});
  expect_drop(Drop::kFragmentDuplicate, {2960, 101, false});
  expect_whole({1480, 1480}, 3061);
}

// RFC 5722 3, RFC 8200 4.5: everything else that overlaps ends the packet, whatever its octets.
TEST_F(ReassemblyTest, overlap_of_any_kind_gives_the_packet_up) {
  const std::vector<Piece> others{
      {1480, 1480, true, 1, 1, 2},  // Other octets at the same place.
      {1472, 16},                   // The same octets, over the left edge;
      {2952, 16},                   // over the right edge;
      {1480, 1472},                 // inside, from the left edge;
      {1488, 1472},                 // from the right edge;
      {2000, 8},                    // in the middle;
      {1472, 1496},                 // around it;
      {1480, 1488},                 // longer;
      {0, 2960},                    // from the front.
      {1480, 1480, false},          // The same place and octets, and nothing to follow: what follows is already there.
  };
  for (const Piece& other : others) {
    SCOPED_TRACE(testing::Message() << other.offset << " " << other.size);
    expect_taken({1480, 1480});
    expect_taken({4000, 480});
    expect_drop(Drop::kFragmentOverlap, other);
    expect_drop(Drop::kFragmentAbandoned, {0, 1480});
    expire(now.time_since_epoch() + 30s);
    EXPECT_EQ(reassembly.size(), 0U);
  }
  EXPECT_EQ(told, 0);  // RFC 5722 4: in silence.
  EXPECT_EQ(counters.value(Drop::kReassemblyTimeout), 0U);
}

TEST_F(ReassemblyTest, two_fragments_are_no_duplicate_of_one_that_holds_both) {
  expect_taken({0, 800});
  expect_taken({800, 800});
  expect_drop(Drop::kFragmentOverlap, {0, 1600});
}

TEST_F(ReassemblyTest, one_fragment_has_no_duplicate_in_halves) {
  expect_taken({0, 1600});
  expect_drop(Drop::kFragmentOverlap, {0, 800});
}

TEST_F(ReassemblyTest, ends_that_contradict_each_other_give_the_packet_up) {
  const std::vector<std::pair<Piece, Piece>> pairs{
      {{800, 80, false}, {800, 88, false}},                                   // Two ends.
      {{800, 80, false}, {1600, 80, false}}, {{800, 80, false}, {880, 80}},   // Behind the end.
      {{800, 80, false}, {1600, 80}},        {{800, 80, false}, {720, 160}},  // Up to the end, and more to follow.
      {{800, 80}, {720, 80, false}},                                          // The end before what has come.
  };
  std::uint32_t identification = 0;
  for (auto [one, other] : pairs) {
    one.identification = other.identification = ++identification;
    expect_taken(one);
    expect_drop(Drop::kFragmentOverlap, other);
    std::swap(one, other);
    one.identification = other.identification = ++identification;
    expect_taken(one);
    expect_drop(Drop::kFragmentOverlap, other);
    expire(now.time_since_epoch() + 30s);
  }
}

TEST_F(ReassemblyTest, packet_given_up_is_forgotten_when_its_time_is_over) {
  expect_taken({0, 800});
  expect_drop(Drop::kFragmentOverlap, {8, 800});
  expire(30s - 1ns);
  expect_drop(Drop::kFragmentAbandoned, {1600, 80, false});
  expire(30s);
  EXPECT_EQ(reassembly.size(), 0U);
  expect_taken({0, 800});
  expect_whole({800, 80, false}, 880);
}

TEST_F(ReassemblyTest, packet_may_come_in_so_many_fragments_and_not_in_more) {
  for (std::uint32_t at = 0; at + 1 < kFragmentsMax; ++at) expect_taken({at * 8, 8});
  expect_whole({(kFragmentsMax - 1) * 8, 8, false}, kFragmentsMax * 8);
  for (std::uint32_t at = 0; at < kFragmentsMax; ++at) expect_taken({at * 8, 8});
  expect_drop(Drop::kFragmentTooMany, {kFragmentsMax * 8, 8, false});
  expect_drop(Drop::kFragmentAbandoned, {kFragmentsMax * 8, 8, false});
}

TEST_F(ReassemblyTest, duplicates_count_as_fragments) {
  expect_taken({0, 8});
  for (std::uint32_t at = 1; at < kFragmentsMax; ++at) expect_drop(Drop::kFragmentDuplicate, {0, 8});
  expect_drop(Drop::kFragmentTooMany, {0, 8});
}

// Bounds.

TEST_F(ReassemblyTest, source_at_its_share_of_packets_loses_its_oldest) {
  const std::uint32_t share = kPacketsMax / kReassemblySourceShare;
  expect_taken({0, 8, true, 100, 2});
  for (std::uint32_t id = 0; id < share; ++id) expect_taken({0, 8, true, id});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 0U);
  expect_taken({0, 8, true, share});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 1U);
  expect_whole({8, 8, false, 100, 2}, 16);  // The older one of another source is still there,
  expect_whole({8, 8, false, 1}, 16);       // and so is its own second;
  expect_taken({8, 8, false, 0});           // its first is gone.
}

TEST_F(ReassemblyTest, addresses_of_one_ipv6_prefix_are_one_source) {
  const std::uint32_t share = kPacketsMax / kReassemblySourceShare;
  for (std::uint32_t id = 0; id <= share; ++id)
    expect_taken({.offset = 0, .size = 8, .identification = id, .v6 = true});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 1U);
}

TEST_F(ReassemblyTest, packets_of_all_sources_at_their_bound_lose_the_oldest) {
  for (std::uint32_t host = 1; host <= kPacketsMax; ++host) {
    now += 1ms;
    expect_taken({.offset = 0, .size = 8, .host = host, .v6 = host % 2 == 0});
  }
  EXPECT_EQ(reassembly.size(), kPacketsMax);
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 0U);
  expect_taken({.offset = 0, .size = 8, .host = 100});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 1U);
  EXPECT_EQ(reassembly.size(), kPacketsMax);
  expect_whole({.offset = 8, .size = 8, .more = false, .host = 2, .v6 = true}, 16);
  expect_taken({.offset = 8, .size = 8, .more = false, .host = 1});  // It was the oldest.
}

TEST_F(ReassemblyTest, source_at_its_share_of_memory_loses_its_oldest) {
  constexpr std::uint32_t kHuge = 60000;  // Half of a share of 128 KiB, and more than a third.
  expect_taken({0, kHuge, true, 1});
  expect_taken({0, kHuge, true, 2});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 0U);
  expect_taken({0, kHuge, true, 3});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 1U);
  expect_whole({kHuge, 8, false, 2}, kHuge + 8);
  expect_whole({kHuge, 8, false, 3}, kHuge + 8);
}

TEST_F(ReassemblyTest, memory_of_all_sources_at_its_bound_loses_the_oldest) {
  constexpr std::uint32_t kHuge = 60000;
  std::uint32_t host = 0;
  while (counters.value(Drop::kReassemblyEvicted) == 0) {
    ASSERT_LT(host, kPacketsMax);
    expect_taken({.offset = 0, .size = kHuge, .host = ++host});
  }
  EXPECT_EQ(host, kReassemblyMemoryMin / (60 * 1056) + 1);
  expect_whole({.offset = kHuge, .size = 8, .more = false, .host = 2}, kHuge + 8);
  expect_taken({.offset = kHuge, .size = 8, .more = false, .host = 1});
}

TEST_F(ReassemblyTest, packet_that_is_itself_the_oldest_gives_way) {
  constexpr std::uint32_t kHuge = 60000;
  expect_taken({0, 8, true, 1});
  expect_taken({0, kHuge, true, 2});
  expect_taken({0, kHuge, true, 3});
  expect_drop(Drop::kFragmentNoRoom, {8, kHuge, true, 1});
  EXPECT_EQ(counters.value(Drop::kReassemblyEvicted), 1U);
  EXPECT_EQ(reassembly.size(), 2U);
  expect_whole({kHuge, 8, false, 2}, kHuge + 8);
}

TEST_F(ReassemblyTest, largest_packet_fits_whatever_the_order) {
  std::vector<Piece> pieces;
  for (std::uint32_t at = 0; at < 65528; at += 8192)
    pieces.push_back({at, std::min(8192U, 65528 - at), at + 8192 < 65528});
  for (std::size_t at = pieces.size(); at-- > 1;) expect_taken(pieces[at]);
  EXPECT_FALSE(put(pieces[0]));  // 65528 and the header are more than a packet can be.
  EXPECT_EQ(counters.value(Drop::kFragmentMalformed), 1U);
  for (Piece& piece : pieces) piece.v6 = true;
  for (std::size_t at = pieces.size(); at-- > 1;) expect_taken(pieces[at]);
  expect_whole(pieces[0], 65528);
}

TEST_F(ReassemblyTest, whole_without_a_frame_to_lie_in_is_dropped) {
  std::vector<link::Frame> held;
  for (std::uint32_t id = 0; id < 2; ++id) {
    expect_taken({0, 8, true, id});
    held.push_back(put({8, 8, false, id}));
    EXPECT_TRUE(held.back());
  }
  expect_taken({0, 8, true, 2});
  expect_drop(Drop::kFragmentNoRoom, {8, 8, false, 2});
  EXPECT_EQ(reassembly.size(), 0U);
  held.clear();
  expect_taken({0, 8, true, 2});
  expect_whole({8, 8, false, 2}, 16);
}

// Time.

TEST_F(ReassemblyTest, deadline_is_the_one_that_comes_first_in_either_family) {
  expect_taken({.offset = 0, .size = 8, .v6 = true});
  EXPECT_EQ(reassembly.next_deadline(), now + 60s);
  now += 10s;
  expect_taken({0, 8});
  EXPECT_EQ(reassembly.next_deadline(), now + 30s);
  now += 5s;
  expect_taken({0, 8, true, 2});
  expire(40s);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(reassembly.next_deadline(), base::Instant{} + 45s);
  expire(45s);
  EXPECT_EQ(reassembly.next_deadline(), base::Instant{} + 60s);
  expire(60s - 1ns);
  EXPECT_EQ(told, 2);
  expire(60s);
  EXPECT_EQ(told, 3);
  EXPECT_EQ(counters.value(Drop::kReassemblyTimeout), 3U);
  EXPECT_EQ(reassembly.next_deadline(), base::kNever);
}

TEST_F(ReassemblyTest, fragments_do_not_prolong_the_time) {
  expect_taken({0, 8});
  now += 29s;
  expect_taken({16, 8});
  expire(30s);
  EXPECT_EQ(counters.value(Drop::kReassemblyTimeout), 1U);
}

// Whatever comes: what is handed up came so, octet by octet, and everything is accounted for.
TEST_F(ReassemblyTest, random_fragments_make_only_what_was_sent) {
  std::mt19937 random(11);
  const auto draw = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  const std::array<Octets, 2> sent{octets({.offset = 0, .size = 8192, .seed = 1}),
                                   octets({.offset = 0, .size = 8192, .seed = 2})};
  std::uint64_t fragments = 0;
  std::uint64_t wholes = 0;
  for (int round = 0; round < 20000; ++round) {
    Piece piece{.identification = draw(2), .host = draw(3), .v6 = draw(2) == 0};
    piece.offset = draw(5) * 512;
    piece.size = draw(32) == 0 ? 8 * (1 + draw(100)) : 512;
    piece.more = (piece.offset != 2048) != (draw(256) == 0);
    piece.seed = draw(256) == 0 ? 2 : 1;
    const link::Frame frame = put(piece);
    ++fragments;
    if (frame) {
      ++wholes;
      const base::Bytes payload = base::Bytes(frame.bytes()).subspan(piece.v6 ? 40 : kHeader);
      for (std::size_t at = 0; at < payload.size(); ++at) {
        ASSERT_TRUE(payload[at] == sent[0][at] || payload[at] == sent[1][at]) << at;
      }
    }
    if (draw(4) == 0) expire(now.time_since_epoch() + std::chrono::milliseconds(draw(2000)));
    ASSERT_LE(reassembly.size(), kPacketsMax);
    ASSERT_EQ(counters.value(Event::kFramesConsumed) + counters.received_dropped() + wholes, fragments);
  }
  EXPECT_GT(wholes, 100U);
  EXPECT_EQ(counters.value(Event::kReassembled), wholes);
  expire(now.time_since_epoch() + 60s);
  EXPECT_EQ(reassembly.size(), 0U);
}

}  // namespace
}  // namespace windhover::stack::ip
