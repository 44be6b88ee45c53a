#include "backends/xdp/flow_filter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "stack/base/bytes.h"

namespace windhover::backends::xdp {
namespace {

namespace link = stack::link;
using link::Frame;

class FlowFilterTest : public testing::Test {
 protected:
  Frame segment(std::uint32_t address, std::uint32_t ports) {
    Frame frame = arena_.allocate();
    std::ranges::fill(frame.append(60), std::uint8_t{0});
    stack::base::store_be(frame.bytes().data() + 30, address);
    stack::base::store_be(frame.bytes().data() + 34, ports);
    frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = 34, .csum_offset = 16};
    return frame;
  }

  link::FrameArena arena_{{.frame_count = 4, .frame_size = 64}};
  FlowFilter filter_;
};

TEST_F(FlowFilterTest, flow_is_there_from_its_first_frame_until_all_are_forgotten) {
  for (std::uint32_t flow = 1; flow < 2000; ++flow) {
    const Frame frame = segment(0x0a000000 + flow % 7, 0x1f900000 + flow);
    filter_.clear();
    EXPECT_FALSE(filter_.may_hold(frame));
    filter_.add(frame);
    EXPECT_TRUE(filter_.may_hold(frame));
  }
}

TEST_F(FlowFilterTest, few_flows_leave_most_others_out) {
  for (std::uint32_t flow = 0; flow < 8; ++flow) filter_.add(segment(0x0a000001, 0x1f90c000 + flow * 3));
  int taken_for_there = 0;
  for (std::uint32_t flow = 0; flow < 1000; ++flow)
    taken_for_there += static_cast<int>(filter_.may_hold(segment(0x0a000002, 0x1f908000 + flow)));
  EXPECT_LT(taken_for_there, 100);
}

TEST_F(FlowFilterTest, frame_without_a_partial_checksum_may_be_of_any_flow) {
  const Frame flow = segment(1, 2);
  Frame complete = segment(3, 4);
  complete.offload() = {};
  filter_.add(flow);
  EXPECT_TRUE(filter_.may_hold(complete));
  filter_.clear();
  filter_.add(complete);
  EXPECT_TRUE(filter_.may_hold(flow));
  Frame cut = segment(1, 2);
  cut.truncate(37);
  EXPECT_TRUE(filter_.may_hold(cut));
}

}  // namespace
}  // namespace windhover::backends::xdp
