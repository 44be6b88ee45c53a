#include "backends/xdp/chunk_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace windhover::backends::xdp {
namespace {

using stack::link::Frame;

constexpr std::uint32_t kFirst = 3;
constexpr std::uint32_t kCount = 4;
constexpr std::uint64_t kBase = std::uint64_t{kFirst} * 2048;
constexpr std::uint64_t kEnd = kBase + std::uint64_t{kCount} * 2048;

class ChunkPoolTest : public testing::Test {
 protected:
  std::vector<std::string> notes_;
  Umem umem_{{.chunk_count = kFirst + kCount, .huge_pages = false}, notes_};
  ChunkPool pool_{umem_, kFirst, kCount, 24, true};
};

TEST_F(ChunkPoolTest, address_names_the_first_byte_and_comes_back_as_the_same_frame) {
  Frame frame = pool_.arena().allocate();
  std::uint8_t* const at = frame.append(100).data();
  const std::uint64_t address = pool_.lend(std::move(frame));
  EXPECT_EQ(umem_.memory().data() + address, at);
  EXPECT_GE(address, kBase);
  EXPECT_LT(address, kEnd);
  EXPECT_EQ(pool_.lent_count(), 1u);
  EXPECT_EQ(pool_.arena().free_count(), kCount - 1);

  // The kernel receives behind room of its own.
  const Frame back = pool_.take_back(address - 24 + 256, 60);
  ASSERT_TRUE(back);
  EXPECT_EQ(back.bytes().data(), at - 24 + 256);
  EXPECT_EQ(back.size(), 60u);
  EXPECT_EQ(pool_.lent_count(), 0u);
}

TEST_F(ChunkPoolTest, address_that_is_given_back_twice_is_believed_once) {
  const std::uint64_t address = pool_.lend(pool_.arena().allocate());
  EXPECT_TRUE(pool_.take_back(address, 0));
  EXPECT_FALSE(pool_.take_back(address, 0));
  EXPECT_EQ(pool_.arena().free_count(), kCount);
}

TEST_F(ChunkPoolTest, address_of_no_chunk_of_ours_is_not_believed) {
  const std::uint64_t address = pool_.lend(pool_.arena().allocate());
  for (const std::uint64_t wrong : {std::uint64_t{0}, kBase - 1, kEnd, UINT64_MAX})
    EXPECT_FALSE(pool_.take_back(wrong, 0));
  EXPECT_EQ(pool_.lent_count(), 1u);
  EXPECT_TRUE(pool_.take_back(address, 0));
}

TEST_F(ChunkPoolTest, bytes_beyond_the_chunk_free_it_and_are_no_frame) {
  const std::uint64_t address = pool_.lend(pool_.arena().allocate());
  EXPECT_FALSE(pool_.take_back(address, 2048 - 24 + 1));
  EXPECT_EQ(pool_.arena().free_count(), kCount);
  const std::uint64_t again = pool_.lend(pool_.arena().allocate());
  EXPECT_TRUE(pool_.take_back(again, 2048 - 24));
}

TEST_F(ChunkPoolTest, what_is_lent_at_the_end_is_taken_back) {
  pool_.lend(pool_.arena().allocate());
  pool_.lend(pool_.arena().allocate());
  EXPECT_EQ(pool_.lent_count(), 2u);  // The arena's own check speaks when this ends.
}

}  // namespace
}  // namespace windhover::backends::xdp
