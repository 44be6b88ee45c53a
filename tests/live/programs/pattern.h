#pragma once
// The bytes that are transferred, and what they hash to.

#include <cstddef>
#include <cstdint>
#include <string>

#include "stack/base/buffer.h"
#include "stack/base/bytes.h"

namespace windhover::live {

/// The same bytes in every process: pseudo-random, repeated with a period that no power of two and no segment size
/// divides, so that a part which is lost, repeated or swapped shows. Read-only once made; any thread.
class Pattern {
 public:
  static constexpr std::size_t kPeriod = (std::size_t{16} << 20) - 3;

  Pattern();
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  /// The bytes from `offset` of the endless pattern on, as many as lie in one piece and at most `size`.
  stack::base::Slice part(std::uint64_t offset, std::uint64_t size) const;
  /// SHA-256 of its first `size` bytes, in hexadecimal.
  std::string digest(std::uint64_t size) const;

 private:
  stack::base::BufferRef block_;
};

/// SHA-256 in hexadecimal.
std::string sha256(stack::base::Bytes bytes);

}  // namespace windhover::live
