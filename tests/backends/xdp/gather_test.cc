#include "backends/xdp/gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "stack/wire/checksum.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
namespace wire = stack::wire;
using link::Frame;

constexpr std::uint32_t kFrameSize = 256;
constexpr std::uint32_t kHeadroom = 24;
constexpr std::uint32_t kCapacity = kFrameSize - kHeadroom;

class GatherTest : public testing::Test {
 protected:
  /// `bytes` as a frame: `linear` of them in it, the others in pieces of `piece`.
  Frame make_frame(const std::vector<std::uint8_t>& bytes, std::size_t linear, std::size_t piece) {
    Frame frame = arena_.allocate();
    std::ranges::copy(std::span(bytes).first(linear), frame.append(linear).begin());
    const base::Slice body = base::copy_to_heap(std::span(bytes).subspan(linear));
    for (std::size_t at = 0; at < body.size; at += piece)
      EXPECT_TRUE(frame.attach(body.part(at, std::min(piece, body.size - at))));
    return frame;
  }
  /// Gathers, and returns what the frames hold one after the other.
  std::vector<std::uint8_t> gathered(Frame& frame, bool complete) {
    const std::uint32_t count = continuations(frame, kCapacity);
    std::array<Frame, 17> more;
    for (std::uint32_t at = 0; at < count; ++at) more.at(at) = arena_.allocate();
    gather(frame, more, complete);
    std::vector<std::uint8_t> bytes(frame.bytes().begin(), frame.bytes().end());
    for (std::uint32_t at = 0; at < count; ++at) {
      EXPECT_FALSE(more[at].bytes().empty());
      bytes.insert(bytes.end(), more[at].bytes().begin(), more[at].bytes().end());
    }
    return bytes;
  }
  static std::vector<std::uint8_t> pattern(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    return bytes;
  }

  link::FrameArena arena_{{.frame_count = 20, .frame_size = kFrameSize, .headroom = kHeadroom, .pieces = true}};
};

TEST_F(GatherTest, continuations_follow_from_the_room_that_is_left) {
  const std::size_t first = kCapacity;
  EXPECT_EQ(continuations(make_frame(pattern(60), 60, 1), kCapacity), 0u);
  EXPECT_EQ(continuations(make_frame(pattern(first), 60, 500), kCapacity), 0u);
  EXPECT_EQ(continuations(make_frame(pattern(first + 1), 60, 500), kCapacity), 1u);
  EXPECT_EQ(continuations(make_frame(pattern(first + kCapacity), 60, 500), kCapacity), 1u);
  EXPECT_EQ(continuations(make_frame(pattern(first + kCapacity + 1), 60, 500), kCapacity), 2u);
}

TEST_F(GatherTest, bytes_are_the_same_whatever_the_pieces_and_the_frames) {
  for (std::size_t size = 60; size < 3 * kFrameSize; ++size) {
    const std::vector<std::uint8_t> bytes = pattern(size);
    Frame frame = make_frame(bytes, 54, size / 15 + 1);
    ASSERT_EQ(gathered(frame, false), bytes) << size;
  }
}

TEST_F(GatherTest, partial_checksum_is_completed_whatever_the_pieces_and_the_frames) {
  for (std::size_t size = 60; size < 3 * kFrameSize; ++size) {
    std::vector<std::uint8_t> bytes = pattern(size);
    const std::uint16_t pseudo = 0x4321;
    base::store_be(bytes.data() + 34 + 16, pseudo);
    Frame frame = make_frame(bytes, 54, size / 15 + 1);
    frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = 34, .csum_offset = 16};
    const std::vector<std::uint8_t> sent = gathered(frame, true);
    const wire::Sum sum = wire::sum(base::Bytes(sent).subspan(34)) + wire::Sum(base::network_order(pseudo));
    ASSERT_TRUE(sum.valid()) << size;
    std::copy_n(sent.begin() + 50, 2, bytes.begin() + 50);
    ASSERT_EQ(sent, bytes) << size;
  }
}

TEST_F(GatherTest, checksum_that_comes_out_as_zero_is_sent_as_ones) {
  std::vector<std::uint8_t> bytes(60);
  base::store_be(bytes.data() + 40, std::uint16_t{0xffff});  // The pseudo-header's sum; the rest adds nothing.
  Frame frame = make_frame(bytes, 60, 1);
  frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = 34, .csum_offset = 6};
  gathered(frame, true);
  EXPECT_EQ(base::load_be<std::uint16_t>(frame.bytes().data() + 40), 0xffff);
}

}  // namespace
}  // namespace windhover::backends::xdp
