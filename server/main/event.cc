#include "server/main/event.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "stack/base/setup_error.h"

namespace windhover::server::main {

backends::host::File make_eventfd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw stack::base::SetupError("eventfd", errno, "Raise the limit of open files: ulimit -n.");
  return backends::host::File(fd);
}

// Neither can fail in a way that matters: a counter that is full is readable, one that is empty has nothing to take.
void signal_eventfd(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);
}

void clear_eventfd(int fd) {
  std::uint64_t value = 0;
  [[maybe_unused]] const ssize_t taken = read(fd, &value, sizeof value);
}

}  // namespace windhover::server::main
