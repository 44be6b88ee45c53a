#include "server/main/lane_plan.h"

#include <gtest/gtest.h>

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using Cpus = std::vector<std::uint32_t>;
using Pins = std::vector<std::optional<std::uint32_t>>;

constexpr LaneSuggestion kTun{.count_max = 1, .pinned = false};
constexpr LaneSuggestion kFourQueues{.count_max = 4, .pinned = true};

TEST(LanePlan, LeftOpen_FollowsTheBackend_AsFarAsThereAreCpus) {
  EXPECT_EQ(plan_lanes({}, kTun, {0, 1}).cpus, Pins{std::nullopt});
  EXPECT_EQ(plan_lanes({}, kFourQueues, {3, 1, 2, 0, 5}).cpus, (Pins{3, 1, 2, 0}));
  const LanePlan few = plan_lanes({}, kFourQueues, {7, 9});
  EXPECT_EQ(few.cpus, (Pins{7, 9}));
  EXPECT_TRUE(few.notes.empty());
}

TEST(LanePlan, MoreLanesThanCpus_AreNotPinned_AndItIsSaid) {
  const LanePlan plan = plan_lanes({.count = 3}, kFourQueues, {0, 1});
  EXPECT_EQ(plan.cpus, Pins(3));
  EXPECT_EQ(plan.notes.size(), 1U);
  // Where nobody wanted them pinned there is nothing to say.
  EXPECT_TRUE(plan_lanes({.count = 3}, kTun, {0, 1}).notes.empty());
}

TEST(LanePlan, NamedCpus_AreTakenInOrder) {
  EXPECT_EQ(plan_lanes({.count = 2, .cpus = Cpus{5, 4}}, kTun, {4, 5}).cpus, (Pins{5, 4}));
  EXPECT_EQ(plan_lanes({.cpus = Cpus{5, 4}}, kFourQueues, {4, 5, 6, 7}).cpus, (Pins{5, 4}));
  EXPECT_EQ(plan_lanes({.cpus = Cpus{5, 4}}, kTun, {4, 5}).cpus, Pins{5});
}

TEST(LanePlan, AnEmptyListOfCpus_PinsNothing) {
  const LanePlan plan = plan_lanes({.cpus = Cpus{}}, kFourQueues, {0, 1});
  EXPECT_EQ(plan.cpus, Pins(2));
  EXPECT_TRUE(plan.notes.empty());
}

TEST(LanePlan, CpusThatAreTooFewOrForbidden_AreRefused) {
  EXPECT_THROW(plan_lanes({.count = 2, .cpus = Cpus{1}}, kTun, {0, 1}), stack::base::SetupError);
  EXPECT_THROW(plan_lanes({.cpus = Cpus{2}}, kTun, {0, 1}), stack::base::SetupError);
}

TEST(LanesLine, SaysHowManyAndWhere) {
  EXPECT_EQ(lanes_line({Pins{std::nullopt}, {}}), "1, on any CPU");
  EXPECT_EQ(lanes_line({Pins{3}, {}}), "1, on CPU 3");
  EXPECT_EQ(lanes_line({Pins{3, 1}, {}}), "2, on CPUs 3, 1");
}

}  // namespace
}  // namespace windhover::server::main
