#include "backends/xdp/umem.h"

#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

constexpr std::size_t kHugePageBits = 21;
constexpr std::size_t kHugePageSize = std::size_t{1} << kHugePageBits;
constexpr int kHugePages = MAP_HUGETLB | static_cast<int>(kHugePageBits << MAP_HUGE_SHIFT);

std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

std::string mebibytes(std::size_t size) { return std::to_string(round_up(size, 1U << 20) >> 20) + " MiB"; }

/// Preferred, not bound: where the node is full, memory of another is better than none.
void prefer_node(void* at, std::size_t size, int node, std::vector<std::string>& notes) {
  if (numa_available() < 0 || numa_num_configured_nodes() < 2) return;
  bitmask* const nodes = numa_allocate_nodemask();
  numa_bitmask_setbit(nodes, static_cast<unsigned>(node));
  if (mbind(at, size, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0) != 0) {
    notes.push_back("The UMEM may lie on another NUMA node than " + std::to_string(node) +
                    ": mbind: " + std::strerror(errno) + ".");
  }
  numa_free_nodemask(nodes);
}

/// Faults every page in. Returns the errno, 0 when they are all there.
int touch(void* at, std::size_t size) {
  if (madvise(at, size, MADV_POPULATE_WRITE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // Linux before 5.14 knows no other way than to write.
  const auto page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t offset = 0; offset < size; offset += page_size) static_cast<volatile char*>(at)[offset] = 0;
  return 0;
}

}  // namespace

Umem::Umem(const UmemShape& shape, std::vector<std::string>& notes) : shape_(shape) {
  CHECK(shape.chunk_count > 0);
  const std::size_t size = std::size_t{shape.chunk_size} * shape.chunk_count;
  if (shape.huge_pages) {
    const std::size_t huge_size = round_up(size, kHugePageSize);
    const int error = take(huge_size, kHugePages, notes);
    on_huge_pages_ = error == 0;
    if (error != 0) {
      const std::string count = std::to_string(huge_size / kHugePageSize);
      notes.push_back("The UMEM of " + mebibytes(size) + " lies on ordinary pages, because " + count +
                      " huge pages of 2 MiB cannot be had (mmap MAP_HUGETLB: " + std::strerror(error) +
                      "): reserve them with sysctl vm.nr_hugepages.");
    }
  }
  if (!on_huge_pages_) {
    const auto page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    if (const int error = take(round_up(size, page_size), 0, notes); error != 0) {
      throw SetupError("mmap " + mebibytes(size) + " for a UMEM", error,
                       "Lower backend.receiveFrames or backend.transmitFrames, or give the process more memory.");
    }
  }
  memory_ = {static_cast<std::uint8_t*>(mapping_.at()), size};
}

int Umem::take(std::size_t size, int flags, std::vector<std::string>& notes) {
  Mapping mapping(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0), size);
  if (!mapping) return errno;
  // A kernel without transparent huge pages refuses the advice, and nothing is lost.
  if ((flags & MAP_HUGETLB) == 0) madvise(mapping.at(), size, MADV_HUGEPAGE);
  if (shape_.numa_node) prefer_node(mapping.at(), size, *shape_.numa_node, notes);
  if (const int error = touch(mapping.at(), size); error != 0) return error;
  mapping_ = std::move(mapping);
  return 0;
}

}  // namespace windhover::backends::xdp
