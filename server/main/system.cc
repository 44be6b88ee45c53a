#include "server/main/system.h"

#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <string>

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
  fill_random(keys.syn_cookies);
  return keys;
}

bool has_capability(int capability) {
  const cap_t held = cap_get_proc();
  cap_flag_value_t value = CAP_CLEAR;
  const bool known = held != nullptr && cap_get_flag(held, capability, CAP_EFFECTIVE, &value) == 0;
  cap_free(held);
  return known && value == CAP_SET;
}

std::vector<std::uint32_t> allowed_cpus(std::optional<int> numa_node) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::uint32_t> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  if (numa_node) {
    std::ifstream file("/sys/devices/system/node/node" + std::to_string(*numa_node) + "/cpulist");
    std::string text;
    std::getline(file, text);
    const std::vector<std::uint32_t> near = parse_cpu_list(text);
    std::stable_partition(cpus.begin(), cpus.end(),
                          [&](std::uint32_t cpu) { return std::find(near.begin(), near.end(), cpu) != near.end(); });
  }
  return cpus;
}

std::vector<std::uint32_t> parse_cpu_list(std::string_view text) {
  std::vector<std::uint32_t> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::uint32_t first = 0;
    auto read = std::from_chars(at, end, first);
    if (read.ec != std::errc{}) return cpus;
    std::uint32_t last = first;
    if (read.ptr != end && *read.ptr == '-') {
      read = std::from_chars(read.ptr + 1, end, last);
      if (read.ec != std::errc{}) return cpus;
    }
    last = std::min<std::uint32_t>(last, CPU_SETSIZE - 1);
    for (std::uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (read.ptr == end || *read.ptr != ',') return cpus;
    at = read.ptr + 1;
  }
}

std::uint64_t raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
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
