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
  ~ReceiveStoreTest() override {
    store.clear(memory);
    EXPECT_TRUE(memory.all_free());
  }
  bool insert(std::uint32_t offset, std::string_view text, std::uint32_t blocks_max = kNoBound) {
    return store.insert(memory, kNext + offset, base::as_bytes(text), blocks_max);
  }
  std::string front(std::uint32_t offset) { return std::string(base::as_text(store.front(memory, kNext + offset))); }
  std::uint32_t contiguous_end(std::uint32_t offset) const {
    return static_cast<std::uint32_t>(store.contiguous_end(memory, kNext + offset) - kNext);
  }
  /// "[left,right)" of each block reported, in order.
  std::string sacks(std::uint32_t rcv_nxt = 0) const {
    std::array<wire::SackBlock, ReceiveStore::kSackBlocksMax> blocks;
    const std::size_t count = store.sack_blocks(memory, kNext + rcv_nxt, blocks);
    std::string text;
    for (std::size_t at = 0; at < count; ++at) {
      text += "[" + std::to_string(blocks[at].left - kNext) + "," + std::to_string(blocks[at].right - kNext) + ")";
    }
    return text;
  }

  ReceiveMemory memory{8};
  ReceiveStore store;
};

TEST_F(ReceiveStoreTest, a_gap_keeps_bytes_waiting) {
  EXPECT_TRUE(insert(3, "defg"));
  EXPECT_EQ(contiguous_end(0), 0U);
  EXPECT_EQ(front(0), "");
  EXPECT_TRUE(insert(0, "abc"));
  EXPECT_EQ(contiguous_end(0), 7U);
  EXPECT_EQ(front(0), "abc");
  store.release_before(memory, kNext + 3);
  EXPECT_EQ(front(3), "defg");
}

TEST_F(ReceiveStoreTest, neighbours_share_a_block) {
  for (std::uint32_t offset = 0; offset < 50; ++offset) EXPECT_TRUE(insert(10 + offset, "x"));
  EXPECT_EQ(store.blocks(), 1U);
  EXPECT_EQ(front(10), std::string(50, 'x'));
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
  EXPECT_TRUE(insert(10, "a", 2));
  EXPECT_TRUE(insert(20, "b", 2));
  EXPECT_FALSE(insert(30, "c", 2));
  EXPECT_TRUE(insert(21, "c", 2)) << "there is room behind what is stored";
  EXPECT_EQ(store.blocks(), 2U);
}

TEST_F(ReceiveStoreTest, the_lanes_memory_bounds_it_and_a_prefix_is_kept) {
  const std::string text(9 * kReceiveBlockSize, 'x');
  EXPECT_FALSE(insert(1, text));
  EXPECT_EQ(contiguous_end(1), 1 + 8 * kReceiveBlockSize);
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
class ReceiveStoreModel : public testing::TestWithParam<unsigned> {};

TEST_P(ReceiveStoreModel, agrees_with_a_map_of_bytes) {
  test::Random random(GetParam());
  ReceiveMemory memory(64);
  ReceiveStore store;
  std::map<std::uint32_t, std::uint8_t> model;  // By distance from kNext.
  std::uint32_t next = 0;                       // Everything before has been read.
  for (int step = 0; step < 2000; ++step) {
    const std::uint32_t offset = next + random() % 12000;
    std::vector<std::uint8_t> bytes(random() % 5 == 0 ? random() % 5000 : random() % 200);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const bool kept = store.insert(memory, kNext + offset, bytes, 24);
    for (std::uint32_t at = 0; at < bytes.size(); ++at) {
      // A refusal keeps a prefix: where it ended shows in contiguous_end().
      if (!kept && !model.contains(offset + at) &&
          !after(store.contiguous_end(memory, kNext + offset), kNext + offset + at)) {
        break;
      }
      model.try_emplace(offset + at, bytes[at]);
    }
    ASSERT_LE(store.blocks(), 24U);

    std::uint32_t reached = next;
    while (model.contains(reached)) ++reached;
    ASSERT_EQ(store.contiguous_end(memory, kNext + next), kNext + reached) << "step " << step;
    while (next < reached) {
      const base::Bytes front = store.front(memory, kNext + next);
      ASSERT_FALSE(front.empty());
      for (const std::uint8_t byte : front.first(std::min<std::size_t>(front.size(), reached - next))) {
        ASSERT_EQ(byte, model.at(next)) << "step " << step;
        model.erase(next++);
      }
      store.release_before(memory, kNext + next);
    }
    ASSERT_EQ(store.empty(), model.empty());
    if (random() % 16 == 0) {
      // A segment that fills the hole in front, as a retransmission would.
      const std::uint32_t hole = model.empty() ? next : model.begin()->first;
      next = hole;
    }
  }
  store.clear(memory);
  EXPECT_TRUE(memory.all_free());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReceiveStoreModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace windhover::stack::tcp
