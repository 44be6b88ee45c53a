#include "server/main/serve.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>

#include "backends/pcap/pcap.h"
#include "server/main/lane_runner.h"
#include "server/main/log.h"
#include "server/main/report.h"
#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using backends::host::File;
using stack::base::SetupError;

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

/// The device and what stands around it. The capture is nearest to the stack: it shows what the stack sees, the bad
/// line included.
struct DeviceChain {
  backends::tun::Opened opened;
  std::unique_ptr<backends::impair::Impair> impair;
  std::unique_ptr<backends::pcap::Pcap> pcap;

  explicit DeviceChain(const Settings& settings) : opened(backends::tun::open(settings.tun)) {
    if (!settings.impair.transmit.clean() || !settings.impair.receive.clean()) {
      impair = std::make_unique<backends::impair::Impair>(tun(), settings.impair, &monotonic_now);
    }
    if (settings.capture.file) {
      backends::pcap::WriterConfig writer = settings.capture.writer;
      writer.epoch_offset = wall_clock_offset();
      pcap = std::make_unique<backends::pcap::Pcap>(impair ? static_cast<stack::link::Device&>(*impair) : tun(), writer,
                                                    &monotonic_now);
    }
  }

  backends::tun::Tun& tun() { return *opened.queues.front(); }
  stack::link::Device& device() {
    if (pcap) return *pcap;
    if (impair) return *impair;
    return tun();
  }
};

/// Everything of one lane, in the order in which it must be made. Undone in reverse: connections end in the stack
/// before the HTTP server that answers them, and both before the device.
struct Parts {
  const Settings& settings;
  files::Site site;
  DeviceChain chain;
  http::Server http;
  stack::lane::Stack stack;
  std::vector<stack::tcp::Endpoint> listeners;

  explicit Parts(const Settings& from)
      : settings(from),
        site(from.files),
        chain(from),
        http(from.limits, from.capacity, site, wall_clock_offset()),
        stack(monotonic_now(), from.stack, random_keys(), chain.device()) {
    for (const Endpoint& endpoint : from.endpoints) {
      // One listener for every address, so that accepting stays one look-up.
      const auto addresses = addresses_of(endpoint, from);
      listeners.push_back(endpoint.url.host == "*" ? stack::tcp::Endpoint{{}, endpoint.url.port} : addresses.front());
      stack.listen(listeners.back(), http);
    }
  }
};

void print_set_up(Parts& parts) {
  const Settings& settings = parts.settings;
  const bool ip = settings.tun.layer == backends::tun::Layer::kIp;
  log_info(fmt::format("Backend: {}", backend_line(parts.chain.device(), ip ? "TUN" : "TAP")));
  for (const std::string& note : parts.chain.opened.notes) log_warning(note);
  if (parts.chain.impair) log_warning("The line is impaired on purpose: see \"impair\" in the configuration.");
  if (parts.chain.pcap) log_info(fmt::format("Capture: {}", *settings.capture.file));
  log_info(fmt::format("Files: {} from {}", parts.site.file_count(), settings.files.root));
  for (const std::string& warning : parts.site.warnings()) log_warning(warning);
  log_info("Memory: " + memory_line({{"arenas", parts.chain.tun().memory_size()},
                                     {"stack", parts.stack.memory_size()},
                                     {"http", parts.http.memory_size()},
                                     {"files", parts.site.memory_size()}}));
}

void print_listening(const Settings& settings) {
  for (const Endpoint& endpoint : settings.endpoints) {
    for (const auto& address : addresses_of(endpoint, settings)) {
      log_info(fmt::format("Now listening on: {}://{}", endpoint.url.scheme, address.to_string()));
    }
  }
}

/// Takes one signal. Precondition: `fd` is readable.
int take_signal(int fd) {
  signalfd_siginfo signal{};
  if (read(fd, &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal)) return 0;
  return static_cast<int>(signal.ssi_signo);
}

/// Passes signals on to the lane until it has ended.
void watch(LaneRunner& runner, int signals, stack::base::Duration shutdown_timeout) {
  bool draining = false;
  while (true) {
    pollfd waited[] = {{signals, POLLIN, 0}, {runner.ended_fd(), POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if ((waited[1].revents & POLLIN) != 0) return;
    if ((waited[0].revents & POLLIN) == 0 || take_signal(signals) == 0) continue;
    if (draining) {
      log_warning("Ending now: open connections are reset.");
      runner.force();
    } else {
      log_info(fmt::format("Shutting down: connections may finish for {}; a second signal ends at once.",
                           config::print_duration(shutdown_timeout)));
      runner.drain();
      draining = true;
    }
  }
}

}  // namespace

void block_signals() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A closed pipe at standard output must not end the server.
  std::signal(SIGPIPE, SIG_IGN);
}

int serve(const Settings& settings) {
  const sigset_t wanted = ending_signals();
  const File signals(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals.fd() < 0) throw SetupError("signalfd", errno, "Raise the limit of open files: ulimit -n.");

  Parts parts(settings);
  print_set_up(parts);
  LaneRunner runner(
      {parts.stack, parts.chain.device(), parts.http, parts.listeners, [&] { return parts.chain.tun().failure(); }},
      settings.lane.loop, settings.limits.shutdown_timeout);
  drop_capabilities();
  runner.start(settings.lane.cpu);
  print_listening(settings);
  watch(runner, signals.fd(), settings.limits.shutdown_timeout);

  const int failure = runner.join();
  if (failure != 0) {
    log_error(fmt::format("the device {} was lost: {} (errno {})", settings.tun.name,
                          std::generic_category().message(failure), failure));
  }
  if (parts.chain.pcap && !parts.chain.pcap->writer().failure().empty())
    log_warning(parts.chain.pcap->writer().failure());
  log_info("Summary: " + summary_line(parts.stack, parts.http.counters(), parts.chain.device().stats()));
  return failure == 0 ? 0 : 1;
}

}  // namespace windhover::server::main
