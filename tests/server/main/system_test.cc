#include "server/main/system.h"

#include <gtest/gtest.h>

namespace windhover::server::main {
namespace {

using Cpus = std::vector<std::uint32_t>;

TEST(CpuList, IsReadAsTheKernelWritesIt) {
  EXPECT_EQ(parse_cpu_list("0"), Cpus{0});
  EXPECT_EQ(parse_cpu_list("0-2,5,7-8\n"), (Cpus{0, 1, 2, 5, 7, 8}));
  EXPECT_EQ(parse_cpu_list(""), Cpus{});
  EXPECT_EQ(parse_cpu_list("1,"), Cpus{1});
  EXPECT_EQ(parse_cpu_list("1-"), Cpus{});
  EXPECT_EQ(parse_cpu_list("5-4"), Cpus{});
  EXPECT_EQ(parse_cpu_list("0-4294967295").size(), 1024U);
  EXPECT_EQ(parse_cpu_list("99999999999"), Cpus{});
}

TEST(AllowedCpus, AreTheSameWithANodeThatIsNotThere) {
  EXPECT_FALSE(allowed_cpus().empty());
  EXPECT_EQ(allowed_cpus(12345), allowed_cpus());
}

}  // namespace
}  // namespace windhover::server::main
