#include "server/main/portal_runner.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "server/main/event.h"
#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::Instant;
using stack::base::SetupError;

// How long the last frames may take to leave.
constexpr stack::base::Duration kGoodbyeMax = std::chrono::milliseconds(100);

backends::host::File join_events(std::initializer_list<int> fds) {
  backends::host::File events(epoll_create1(EPOLL_CLOEXEC));
  if (events.fd() < 0) throw SetupError("epoll_create1", errno, "Raise the limit of open files: ulimit -n.");
  for (const int fd : fds) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(events.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw SetupError("epoll_ctl", errno, "Raise the limit: sysctl fs.epoll.max_user_watches.");
    }
  }
  return events;
}

}  // namespace

PortalRunner::PortalRunner(stack::lane::Stack& stack, stack::link::Device& device, portal::Portal& portal,
                           const stack::lane::LoopConfig& loop)
    : stack_(stack),
      portal_(portal),
      loop_(stack, device, loop),
      wake_(make_eventfd()),
      done_(make_eventfd()),
      events_(join_events({wake_.fd(), portal.fd()})) {}

PortalRunner::~PortalRunner() {
  force();
  join();
}

void PortalRunner::start() {
  thread_ = std::thread([this] { run(); });
}

void PortalRunner::command(Command command) {
  command_.store(command, std::memory_order_release);
  signal_eventfd(wake_.fd());
}

void PortalRunner::drain() { command(Command::kDrain); }

void PortalRunner::force() { command(Command::kEnd); }

void PortalRunner::join() {
  if (thread_.joinable()) thread_.join();
}

void PortalRunner::run() {
  run_until_ended();
  const Instant begin = monotonic_now();
  stack_.stop(begin);
  while (!loop_.flush(monotonic_now()) && monotonic_now() - begin < kGoodbyeMax) continue;
  portal_.run(monotonic_now());
  signal_eventfd(done_.fd());
}

void PortalRunner::run_until_ended() {
  bool draining = false;
  bool done = false;
  while (true) {
    const Instant now = monotonic_now();
    const Command command = command_.load(std::memory_order_acquire);
    if (command == Command::kEnd) return;
    if (command == Command::kDrain && !draining) {
      draining = true;
      portal_.drain();
    }
    bool moved = loop_.turn(now);
    moved |= portal_.run(now);
    if (draining && !done && portal_.connection_count() == 0) {
      done = true;
      signal_eventfd(done_.fd());
    }
    if (!moved && loop_.rest(now, events_.fd())) clear_eventfd(wake_.fd());
  }
}

}  // namespace windhover::server::main
