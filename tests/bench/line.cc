// A line between two namespaces, as the simulator's table has it: loss, reordering, a bounded rate and its queue one
// way, delay both ways. What two kernels make of it can so be compared with what the stack makes of it in virtual time.
//
//   line FROM TO [--loss P] [--reorder P] [--rtt MILLISECONDS] [--rate BYTES_PER_SECOND] [--queue BYTES] [--seed N]
//
// FROM and TO are files of network namespaces (/run/netns/NAME); each gets a TUN device line0, 10.77.0.1 and .2. Runs
// until it is killed. Polls, because a sleep may be as long as a short round trip.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "backends/impair/impair.h"
#include "backends/tun/tun.h"
#include "stack/base/setup_error.h"

namespace {

using namespace windhover;
using stack::base::SetupError;
using stack::link::Burst;
using stack::link::Device;
using stack::link::Frame;

stack::base::Instant now() { return stack::base::Instant(std::chrono::steady_clock::now().time_since_epoch()); }

/// A device whose host's side lies in another namespace. This thread stays there.
std::unique_ptr<backends::tun::Tun> open_in(const std::string& netns, const char* host) {
  const int fd = open(netns.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
    throw SetupError("enter " + netns, errno, "Is it there, and are you root?");
  close(fd);
  backends::tun::Config config;
  config.name = "line0";
  config.offload = false;
  config.host_addresses = {{*stack::wire::Address::parse(host), 24}};
  return std::move(backends::tun::open(config).queues.front());
}

/// Hands on what has arrived, as frames of the other device. True when there was something.
bool forward(Device& from, Device& to) {
  Burst arrived;
  if (from.receive(arrived) == 0) return false;
  for (const Frame& frame : arrived.frames()) {
    Frame copy = to.arena().allocate();
    if (!copy) break;  // The rest is lost, as in a router without memory.
    const auto bytes = frame.bytes();
    std::copy(bytes.begin(), bytes.end(), copy.append(bytes.size()).begin());
    to.transmit({&copy, 1});
  }
  arrived.clear();
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A bad line between two namespaces", "line");
  std::string from;
  std::string to;
  double rtt_ms = 10;
  backends::impair::Config config;
  config.line_frames = 4096;
  app.add_option("from", from)->required();
  app.add_option("to", to)->required();
  app.add_option("--loss", config.transmit.loss)->check(CLI::Range(0.0, 1.0));
  app.add_option("--reorder", config.transmit.reorder)->check(CLI::Range(0.0, 1.0));
  app.add_option("--rtt", rtt_ms)->check(CLI::Range(0.0, 10000.0));
  app.add_option("--rate", config.transmit.rate);
  app.add_option("--queue", config.transmit.rate_queue);
  app.add_option("--seed", config.seed);
  CLI11_PARSE(app, argc, argv);
  config.transmit.delay = config.receive.delay =
      std::chrono::duration_cast<stack::base::Duration>(std::chrono::duration<double, std::milli>(rtt_ms / 2));
  try {
    const auto sender = open_in(from, "10.77.0.1");
    const auto receiver = open_in(to, "10.77.0.2");
    backends::impair::Impair line(*receiver, config, now);
    fmt::print("The line is up.\n");
    std::fflush(stdout);
    while (sender->failure() == 0 && receiver->failure() == 0) {
      forward(*sender, line);
      forward(line, *sender);
      line.flush();
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "line: {}\n", error.what());
  }
  return 1;
}
