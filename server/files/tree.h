#pragma once
// A directory tree, read whole.

#include <cstdint>
#include <string>
#include <vector>

#include "server/http/date.h"
#include "stack/base/buffer.h"

namespace windhover::server::files {

/// A regular file: its bytes as they were when it was read.
struct TreeFile {
  std::string path;  ///< From the root, beginning with '/'.
  stack::base::Slice content;
  std::int64_t modified_ns = 0;  ///< Since 1970.
};

struct Tree {
  std::vector<TreeFile> files;
  std::vector<std::string> directories;  ///< From the root, beginning and ending with '/'; the root is "/".
  std::vector<std::string> warnings;     ///< What was left out and why.
  std::uint64_t content_size = 0;        ///< Bytes of all files together.
};

struct TreeBounds {
  std::uint64_t total_size_max = 0;  ///< Bytes of all files.
  std::uint32_t entries_max = 0;     ///< Files and directories.
};

/// Files larger than this get pages of their own, others lie on the heap.
inline constexpr std::uint64_t kPagesAbove = 1024 * 1024;
inline constexpr unsigned kTreeDepthMax = 64;

/// Reads everything below `root` except names that begin with a dot. Each name is opened with openat2(RESOLVE_BENEATH),
/// so neither a symbolic link nor a race leads out of the root; where Linux is too old for that, no link is followed.
/// Throws SetupError when the root cannot be read or a bound is exceeded; a file that cannot be read is a warning.
Tree read_tree(const std::string& root, const TreeBounds& bounds);

}  // namespace windhover::server::files
