#include "server/main/lane_runner.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::Instant;
using stack::base::SetupError;

// How long the last frames may take to leave a device that is blocked.
constexpr stack::base::Duration kGoodbyeMax = std::chrono::seconds(1);
constexpr stack::base::Duration kGoodbyeWait = std::chrono::milliseconds(1);

backends::host::File make_eventfd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw SetupError("eventfd", errno, "Raise the limit of open files: ulimit -n.");
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

}  // namespace

LaneRunner::LaneRunner(Lane lane, const stack::lane::LoopConfig& loop, stack::base::Duration shutdown_timeout)
    : lane_(std::move(lane)),
      loop_(lane_.stack, lane_.device, loop),
      shutdown_timeout_(shutdown_timeout),
      wake_(make_eventfd()),
      ended_(make_eventfd()) {}

LaneRunner::~LaneRunner() {
  force();
  join();
}

void LaneRunner::start(std::optional<std::uint32_t> cpu) {
  thread_ = std::thread([this] { run(); });
  if (!cpu) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(*cpu, &set);
  const int error = pthread_setaffinity_np(thread_.native_handle(), sizeof set, &set);
  if (error != 0)
    throw SetupError("pin the lane to CPU " + std::to_string(*cpu), error,
                     "Set lane.cpu to a CPU of this process, or to null.");
}

void LaneRunner::command(Command command) {
  command_.store(command, std::memory_order_release);
  signal_eventfd(wake_.fd());
}

void LaneRunner::drain() { command(Command::kDrain); }

void LaneRunner::force() { command(Command::kEnd); }

int LaneRunner::join() {
  if (thread_.joinable()) thread_.join();
  return device_failure_;
}

void LaneRunner::run() {
  run_until_drained();
  say_goodbye();
  signal_eventfd(ended_.fd());
}

void LaneRunner::run_until_drained() {
  std::optional<Instant> deadline;
  while (true) {
    const Instant now = monotonic_now();
    const Command command = command_.load(std::memory_order_acquire);
    if (command == Command::kEnd) return;
    if (command == Command::kDrain && !deadline) {
      begin_drain();
      deadline = now + shutdown_timeout_;
      continue;  // What begin_drain() took from the eventfd may have been the next command's.
    }
    const bool moved = loop_.turn(now);
    if (deadline && (lane_.http.connection_count() == 0 || now >= *deadline)) return;
    if (moved) continue;
    loop_.rest(now, wake_.fd());
    device_failure_ = lane_.device_failure();
    if (device_failure_ != 0) return;
  }
}

void LaneRunner::begin_drain() {
  clear_eventfd(wake_.fd());
  for (const auto& listener : lane_.listeners) lane_.stack.unlisten(listener);
  lane_.http.drain();
}

void LaneRunner::say_goodbye() {
  const Instant begin = monotonic_now();
  lane_.stack.stop(begin);
  while (!loop_.flush(monotonic_now()) && monotonic_now() - begin < kGoodbyeMax) {
    lane_.device.wait(kGoodbyeWait, -1);
  }
}

}  // namespace windhover::server::main
