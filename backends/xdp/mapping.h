#pragma once
// A run of mapped pages with an owner.

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace windhover::backends::xdp {

/// Owns what mmap() returned, and unmaps it.
class Mapping {
 public:
  Mapping() = default;
  /// Takes over `size` bytes at `at`; MAP_FAILED makes an empty one.
  Mapping(void* at, std::size_t size) : at_(at == MAP_FAILED ? nullptr : at), size_(at_ == nullptr ? 0 : size) {}
  Mapping(Mapping&& other) noexcept : at_(std::exchange(other.at_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (at_ != nullptr) munmap(at_, size_);
  }

  explicit operator bool() const { return at_ != nullptr; }
  void* at() const { return at_; }
  std::size_t size() const { return size_; }

 private:
  void* at_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace windhover::backends::xdp
