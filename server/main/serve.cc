#include "server/main/serve.h"

#include <fmt/format.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>

#include "server/main/close_log.h"
#include "server/main/lane_parts.h"
#include "server/main/lane_runner.h"
#include "server/main/log.h"
#include "server/main/report.h"
#include "server/main/system.h"
#include "server/main/watch.h"
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

/// Everything that serving takes, in the order in which it must be made. Undone in reverse. Secrets are the same on all
/// lanes, so that each of them could go on where another has begun.
struct Parts {
  const Settings& settings;
  files::Site site;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<stack::lane::Exchange> exchange;  // Only with several lanes.
  CloseLog closes;
  std::vector<std::unique_ptr<LaneParts>> lanes;
  std::vector<std::unique_ptr<LaneRunner>> runners;

  explicit Parts(const Settings& from) : settings(from), site(from.files), backend(open_backend(from)) {
    const auto count = static_cast<std::uint32_t>(backend->facts().lanes.cpus.size());
    const stack::tcp::Keys keys = random_keys();
    if (count > 1) exchange = std::make_unique<stack::lane::Exchange>(count, from.lane.mailbox_size);
    for (std::uint32_t index = 0; index < count; ++index) {
      lanes.push_back(std::make_unique<LaneParts>(from, *backend, LaneNumber{index, count}, keys, site));
      lanes.back()->stack().set_close_observer(closes.add_lane());
    }
    for (std::uint32_t index = 0; index < count; ++index) {
      LaneParts& lane = *lanes[index];
      Lane made{lane.stack(),
                lane.device(),
                lane.http(),
                lane.listeners(),
                [this, index] { return backend->failure(index); },
                exchange.get(),
                index};
      runners.push_back(std::make_unique<LaneRunner>(std::move(made), from.lane.loop, from.limits.shutdown_timeout));
    }
  }
};

std::string memory_of(const Parts& parts) {
  std::size_t stacks = 0;
  std::size_t http = 0;
  for (const auto& lane : parts.lanes) {
    stacks += lane->stack().memory_size();
    http += lane->http().memory_size();
  }
  std::vector<std::pair<std::string_view, std::size_t>> sizes = {{"devices", parts.backend->memory_size()},
                                                                 {"stack", stacks},
                                                                 {"http", http},
                                                                 {"files", parts.site.memory_size()}};
  if (parts.exchange) sizes.emplace_back("mailboxes", parts.exchange->memory_size());
  return memory_line(sizes);
}

void print_set_up(const Parts& parts) {
  const Settings& settings = parts.settings;
  const BackendFacts& facts = parts.backend->facts();
  log_info(fmt::format("Backend: {}", backend_line(parts.lanes.front()->device(), facts.kind, facts.details)));
  for (const std::string& note : facts.notes) log_warning(note);
  log_info(fmt::format("Lanes: {}", lanes_line(facts.lanes)));
  for (const std::string& note : facts.lanes.notes) log_warning(note);
  if (!settings.impair.transmit.clean() || !settings.impair.receive.clean()) {
    log_warning("The line is impaired on purpose: see \"impair\" in the configuration.");
  }
  const auto count = static_cast<std::uint32_t>(parts.lanes.size());
  for (std::uint32_t index = 0; settings.capture.file && index < count; ++index) {
    log_info(fmt::format("Capture: {}", capture_path(*settings.capture.file, {index, count})));
  }
  log_info(fmt::format("Files: {} from {}", parts.site.file_count(), settings.files.root));
  for (const std::string& warning : parts.site.warnings()) log_warning(warning);
  log_info("Memory: " + memory_of(parts));
}

void print_listening(const Parts& parts) {
  for (const Endpoint& endpoint : parts.settings.endpoints) {
    for (const auto& address : addresses_of(endpoint, parts.backend->facts().ip.addresses)) {
      log_info(fmt::format("Now listening on: {}://{}", endpoint.url.scheme, address.to_string()));
    }
  }
}

/// Waits for all lanes, and says what there is to say about them. Returns the exit status.
int finish(Parts& parts) {
  int failure = 0;
  for (const auto& runner : parts.runners) {
    runner->join();
    if (failure == 0) failure = runner->device_failure();
  }
  parts.closes.print();
  if (failure != 0) {
    log_error(fmt::format("the device {} was lost: {} (errno {})", parts.backend->facts().name,
                          std::generic_category().message(failure), failure));
  }
  std::vector<LaneFigures> figures;
  for (std::uint32_t index = 0; index < parts.lanes.size(); ++index) {
    LaneParts& lane = *parts.lanes[index];
    if (const backends::pcap::Pcap* capture = lane.capture();
        capture != nullptr && !capture->writer().failure().empty()) {
      log_warning(capture->writer().failure());
    }
    figures.push_back({lane.stack(), lane.http().counters(), lane.device().stats(),
                       parts.exchange ? &parts.exchange->stats(index) : nullptr});
  }
  log_info("Summary: " + summary_line(figures, parts.backend->counters()));
  return failure == 0 ? 0 : 1;
}

}  // namespace

void block_signals() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A closed pipe at standard output must not end the server.
  std::signal(SIGPIPE, SIG_IGN);
}

int serve(const Settings& settings) {
  set_log_level(settings.log_level);
  const sigset_t wanted = ending_signals();
  const File signals(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals.fd() < 0) throw SetupError("signalfd", errno, "Raise the limit of open files: ulimit -n.");

  Parts parts(settings);
  print_set_up(parts);
  drop_capabilities();
  const LanePlan& plan = parts.backend->facts().lanes;
  for (std::size_t index = 0; index < parts.runners.size(); ++index) parts.runners[index]->start(plan.cpus[index]);
  print_listening(parts);
  watch(parts.runners, *parts.backend, parts.closes, signals.fd(), settings.limits.shutdown_timeout);
  return finish(parts);
}

}  // namespace windhover::server::main
