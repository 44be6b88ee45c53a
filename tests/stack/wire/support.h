#pragma once
// What the tests of parsers share: packets written as hex, and memory that ends where the input ends.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::wire {

/// The bytes that hex digits spell; spaces are for the reader.
inline std::vector<std::uint8_t> hex(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  CHECK(high < 0);
  return bytes;
}

/// A copy of some bytes whose last one lies right before an unmapped page: reading further is a fault in any build.
class Guarded {
 public:
  explicit Guarded(base::Bytes bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t usable = (bytes.size() + page) / page * page;
    size_ = usable + page;
    memory_ =
        static_cast<std::uint8_t*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory_ != MAP_FAILED);
    CHECK(mprotect(memory_ + usable, page, PROT_NONE) == 0);
    bytes_ = {memory_ + usable - bytes.size(), bytes.size()};
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(memory_, size_); }

  base::MutableBytes bytes() const { return bytes_; }

 private:
  std::uint8_t* memory_ = nullptr;
  std::size_t size_ = 0;
  base::MutableBytes bytes_;
};

/// Calls visit(Bytes) with every proper beginning of `bytes`, each right before an unmapped page.
template <typename Visit>
void for_each_truncation(base::Bytes bytes, Visit&& visit) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    const Guarded truncated(bytes.first(size));
    visit(base::Bytes(truncated.bytes()));
  }
}

inline std::vector<std::uint8_t> to_vector(base::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace windhover::stack::wire
