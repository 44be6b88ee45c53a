#pragma once
// The memory that an AF_XDP socket's frames lie in.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/xdp/mapping.h"
#include "stack/base/bytes.h"

namespace windhover::backends::xdp {

/// Bytes of TX metadata in front of a transmitted frame (struct xsk_tx_metadata: flags, checksum offsets, launch time).
inline constexpr std::uint32_t kMetadataSize = 24;

/// What one UMEM is made of. Sizes in bytes.
struct UmemShape {
  std::uint32_t chunk_size = 2048;  ///< 2048 or 4096.
  std::uint32_t chunk_count = 0;
  bool huge_pages = true;
  std::optional<int> numa_node{};  ///< Where the pages should lie, if the machine has more than one.
};

/// One run of pages, all touched. Owner: a lane's device; sockets borrow it and must be closed first.
class Umem {
 public:
  /// Takes the memory: huge pages if they are asked for and there are enough, else ordinary ones, and a note. Throws
  /// SetupError when there is no memory at all.
  Umem(const UmemShape& shape, std::vector<std::string>& notes);
  Umem(const Umem&) = delete;
  Umem& operator=(const Umem&) = delete;

  const UmemShape& shape() const { return shape_; }
  /// The chunks: chunk_count of them, no more.
  stack::base::MutableBytes memory() const { return memory_; }
  bool on_huge_pages() const { return on_huge_pages_; }
  /// Bytes taken, rounded up to whole pages.
  std::size_t memory_size() const { return mapping_.size(); }

 private:
  /// Maps, places and touches pages; returns the errno, 0 when it worked.
  int take(std::size_t size, int flags, std::vector<std::string>& notes);

  UmemShape shape_;
  Mapping mapping_;
  stack::base::MutableBytes memory_;
  bool on_huge_pages_ = false;
};

}  // namespace windhover::backends::xdp
