#pragma once
// A file descriptor with an owner.

#include <utility>

namespace windhover::backends::host {

/// Owns a file descriptor, and closes it.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  /// -1 when empty.
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace windhover::backends::host
