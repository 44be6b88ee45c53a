#include "server/main/system.h"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include <cerrno>
#include <ctime>

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::Duration;
using stack::base::SetupError;

Duration read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void fill_random(std::array<std::uint8_t, 16>& key) {
  // Up to 256 bytes come whole once the kernel's generator is ready; only a signal can interrupt the wait for that.
  while (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
    if (errno != EINTR)
      throw SetupError("getrandom", errno, "Allow the system call; secrets cannot be made without it.");
  }
}

}  // namespace

stack::base::Instant monotonic_now() { return stack::base::Instant(read_clock(CLOCK_MONOTONIC)); }

Duration wall_clock_offset() { return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC); }

stack::tcp::Keys random_keys() {
  stack::tcp::Keys keys;
  fill_random(keys.flow_hash);
  fill_random(keys.isn);
  fill_random(keys.timestamps);
  return keys;
}

void drop_capabilities() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    throw SetupError("prctl PR_SET_NO_NEW_PRIVS", errno, "Allow the system call.");
  }
  const cap_t none = cap_init();
  const int failed = none == nullptr ? -1 : cap_set_proc(none);
  const int error = errno;
  cap_free(none);
  if (failed != 0) throw SetupError("capset", error, "Allow the system call; it only gives rights up.");
}

}  // namespace windhover::server::main
