#include "server/files/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "stack/base/setup_error.h"

namespace windhover::server::files {
namespace {

using stack::base::BufferRef;
using stack::base::SetupError;
using stack::base::Slice;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Opens a name below `root`; -1 and errno when that fails or the name leads out.
Descriptor open_beneath(int root, const std::string& path) {
  open_how how{};
  // Without O_NONBLOCK a FIFO would hold the start up until somebody writes to it.
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const auto fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  if (fd >= 0 || errno != ENOSYS) return Descriptor(fd);
  // Linux before 5.6: no symbolic link is followed at all. Each directory on the way has been opened like this before.
  return Descriptor(::openat(root, path.c_str(), static_cast<int>(how.flags) | O_NOFOLLOW));
}

/// Pages of our own: unlike a file's, they stay when somebody truncates the file.
class PageBuffer final : public stack::base::Buffer {
 public:
  PageBuffer(void* at, std::size_t size)
      : Buffer(static_cast<const std::uint8_t*>(at), size,
               [](Buffer* self) noexcept { delete static_cast<PageBuffer*>(self); }),
        at_(at),
        size_(size) {}
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer() { ::munmap(at_, size_); }

 private:
  void* at_;
  std::size_t size_;
};

/// Fills `to` from the file; returns how much there was, nothing and errno when reading fails.
std::optional<std::size_t> read_all(int fd, stack::base::MutableBytes to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = ::read(fd, to.data() + done, to.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::optional<Slice> copy_to_pages(int fd, std::size_t size) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return std::nullopt;
  const BufferRef buffer(new PageBuffer(at, size));
  const auto done = read_all(fd, {static_cast<std::uint8_t*>(at), size});
  if (!done) return std::nullopt;
  return Slice{buffer, 0, *done};
}

std::optional<Slice> copy_to_heap(int fd, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  const auto done = read_all(fd, bytes);
  if (!done) return std::nullopt;
  return stack::base::copy_to_heap(stack::base::Bytes(bytes).first(*done));
}

class Reader {
 public:
  Reader(const std::string& root, const TreeBounds& bounds) : root_name_(root), bounds_(bounds), root_(open_root()) {}

  Tree read() {
    read_directory(".", "/", 0);
    std::sort(tree_.files.begin(), tree_.files.end(),
              [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
    return std::move(tree_);
  }

 private:
  Descriptor open_root() const {
    Descriptor root(::open(root_name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) {
      throw SetupError("open " + root_name_, errno, "Name a readable directory as the root of the files to serve.");
    }
    return root;
  }

  void warn(const std::string& path, std::string_view why) {
    tree_.warnings.push_back(root_name_ + path + " is not served: " + std::string(why) + ".");
  }

  void count_entry() {
    if (++entries_ > bounds_.entries_max) {
      throw SetupError("reading " + root_name_, 0,
                       "The root holds more than " + std::to_string(bounds_.entries_max) +
                           " files and directories: serve a smaller one or raise the bound.");
    }
  }

  /// `name` is what openat2 takes, `path` what a request asks for, ending with '/'.
  void read_directory(const std::string& name, const std::string& path, unsigned depth) {
    if (depth > kTreeDepthMax) return warn(path, "it lies too deep, perhaps behind a symbolic link to a parent");
    Descriptor fd = open_beneath(root_.get(), name);
    DIR* directory = fd ? ::fdopendir(fd.get()) : nullptr;
    if (directory == nullptr) return warn(path, std::strerror(errno));
    fd.release();
    count_entry();
    tree_.directories.push_back(path);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    const std::string below = name + "/";
    for (const std::string& child : names) read_entry(below + child, path + child, depth);
  }

  void read_entry(const std::string& name, const std::string& path, unsigned depth) {
    const Descriptor fd = open_beneath(root_.get(), name);
    if (!fd) {
      return warn(path, errno == EXDEV ? "it is a symbolic link that is absolute or leads out of the root"
                                       : std::strerror(errno));
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return warn(path, std::strerror(errno));
    if (S_ISDIR(status.st_mode)) return read_directory(name, path + "/", depth + 1);
    if (!S_ISREG(status.st_mode)) return warn(path, "it is not a regular file");
    read_file(fd.get(), status, path);
  }

  void read_file(int fd, const struct stat& status, const std::string& path) {
    count_entry();
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > bounds_.total_size_max - tree_.content_size) {
      throw SetupError("reading " + root_name_ + path, 0,
                       "The files of the root are larger than " + std::to_string(bounds_.total_size_max) +
                           " bytes together: serve a smaller root or raise the bound.");
    }
    auto content = size > kPagesAbove ? copy_to_pages(fd, size) : copy_to_heap(fd, size);
    if (!content) return warn(path, std::strerror(errno));
    tree_.content_size += content->size;
    const std::int64_t modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    tree_.files.push_back({path, *std::move(content), modified_ns});
  }

  const std::string& root_name_;
  TreeBounds bounds_;
  Descriptor root_;
  Tree tree_;
  std::uint32_t entries_ = 0;
};

}  // namespace

Tree read_tree(const std::string& root, const TreeBounds& bounds) { return Reader(root, bounds).read(); }

}  // namespace windhover::server::files
