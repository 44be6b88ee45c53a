#include "backends/xdp/plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

host::Interface ethernet() {
  host::Interface interface;
  interface.name = "eth7";
  interface.mtu = 1500;
  interface.up = interface.ethernet = interface.tso = true;
  interface.receive_queues = interface.transmit_queues = 4;
  interface.queues_max = 8;
  interface.combined_queues = true;
  return interface;
}

class PlanTest : public testing::Test {
 protected:
  Plan plan(const Config& config = {}, std::size_t lanes = 1) {
    notes_.clear();
    return make_plan(config, interface_, lanes, notes_);
  }
  /// What the operator is told to do; empty when nothing is refused.
  std::string remedy(const Config& config = {}) {
    try {
      plan(config);
    } catch (const SetupError& error) {
      EXPECT_FALSE(error.call().empty());
      return error.remedy();
    }
    return {};
  }
  static bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

  host::Interface interface_ = ethernet();
  std::vector<std::string> notes_;
};

TEST_F(PlanTest, chunk_is_small_while_a_tagged_frame_and_the_kernels_headroom_fit) {
  EXPECT_EQ(plan().chunk_size, 2048u);
  interface_.mtu = 2048 - 256 - 18;
  EXPECT_EQ(plan().chunk_size, 2048u);
  EXPECT_FALSE(plan().chains);
  ++interface_.mtu;
  EXPECT_EQ(plan().chunk_size, 4096u);
  EXPECT_FALSE(plan().chains);
  EXPECT_TRUE(plan({.chunk_size = 2048}).chains);
  interface_.mtu = 4096 - 256 - 18;
  EXPECT_FALSE(plan().chains);
  ++interface_.mtu;
  EXPECT_TRUE(plan().chains);
}

TEST_F(PlanTest, largest_mtu_fits_eighteen_large_chunks_and_not_small_ones) {
  interface_.mtu = 65536;
  EXPECT_EQ(plan().mtu, 65535);
  EXPECT_TRUE(holds(remedy({.chunk_size = 2048}), "leave backend.chunkSize out"));
}

TEST_F(PlanTest, chains_are_gathered_where_they_can_occur) {
  EXPECT_EQ(gathered_size(plan(), Mode::kNativeCopy), 0u);
  EXPECT_EQ(gathered_size(plan(), Mode::kGeneric), 65535u + 18);
  interface_.mtu = 9000;
  EXPECT_EQ(gathered_size(plan(), Mode::kNativeCopy), 9018u);
  EXPECT_EQ(gathered_size(plan(), Mode::kZeroCopy), 9018u);
}

TEST_F(PlanTest, packet_is_no_larger_than_a_chunk_where_the_kernel_knows_no_chains) {
  interface_.mtu = 9000;
  EXPECT_EQ(make_caps(plan(), Mode::kNativeCopy, true, false).mtu, 9000);
  EXPECT_EQ(make_caps(plan(), Mode::kNativeCopy, true, true).mtu, 4096 - 256 - 18);
  interface_.mtu = 1500;
  EXPECT_EQ(make_caps(plan(), Mode::kNativeCopy, true, true).mtu, 1500);
}

TEST_F(PlanTest, queues_are_all_unless_fewer_are_asked_for) {
  EXPECT_EQ(plan({}, 4).queue_count, 4u);
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(plan({.queue_count = 3}, 3).queue_count, 3u);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(holds(notes_[0], "1 of the 4 queues of eth7 stays the kernel's: ethtool -L eth7 combined 3"));
  EXPECT_TRUE(holds(notes_[0], "ethtool -X eth7 equal 3"));
}

TEST_F(PlanTest, more_queues_than_there_are_name_the_command_that_makes_them) {
  EXPECT_TRUE(holds(remedy({.queue_count = 5}), "ethtool -L eth7 combined 5"));
  EXPECT_TRUE(holds(remedy({.queue_count = 9}), "from 1 to 4"));
  EXPECT_TRUE(holds(remedy({.queue_count = 0}), "from 1 to 4"));
  interface_.combined_queues = false;
  EXPECT_TRUE(holds(remedy({.queue_count = 8}), "ethtool -L eth7 rx 8 tx 8"));
}

TEST_F(PlanTest, more_lanes_than_queues_are_allowed_and_noted) {
  plan({}, 6);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_TRUE(holds(notes_[0], "6 lanes share 4 queues"));
  EXPECT_TRUE(holds(notes_[0], "ethtool -L eth7 combined 6"));
  plan({}, 9);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_FALSE(holds(notes_[0], "ethtool"));
}

TEST_F(PlanTest, partial_checksums_are_believed_of_virtual_drivers_alone) {
  EXPECT_FALSE(plan().accept_partial);
  EXPECT_TRUE(plan({.receive_checksum = ReceiveChecksum::kAcceptPartial}).accept_partial);
  interface_.driver = "veth";
  EXPECT_TRUE(plan().accept_partial);
  EXPECT_FALSE(plan({.receive_checksum = ReceiveChecksum::kVerify}).accept_partial);
}

TEST_F(PlanTest, bulk_path_needs_copy_mode_and_segmentation_offload) {
  EXPECT_TRUE(has_bulk({}, interface_, Mode::kNativeCopy));
  EXPECT_TRUE(has_bulk({}, interface_, Mode::kGeneric));
  EXPECT_FALSE(has_bulk({}, interface_, Mode::kZeroCopy));
  EXPECT_FALSE(has_bulk({.bulk = Bulk::kOff}, interface_, Mode::kNativeCopy));
  interface_.tso = false;
  EXPECT_FALSE(has_bulk({}, interface_, Mode::kNativeCopy));
}

TEST_F(PlanTest, impossible_sizes_are_refused) {
  for (const std::uint32_t size : {0U, 32U, 100U, 65536U}) EXPECT_TRUE(holds(remedy({.ring_size = size}), "ringSize"));
  for (const std::uint32_t size : {0U, 1024U, 3000U, 8192U})
    EXPECT_TRUE(holds(remedy({.chunk_size = size}), "chunkSize"));
  EXPECT_TRUE(holds(remedy({.receive_frames = 63}), "receiveFrames"));
  EXPECT_TRUE(holds(remedy({.transmit_frames = 2048 + 63}), "from 2112"));
  EXPECT_EQ(remedy({.transmit_frames = 2048 + 64}), "");
}

TEST_F(PlanTest, unfit_interface_is_refused) {
  interface_.up = false;
  EXPECT_TRUE(holds(remedy(), "ip link set eth7 up"));
  interface_.up = true;
  interface_.ethernet = false;
  EXPECT_TRUE(holds(remedy(), "tun backend"));
}

}  // namespace
}  // namespace windhover::backends::xdp
