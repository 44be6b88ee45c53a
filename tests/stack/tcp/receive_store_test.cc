#include "stack/tcp/receive_store.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

using wire::Seq;

constexpr Seq kNext{0xfffffff8};  // The next byte expected; the circle is crossed soon after.
constexpr std::uint32_t kNoBound = 1000;

class ReceiveStoreTest : public testing::Test {
 protected:
  ReceiveStoreTest() { store.promise(kNext); }
  ~ReceiveStoreTest() override {
    store.clear(memory);
    EXPECT_TRUE(memory.all_free());
  }
  bool insert(std::uint32_t offset, std::string_view text, std::uint32_t blocks_max = kNoBound) {
    last = store.insert(memory, kNext + offset, base::as_bytes(text), blocks_max);
    return last.whole;
  }
  std::string front(std::uint32_t offset) { return std::string(base::as_text(store.front(memory, kNext + offset))); }
  std::uint32_t contiguous_end(std::uint32_t offset) const {
    return static_cast<std::uint32_t>(store.contiguous_end(memory, kNext + offset) - kNext);
  }
  /// "[left,right)" of each block reported, in order.
  std::string sacks(std::uint32_t rcv_nxt = 0) const {
    std::array<wire::SackBlock, ReceiveStore::kSackBlocksMax> blocks;
    const std::size_t count = store.sack_blocks(kNext + rcv_nxt, blocks);
    std::string text;
    for (std::size_t at = 0; at < count; ++at) {
      text += "[" + std::to_string(blocks[at].left - kNext) + "," + std::to_string(blocks[at].right - kNext) + ")";
    }
    return text;
  }

  /// "[left,right)" of what the last insertion found to be here already.
  std::string duplicate() const {
    if (last.duplicate.left == last.duplicate.right) return "";
    return "[" + std::to_string(last.duplicate.left - kNext) + "," + std::to_string(last.duplicate.right - kNext) + ")";
  }

  ReceiveMemory memory{8};
  ReceiveStore store;
  Inserted last;
};

TEST_F(ReceiveStoreTest, a_gap_keeps_bytes_waiting) {
  EXPECT_TRUE(insert(3, "defg"));
  EXPECT_EQ(contiguous_end(0), 0U);
  EXPECT_EQ(front(0), "");
  EXPECT_TRUE(insert(0, "abc"));
  EXPECT_EQ(contiguous_end(0), 7U);
  EXPECT_EQ(front(0), "abcdefg");
  store.release_before(memory, kNext + 3);
  EXPECT_EQ(front(3), "defg");
}

TEST_F(ReceiveStoreTest, neighbours_share_a_block_with_holes_between_them_and_in_any_order) {
  for (std::uint32_t offset = 0; offset < 1000; offset += 2) EXPECT_TRUE(insert(2000 - offset, "x"));
  EXPECT_EQ(store.blocks(), 1U);
  EXPECT_EQ(front(2000), "x");
}

// A window of 8 KiB that begins anywhere is five blocks at most, however it is filled.
TEST_F(ReceiveStoreTest, single_bytes_hold_no_more_than_a_block_for_each_part_of_the_window) {
  for (std::uint32_t offset = 1; offset < 8192; offset += 3) ASSERT_TRUE(insert(offset, "x"));
  EXPECT_EQ(store.blocks(), 5U);
}

TEST_F(ReceiveStoreTest, what_was_stored_first_is_kept_when_segments_overlap) {
  EXPECT_TRUE(insert(2, "CDE"));
  EXPECT_TRUE(insert(0, "abcdefg"));
  std::string all;
  for (std::uint32_t offset = 0; offset < 7;) {
    ASSERT_EQ(contiguous_end(offset), 7U);
    all += front(offset);
    offset = static_cast<std::uint32_t>(all.size());
    store.release_before(memory, kNext + offset);
  }
  EXPECT_EQ(all, "abCDEfg");
}

TEST_F(ReceiveStoreTest, a_bound_in_blocks_stops_it) {
  EXPECT_TRUE(insert(0x1010, "a", 2));
  EXPECT_TRUE(insert(0x2010, "b", 2));
  EXPECT_FALSE(insert(0x3010, "c", 2));
  EXPECT_TRUE(insert(0x2020, "c", 2)) << "it is in a block already";
  EXPECT_EQ(store.blocks(), 2U);
  EXPECT_EQ(last.given_up, 0U);
}

TEST_F(ReceiveStoreTest, the_lanes_memory_bounds_it_and_a_prefix_is_kept) {
  const std::string text(9 * kReceiveBlockSize, 'x');
  EXPECT_FALSE(insert(8, text));
  EXPECT_EQ(contiguous_end(8), 8 + 8 * kReceiveBlockSize);
}

// Who gives way, 1: the connection's own bytes that are farthest from delivery.
TEST_F(ReceiveStoreTest, what_is_farther_makes_room_for_what_is_nearer) {
  EXPECT_TRUE(insert(0x1010, "a", 2));
  EXPECT_TRUE(insert(0x3010, "c", 2));
  EXPECT_EQ(sacks(), "[12304,12305)[4112,4113)");
  EXPECT_TRUE(insert(0x2010, "b", 2));
  EXPECT_EQ(last.given_up, 1U);
  EXPECT_EQ(sacks(), "[8208,8209)[4112,4113)");
  EXPECT_EQ(front(0x3010), "");
}

TEST_F(ReceiveStoreTest, a_range_across_what_is_given_up_is_reported_as_far_as_it_is_still_here) {
  EXPECT_TRUE(insert(0x1ffc, std::string(20, 'x'), 2));  // Across the edge of a block, at 0x2008.
  EXPECT_EQ(sacks(), "[8188,8208)");
  EXPECT_TRUE(insert(0x0808, "b", 2));
  EXPECT_EQ(last.given_up, 1U);
  EXPECT_EQ(sacks(), "[2056,2057)[8188,8200)");
}

TEST_F(ReceiveStoreTest, what_is_acknowledged_is_never_given_up) {
  EXPECT_TRUE(insert(0x1010, "a", 1));
  store.promise(kNext + 0x1011);
  EXPECT_FALSE(insert(0x0010, "b", 1));
  EXPECT_EQ(front(0x1010), "a");
}

// Who gives way, 2: a connection that holds more; 3: the new bytes.
TEST_F(ReceiveStoreTest, a_connection_that_holds_more_gives_way_until_both_hold_the_same) {
  ReceiveStore other;
  const std::string text(8 * kReceiveBlockSize, 'x');
  EXPECT_TRUE(other.insert(memory, kNext + 8, base::as_bytes(text), kNoBound).whole);
  EXPECT_FALSE(insert(8, text));
  EXPECT_EQ(last.taken, 4U);
  EXPECT_EQ(store.blocks(), 4U);
  EXPECT_EQ(other.blocks(), 4U);
  EXPECT_EQ(other.contiguous_end(memory, kNext + 8), kNext + 8 + 4 * kReceiveBlockSize) << "the farthest has gone";
  other.clear(memory);
}

TEST_F(ReceiveStoreTest, what_another_connection_has_acknowledged_does_not_give_way) {
  ReceiveStore other;
  const std::string text(8 * kReceiveBlockSize, 'x');
  other.promise(kNext + 8);
  EXPECT_TRUE(other.insert(memory, kNext + 8, base::as_bytes(text), kNoBound).whole);
  other.promise(kNext + 8 + 8 * kReceiveBlockSize);
  EXPECT_FALSE(insert(8, "x"));
  EXPECT_EQ(other.blocks(), 8U);
  other.clear(memory);
}

TEST_F(ReceiveStoreTest, releasing_part_of_a_block_keeps_the_rest) {
  EXPECT_TRUE(insert(0, "abcdef"));
  store.release_before(memory, kNext + 2);
  EXPECT_EQ(front(2), "cdef");
  store.release_before(memory, kNext + 6);
  EXPECT_TRUE(store.empty());
}

// RFC 2018 §4: the first block is the one that the newest segment is in.
TEST_F(ReceiveStoreTest, ranges_are_reported_newest_first) {
  insert(10, "aa");
  insert(30, "bb");
  insert(20, "cc");
  EXPECT_EQ(sacks(), "[20,22)[30,32)[10,12)");
  insert(12, "dd");
  EXPECT_EQ(sacks(), "[10,14)[20,22)[30,32)");
}

// RFC 2018 §4: the option repeats the blocks most recently reported, as many as fit.
TEST_F(ReceiveStoreTest, a_range_that_grows_does_not_push_the_others_out) {
  insert(10, "a");
  insert(20, "b");
  insert(30, "c");
  for (std::uint32_t offset = 31; offset < 40; ++offset) insert(offset, "x");
  EXPECT_EQ(sacks(), "[30,40)[20,21)[10,11)");
}

// One that the four latest have pushed out is found again when something joins it.
TEST_F(ReceiveStoreTest, a_forgotten_range_is_reported_whole_when_it_grows) {
  insert(100, std::string(3000, 'x'));
  for (const std::uint32_t offset : {5000U, 5002U, 5004U, 5006U}) insert(offset, "y");
  EXPECT_EQ(sacks(), "[5006,5007)[5004,5005)[5002,5003)[5000,5001)");
  insert(99, "z");
  EXPECT_EQ(sacks(), "[99,3100)[5006,5007)[5004,5005)[5002,5003)");
}

// RFC 2883 §4: the duplicate first, once, and the range that it lies in second.
TEST_F(ReceiveStoreTest, a_duplicate_is_reported_before_the_ranges) {
  insert(10, "aaaa");
  insert(20, "bbbb");
  insert(12, "aa");
  ASSERT_EQ(duplicate(), "[12,14)");
  store.report_duplicate(last.duplicate);
  EXPECT_TRUE(store.has_duplicate());
  EXPECT_EQ(sacks(), "[12,14)[10,14)[20,24)");
  store.reported();
  EXPECT_EQ(sacks(), "[10,14)[20,24)");
}

TEST_F(ReceiveStoreTest, a_duplicate_of_what_is_delivered_is_reported_alone) {
  store.report_duplicate({kNext + 5, kNext + 9});
  EXPECT_TRUE(store.has_report());
  EXPECT_EQ(sacks(20), "[5,9)");
  store.reported();
  EXPECT_FALSE(store.has_report());
}

// RFC 2883 §4.2.3: the first of several.
TEST_F(ReceiveStoreTest, of_several_duplicates_in_a_segment_the_first_is_told) {
  insert(12, "cc");
  insert(16, "ee");
  insert(10, "aabbccddeeff");
  EXPECT_EQ(duplicate(), "[12,14)");
  EXPECT_EQ(sacks(), "[10,22)");
}

TEST_F(ReceiveStoreTest, a_duplicate_across_blocks_is_one) {
  insert(8, std::string(3 * kReceiveBlockSize, 'x'));
  insert(1000, std::string(4000, 'y'));
  EXPECT_EQ(duplicate(), "[1000,5000)");
  insert(6000, std::string(1000, 'y'));
  EXPECT_EQ(duplicate(), "[6000,6152)");
}

TEST_F(ReceiveStoreTest, missing_bytes_are_counted_up_to_the_first_that_is_here) {
  EXPECT_EQ(store.missing(memory, kNext, 5000), 5000U);
  insert(4500, "x");
  EXPECT_EQ(store.missing(memory, kNext, 5000), 4500U);
  EXPECT_EQ(store.missing(memory, kNext, 4000), 4000U);
  EXPECT_EQ(store.missing(memory, kNext + 4500, 10), 0U);
}

TEST_F(ReceiveStoreTest, nothing_stays_beyond_the_end_of_the_stream) {
  insert(100, std::string(6000, 'x'));
  insert(8000, "y");
  store.discard_from(memory, kNext + 3000);
  EXPECT_EQ(sacks(), "[100,3000)");
  EXPECT_EQ(contiguous_end(100), 3000U);
  EXPECT_EQ(contiguous_end(8000), 8000U);
}

TEST_F(ReceiveStoreTest, joined_ranges_are_reported_once) {
  insert(10, "aa");
  insert(14, "bb");
  insert(12, "cc");
  EXPECT_EQ(sacks(), "[10,16)");
}

TEST_F(ReceiveStoreTest, what_is_in_order_is_not_reported) {
  insert(0, "aaaa");
  insert(6, "bb");
  EXPECT_EQ(sacks(4), "[6,8)");
}

// The store against a map of bytes, from each seed.
class ReceiveStoreModel : public testing::TestWithParam<unsigned> {
 protected:
  ReceiveStoreModel() { store.promise(kNext + next); }
  ~ReceiveStoreModel() override {
    store.clear(memory);
    EXPECT_TRUE(memory.all_free());
  }
  std::vector<std::uint8_t> draw_bytes() {
    std::vector<std::uint8_t> bytes(random() % 5 == 0 ? 1 + random() % 5000 : 1 + random() % 200);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
  }
  /// Reads what is in order, and compares.
  void read() {
    std::uint32_t reached = next;
    while (model.contains(reached)) ++reached;
    ASSERT_EQ(store.contiguous_end(memory, kNext + next), kNext + reached);
    while (next < reached) {
      const base::Bytes front = store.front(memory, kNext + next);
      ASSERT_FALSE(front.empty());
      for (const std::uint8_t byte : front.first(std::min<std::size_t>(front.size(), reached - next))) {
        ASSERT_EQ(byte, model.at(next));
        model.erase(next++);
      }
      store.release_before(memory, kNext + next);
    }
    ASSERT_EQ(store.empty(), model.empty());
  }
  /// The run of bytes that `inside` is one of.
  wire::SackBlock range_around(std::uint32_t inside) const {
    std::uint32_t left = inside;
    std::uint32_t right = inside + 1;
    while (model.contains(left - 1)) --left;
    while (model.contains(right)) ++right;
    return {kNext + left, kNext + right};
  }
  /// The first run of the segment that is here already.
  wire::SackBlock duplicate_of(std::uint32_t offset, std::size_t size) const {
    wire::SackBlock run{};
    for (std::uint32_t at = offset; at < offset + size; ++at) {
      if (!model.contains(at)) {
        if (run.left != run.right) break;
        continue;
      }
      if (run.left == run.right) run.left = kNext + at;
      run.right = kNext + at + 1;
    }
    return run;
  }

  test::Random random{GetParam()};
  ReceiveMemory memory{64};
  ReceiveStore store;
  std::map<std::uint32_t, std::uint8_t> model;  // By distance from kNext.
  std::uint32_t next = 1;                       // Everything before has been read.
};

TEST_P(ReceiveStoreModel, agrees_with_a_map_of_bytes) {
  for (int step = 0; step < 400; ++step) {
    const std::uint32_t offset = next + 1 + random() % 12000;
    const std::vector<std::uint8_t> bytes = draw_bytes();
    const wire::SackBlock duplicate = duplicate_of(offset, bytes.size());
    const Inserted kept = store.insert(memory, kNext + offset, bytes, 24);
    ASSERT_TRUE(kept.whole);
    ASSERT_EQ(kept.duplicate.right - kept.duplicate.left, duplicate.right - duplicate.left) << "step " << step;
    if (duplicate.left != duplicate.right) {
      ASSERT_EQ(kept.duplicate, duplicate) << "step " << step;
    }
    for (std::uint32_t at = 0; at < bytes.size(); ++at) model.try_emplace(offset + at, bytes[at]);
    std::array<wire::SackBlock, ReceiveStore::kSackBlocksMax> blocks;
    ASSERT_GT(store.sack_blocks(kNext + next, blocks), 0U);
    ASSERT_EQ(blocks[0], range_around(offset)) << "step " << step;
    ASSERT_NO_FATAL_FAILURE(read()) << "step " << step;
    if (random() % 16 == 0) {
      // The hole in front is filled, as by a retransmission that goes past the store.
      next = model.begin()->first;
      store.promise(kNext + next);
      ASSERT_NO_FATAL_FAILURE(read()) << "step " << step;
    }
  }
}

TEST_P(ReceiveStoreModel, keeps_what_is_nearest_when_blocks_are_few) {
  for (int step = 0; step < 400; ++step) {
    const std::uint32_t offset = next + 1 + random() % 12000;
    const std::vector<std::uint8_t> bytes = draw_bytes();
    const Inserted kept = store.insert(memory, kNext + offset, bytes, 4);
    ASSERT_LE(store.blocks(), 4U);
    for (std::uint32_t at = 0; at < bytes.size(); ++at) model.try_emplace(offset + at, bytes[at]);
    std::uint32_t gone = 0xffffffff;
    std::uint32_t last = 0;
    for (auto byte = model.begin(); byte != model.end();) {
      const bool here = store.missing(memory, kNext + byte->first, 1) == 0;
      (here ? last : gone) = here ? byte->first : std::min(gone, byte->first);
      byte = here ? std::next(byte) : model.erase(byte);
    }
    if (gone != 0xffffffff) {
      ASSERT_TRUE(kept.given_up > 0 || !kept.whole);
      ASSERT_LT(last, gone) << "step " << step;
    }
    ASSERT_NO_FATAL_FAILURE(read()) << "step " << step;
    if (random() % 16 == 0 && !model.empty()) {
      next = model.begin()->first;
      store.promise(kNext + next);
      ASSERT_NO_FATAL_FAILURE(read()) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReceiveStoreModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace windhover::stack::tcp
