#include "backends/xdp/umem.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t resident_pages(const Umem& umem) {
  std::vector<unsigned char> pages(umem.memory_size() / page_size());
  EXPECT_EQ(mincore(umem.memory().data(), umem.memory_size(), pages.data()), 0);
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(Umem, ordinary_pages_are_all_there_and_nothing_is_said) {
  std::vector<std::string> notes;
  const Umem umem({.chunk_size = 2048, .chunk_count = 1000, .huge_pages = false}, notes);
  EXPECT_TRUE(notes.empty());
  EXPECT_FALSE(umem.on_huge_pages());
  EXPECT_EQ(umem.memory().size(), 2048u * 1000);
  EXPECT_EQ(umem.memory_size() % page_size(), 0u);
  EXPECT_GE(umem.memory_size(), umem.memory().size());
  EXPECT_LT(umem.memory_size(), umem.memory().size() + page_size());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(umem.memory().data()) % page_size(), 0u);
  EXPECT_EQ(resident_pages(umem), umem.memory_size() / page_size());
  EXPECT_EQ(umem.shape().chunk_count, 1000u);
}

TEST(Umem, memory_is_zero_and_writable_from_end_to_end) {
  std::vector<std::string> notes;
  const Umem umem({.chunk_size = 4096, .chunk_count = 3, .huge_pages = false}, notes);
  EXPECT_TRUE(std::ranges::all_of(umem.memory(), [](std::uint8_t byte) { return byte == 0; }));
  umem.memory().front() = umem.memory().back() = 0xff;
  EXPECT_EQ(umem.memory().back(), 0xff);
}

TEST(Umem, huge_pages_are_taken_or_a_note_says_why_not) {
  std::vector<std::string> notes;
  const Umem umem({.chunk_size = 2048, .chunk_count = 1025, .huge_pages = true}, notes);
  EXPECT_EQ(umem.memory().size(), 2048u * 1025);
  EXPECT_EQ(resident_pages(umem), umem.memory_size() / page_size());
  if (umem.on_huge_pages()) {
    EXPECT_TRUE(notes.empty());
    EXPECT_EQ(umem.memory_size(), std::size_t{4} << 20);
  } else {
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_NE(notes[0].find("2 huge pages"), std::string::npos) << notes[0];
    EXPECT_NE(notes[0].find("vm.nr_hugepages"), std::string::npos) << notes[0];
  }
}

TEST(Umem, node_that_the_machine_has_is_no_obstacle) {
  std::vector<std::string> notes;
  const Umem umem({.chunk_size = 2048, .chunk_count = 64, .huge_pages = false, .numa_node = 0}, notes);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(resident_pages(umem), umem.memory_size() / page_size());
}

TEST(Umem, too_much_is_refused_with_the_settings_to_lower) {
  std::ifstream file("/proc/sys/vm/overcommit_memory");
  int overcommit = 1;
  file >> overcommit;
  if (overcommit == 1) GTEST_SKIP() << "vm.overcommit_memory=1: this kernel promises whatever is asked for";
  std::vector<std::string> notes;
  try {
    const Umem umem({.chunk_size = 4096, .chunk_count = UINT32_MAX, .huge_pages = false}, notes);
    FAIL() << "16 TiB were had";
  } catch (const SetupError& error) {
    EXPECT_EQ(error.error(), ENOMEM);
    EXPECT_NE(error.remedy().find("backend.receiveFrames"), std::string::npos);
    EXPECT_NE(error.remedy().find("backend.transmitFrames"), std::string::npos);
  }
}

}  // namespace
}  // namespace windhover::backends::xdp
