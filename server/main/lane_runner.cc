#include "server/main/lane_runner.h"

#include <pthread.h>
#include <sched.h>

#include <cerrno>

#include "server/main/event.h"
#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::Instant;
using stack::base::SetupError;

// How long the last frames may take to leave a device that is blocked.
constexpr stack::base::Duration kGoodbyeMax = std::chrono::seconds(1);
constexpr stack::base::Duration kGoodbyeWait = std::chrono::milliseconds(1);

}  // namespace

LaneRunner::LaneRunner(Lane lane, const stack::lane::LoopConfig& loop, stack::base::Duration shutdown_timeout)
    : lane_(std::move(lane)),
      loop_(lane_.stack, lane_.device, loop, lane_.exchange, lane_.index),
      shutdown_timeout_(shutdown_timeout),
      wake_(make_eventfd()),
      done_(make_eventfd()) {
  if (lane_.exchange != nullptr) lane_.exchange->connect(lane_.index, *this);
}

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
    throw SetupError("pin a lane to CPU " + std::to_string(*cpu), error,
                     "Set lane.cpus to CPUs of this process, or to [].");
}

void LaneRunner::command(Command command) {
  command_.store(command, std::memory_order_release);
  ring();
}

void LaneRunner::drain() { command(Command::kDrain); }

void LaneRunner::settle() {
  if (device_failure() != 0) return;  // It has said that it is done, for good.
  clear_eventfd(done_.fd());
  settling_.store(true, std::memory_order_release);
  ring();
}

void LaneRunner::link_up() {
  link_up_.store(true, std::memory_order_release);
  ring();
}

void LaneRunner::force() { command(Command::kEnd); }

// Written first: a lane that sees the flag finds the eventfd readable, and one that is woken before it sees the flag
// sees it the next time round.
void LaneRunner::ring() {
  signal_eventfd(wake_.fd());
  woken_.store(true, std::memory_order_release);
}

void LaneRunner::join() {
  if (thread_.joinable()) thread_.join();
}

void LaneRunner::run() {
  run_until_ended();
  say_goodbye();
  signal_eventfd(done_.fd());
}

void LaneRunner::run_until_ended() {
  std::optional<Instant> deadline;
  bool done = false;
  while (true) {
    const Instant now = monotonic_now();
    // Before the command is read: what is taken from the eventfd here may have announced one.
    if (woken_.load(std::memory_order_relaxed) && woken_.exchange(false, std::memory_order_acquire)) {
      clear_eventfd(wake_.fd());
      if (link_up_.exchange(false, std::memory_order_acquire)) lane_.stack.link_up(now);
    }
    const Command command = command_.load(std::memory_order_acquire);
    if (command == Command::kEnd) return;
    if (command == Command::kDrain && !deadline) {
      begin_drain();
      deadline = now + shutdown_timeout_;
    }
    const bool settling = settling_.load(std::memory_order_acquire);
    const bool moved = loop_.turn(now);
    if (deadline && !done && (lane_.http.connection_count() == 0 || now >= *deadline)) {
      done = true;
      signal_eventfd(done_.fd());
    }
    if (moved) continue;
    if (settling) {
      settling_.store(false, std::memory_order_relaxed);
      signal_eventfd(done_.fd());
    }
    loop_.rest(now, wake_.fd());
    if (const int failure = lane_.device_failure(); failure != 0) {
      device_failure_.store(failure, std::memory_order_release);
      return;
    }
  }
}

void LaneRunner::begin_drain() {
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
