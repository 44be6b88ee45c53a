// The ladder, and what is refused with a remedy, against the kernel on veth.

#include <algorithm>
#include <cerrno>
#include <string>

#include "backends/xdp/xdp.h"
#include "stack/base/setup_error.h"
#include "tests/backends/xdp/device.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

bool any_holds(const std::vector<std::string>& notes, const std::string& text) {
  return std::ranges::any_of(notes, [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

class OpenTest : public DeviceTest {
 protected:
  SetupError refusal(const Config& config, std::size_t lanes = 1) {
    try {
      const Opened opened = open_lanes(config, lanes);
    } catch (const SetupError& error) {
      return error;
    }
    ADD_FAILURE() << "no exception";
    return {"", 0, ""};
  }
};

TEST_F(OpenTest, ladder_ends_at_native_copy_on_veth_and_says_why_not_higher) {
  const Opened opened = open_lanes();
  EXPECT_EQ(opened.mode, Mode::kNativeCopy);
  EXPECT_TRUE(any_holds(opened.notes,
                        "No native zero-copy: bind AF_XDP (zero-copy) to queue 0 of s0: Operation not supported: "));
  const Xdp& lane = *opened.lanes[0];
  EXPECT_EQ(lane.name(), "s0");
  EXPECT_EQ(lane.caps().mtu, 1500);
  EXPECT_FALSE(lane.caps().zero_copy);
  EXPECT_FALSE(lane.caps().busy_poll);
  EXPECT_TRUE(lane.caps().gather);
  EXPECT_TRUE(lane.caps().transmit_gso);
  EXPECT_EQ(lane.caps().gso_size_max, 65535u);
  EXPECT_GE(lane.memory_size(), (2 * 4096u + 4096u) * 2048u);
}

TEST_F(OpenTest, named_mode_is_not_replaced) {
  const SetupError error = refusal({.mode = Mode::kZeroCopy});
  EXPECT_EQ(error.error(), EOPNOTSUPP);
  EXPECT_FALSE(error.remedy().empty());
  const Opened generic = open_lanes({.mode = Mode::kGeneric});
  EXPECT_EQ(generic.mode, Mode::kGeneric);
  EXPECT_TRUE(generic.notes.empty()) << generic.notes[0];
}

TEST_F(OpenTest, generic_mode_is_the_last_rung) {
  run("ethtool -L s0 rx 1 tx 1");  // Native XDP asks for as many as the peer transmits on.
  EXPECT_EQ(refusal({.mode = Mode::kNativeCopy}).error(), ENOSPC);
  const Opened opened = open_lanes();
  EXPECT_EQ(opened.mode, Mode::kGeneric);
  EXPECT_TRUE(any_holds(opened.notes, "No native zero-copy: "));
  EXPECT_TRUE(any_holds(opened.notes, "No native copy: "));
}

TEST_F(OpenTest, queue_that_is_taken_is_said_at_once) {
  std::vector<std::string> notes;
  const Umem umem({.chunk_count = 64, .huge_pages = false}, notes);
  SocketRequest request;
  request.interface_index = index_;
  request.interface_name = "s0";
  request.queue = 1;
  const Socket other(request, umem, nullptr, notes);
  const SetupError error = refusal({});
  EXPECT_EQ(error.error(), EBUSY);
  EXPECT_NE(error.call().find("queue 1 of s0"), std::string::npos);
  EXPECT_NE(error.remedy().find("ss --xdp -p"), std::string::npos);
  const Opened opened = open_lanes({.queue_count = 1});
  EXPECT_EQ(opened.queue_count, 1u);
  EXPECT_TRUE(any_holds(opened.notes, "1 of the 2 queues of s0 stays the kernel's"));
}

TEST_F(OpenTest, interface_that_is_down_is_refused) {
  run("ip link set s0 down");
  EXPECT_NE(refusal({}).remedy().find("ip link set s0 up"), std::string::npos);
}

TEST_F(OpenTest, closed_interface_can_be_opened_again_at_once) {
  for (int times = 0; times < 5; ++times) {
    const Opened opened = open_lanes({}, 2);
    EXPECT_EQ(opened.lanes.size(), 2u);
  }
}

TEST_F(OpenTest, jumbo_interface_takes_large_chunks) {
  run("ip link set s0 mtu 9000");
  const Opened opened = open_lanes();
  EXPECT_EQ(opened.lanes[0]->arena().shape().frame_size, 4096u);
  EXPECT_EQ(opened.lanes[0]->caps().mtu, 9000);
}

TEST_F(OpenTest, bulk_path_follows_the_interfaces_segmentation_offload) {
  EXPECT_FALSE(open_lanes({.bulk = Bulk::kOff}).lanes[0]->caps().transmit_gso);
  run("ethtool -K s0 tso off");
  EXPECT_FALSE(open_lanes().lanes[0]->caps().transmit_gso);
}

TEST_F(OpenTest, busy_polling_that_the_driver_lacks_is_a_note) {
  const Opened opened = open_lanes({.busy_poll = true});
  EXPECT_FALSE(opened.lanes[0]->caps().busy_poll);
  EXPECT_TRUE(any_holds(opened.notes, "No busy polling: "));
}

TEST_F(OpenTest, groups_are_joined) {
  const stack::wire::MacAddress group{{0x33, 0x33, 0xff, 0, 0, 1}};
  const Opened opened = open({.interface = "s0", .huge_pages = false, .bulk = Bulk::kOff}, host::query_interface("s0"),
                             {}, {group}, {LanePlace{}});
  run("ip maddress show dev s0 | grep -q 33:33:ff:00:00:01");
}

TEST_F(OpenTest, lane_is_told_its_cpu) {
  const Opened opened =
      open({.interface = "s0", .huge_pages = false}, host::query_interface("s0"), {}, {}, {LanePlace{0}});
  EXPECT_EQ(opened.lanes.size(), 1u);
}

}  // namespace
}  // namespace windhover::backends::xdp
