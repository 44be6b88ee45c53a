#include "tests/live/programs/transfer_lane.h"

#include <fmt/format.h>

#include <csignal>

#include "backends/pcap/pcap.h"
#include "server/main/backend.h"
#include "server/main/log.h"
#include "server/main/report.h"
#include "server/main/system.h"
#include "stack/base/setup_error.h"
#include "tests/live/programs/transfer_application.h"

namespace windhover::live {
namespace {

namespace main = server::main;
using stack::base::SetupError;

volatile std::sig_atomic_t ending = 0;

void end(int) { ending = 1; }

/// Ends a rest, which is a system call that is not begun again.
void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = &end;
  for (const int signal : {SIGTERM, SIGINT}) sigaction(signal, &action, nullptr);
}

/// What the last frames may take to arrive and to leave.
constexpr stack::base::Duration kGoodbyeMax = std::chrono::milliseconds(200);

/// Everything that was steered to us is taken before the end, so that all of it is accounted for.
void say_goodbye(main::Backend& backend, stack::lane::Stack& stack, stack::lane::Loop& loop) {
  backend.stop_receiving();
  const auto begin = main::monotonic_now();
  while (loop.turn(main::monotonic_now()) && main::monotonic_now() - begin < kGoodbyeMax) {
  }
  stack.stop(main::monotonic_now());
  while (!loop.flush(main::monotonic_now()) && main::monotonic_now() - begin < 2 * kGoodbyeMax) {
  }
}

void print_listening(const main::Settings& settings, const main::Backend& backend) {
  for (const main::Endpoint& endpoint : settings.endpoints) {
    for (const auto& address : main::addresses_of(endpoint, backend.facts().ip.addresses)) {
      main::log_info(fmt::format("Now listening on: {}://{}", endpoint.url.scheme, address.to_string()));
    }
  }
}

}  // namespace

int serve_over_stack(const main::Settings& settings, const Pattern& pattern, Store& store) {
  end_on_signals();
  const auto backend = main::open_backend(settings);
  if (backend->facts().lanes.cpus.size() != 1) throw SetupError("transfers use one lane", 0, "Set lane.count to 1.");
  TransferApplication application(pattern, store);
  std::unique_ptr<backends::pcap::Pcap> capture;
  if (settings.capture.file) {
    backends::pcap::WriterConfig writer = settings.capture.writer;
    writer.epoch_offset = main::wall_clock_offset();
    capture = std::make_unique<backends::pcap::Pcap>(backend->device(0), writer, &main::monotonic_now);
  }
  stack::link::Device& device = capture ? *capture : backend->device(0);
  stack::lane::Config config = settings.stack;
  config.ip = backend->facts().ip;
  stack::lane::Stack stack(main::monotonic_now(), config, main::random_keys(), device);
  for (const main::Endpoint& endpoint : settings.endpoints) stack.listen(main::listener_of(endpoint), application);
  stack::lane::Loop loop(stack, device, settings.lane.loop);
  print_listening(settings, *backend);
  while (ending == 0 && backend->failure(0) == 0) {
    const auto now = main::monotonic_now();
    if (!loop.turn(now)) loop.rest(now, -1);
  }
  say_goodbye(*backend, stack, loop);
  const server::http::HttpCounters none;
  main::log_info("Summary: " + main::summary_line({{stack, none, device.stats()}}, backend->counters()));
  return backend->failure(0) == 0 ? 0 : 1;
}

}  // namespace windhover::live
