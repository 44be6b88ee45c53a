#include "server/main/lane_parts.h"

#include <gtest/gtest.h>

namespace windhover::server::main {
namespace {

TEST(CapturePath, OfSeveralLanes_HasTheLanesNumber) {
  EXPECT_EQ(capture_path("/tmp/a.pcapng", {0, 1}), "/tmp/a.pcapng");
  EXPECT_EQ(capture_path("/tmp/a.pcapng", {0, 2}), "/tmp/a-0.pcapng");
  EXPECT_EQ(capture_path("/tmp/a.b/c", {12, 64}), "/tmp/a.b/c-12");
  EXPECT_EQ(capture_path("/tmp/a.pcapng", {0, 1, "portal"}), "/tmp/a-portal.pcapng");
}

}  // namespace
}  // namespace windhover::server::main
