#include "server/main/ladder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::SetupError;

/// A user who may do nothing, until the test ends.
class Nobody : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) return;  // Already nobody of note.
    ASSERT_EQ(seteuid(65534), 0);
    changed_ = true;
  }
  ~Nobody() override {
    if (!changed_) return;
    EXPECT_EQ(seteuid(0), 0);
  }

  bool changed_ = false;
};

using Ladder = Nobody;

TEST_F(Ladder, without_privilege_ends_at_the_portal_and_says_why) {
  const Standing standing = climb(Settings());
  EXPECT_EQ(standing.backend, nullptr);
  EXPECT_EQ(standing.settings.backend, BackendType::kAuto);
  ASSERT_EQ(standing.lines.size(), 3U);
  EXPECT_NE(standing.lines[0].find("on 3 UDP with the portal"), std::string::npos) << standing.lines[0];
  EXPECT_NE(standing.lines[1].find("Not on 2 TUN: "), std::string::npos) << standing.lines[1];
  EXPECT_NE(standing.lines[1].find("(errno "), std::string::npos) << standing.lines[1];
  EXPECT_NE(standing.lines[2].find("backend.interface"), std::string::npos) << standing.lines[2];
}

TEST_F(Ladder, names_what_an_interface_lacks) {
  Settings settings;
  settings.xdp.interface = "lo";
  const Standing standing = climb(settings);
  EXPECT_EQ(standing.backend, nullptr);
  ASSERT_EQ(standing.lines.size(), 3U);
  EXPECT_NE(standing.lines[2].find("Not on 1 AF_XDP: AF_XDP on lo without CAP_NET_RAW"), std::string::npos)
      << standing.lines[2];
}

TEST_F(Ladder, without_the_portal_has_no_last_step) {
  Settings settings;
  settings.portal.mode = PortalSettings::Mode::kOff;
  try {
    climb(settings);
    FAIL() << "it stands";
  } catch (const SetupError& error) {
    EXPECT_NE(error.call().find("2 TUN"), std::string::npos) << error.what();
    EXPECT_NE(error.remedy().find("portal.mode"), std::string::npos) << error.what();
  }
}

TEST_F(Ladder, is_not_walked_for_a_type_that_is_named) {
  Settings settings;
  settings.backend = BackendType::kTun;
  EXPECT_THROW(climb(settings), SetupError);
  settings.backend = BackendType::kXdp;
  settings.xdp.interface = "lo";
  EXPECT_THROW(climb(settings), SetupError);
}

}  // namespace
}  // namespace windhover::server::main
