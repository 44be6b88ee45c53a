#include "server/main/serve.h"

#include <fmt/format.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <system_error>

#include "server/main/close_log.h"
#include "server/main/ladder.h"
#include "server/main/lane_parts.h"
#include "server/main/lane_runner.h"
#include "server/main/log.h"
#include "server/main/portal_parts.h"
#include "server/main/portal_runner.h"
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
/// lanes of a backend, so that each of them could go on where another has begun.
struct Parts {
  Standing standing;
  files::Site site;
  std::unique_ptr<stack::lane::Exchange> exchange;  // Only with several lanes.
  CloseLog closes;
  std::vector<std::unique_ptr<LaneParts>> lanes;  // The backend's; none without one.
  std::unique_ptr<PortalParts> portal;            // With a lane of its own.
  std::vector<std::unique_ptr<LaneRunner>> runners;
  std::unique_ptr<PortalRunner> portal_runner;

  explicit Parts(const Settings& from) : standing(climb(from)), site(from.files) {
    const Settings& settings = standing.settings;
    if (standing.backend) add_lanes(settings, *standing.backend);
    if (from.wants_portal()) add_portal(settings);
  }

  /// The one that tells of changes, and that stops before the others.
  Backend& backend() { return standing.backend ? *standing.backend : portal->backend(); }
  const Backend& backend() const { return standing.backend ? *standing.backend : portal->backend(); }
  /// Of every runner.
  std::vector<LaneParts*> all_lanes() const {
    std::vector<LaneParts*> all;
    for (const auto& lane : lanes) all.push_back(lane.get());
    if (portal) all.push_back(&portal->lane());
    return all;
  }

 private:
  void add_lanes(const Settings& settings, Backend& on) {
    const auto count = static_cast<std::uint32_t>(on.facts().lanes.cpus.size());
    const stack::tcp::Keys keys = random_keys();
    if (count > 1) exchange = std::make_unique<stack::lane::Exchange>(count, settings.lane.mailbox_size);
    for (std::uint32_t index = 0; index < count; ++index) {
      lanes.push_back(std::make_unique<LaneParts>(settings, on, LaneNumber{index, count, {}}, keys, site));
    }
    for (std::uint32_t index = 0; index < count; ++index)
      add_runner(settings, on, *lanes[index], index, exchange.get());
  }

  void add_portal(const Settings& settings) {
    portal = std::make_unique<PortalParts>(settings, random_keys(), site, standing.backend != nullptr);
    add_runner(settings, portal->backend(), portal->lane(), 0, nullptr);
    portal_runner =
        std::make_unique<PortalRunner>(portal->client(), portal->client_device(), portal->portal(), settings.lane.loop);
  }

  void add_runner(const Settings& settings, const Backend& on, LaneParts& lane, std::uint32_t index,
                  stack::lane::Exchange* mail) {
    lane.stack().set_close_observer(closes.add_lane());
    Lane made{lane.stack(), lane.device(), lane.http(), lane.listeners(), [&on, index] { return on.failure(index); },
              mail,         index};
    runners.push_back(
        std::make_unique<LaneRunner>(std::move(made), settings.lane.loop, settings.limits.shutdown_timeout));
  }
};

std::string memory_of(const Parts& parts) {
  std::size_t stacks = 0;
  std::size_t http = 0;
  for (const LaneParts* lane : parts.all_lanes()) {
    stacks += lane->stack().memory_size();
    http += lane->http().memory_size();
  }
  std::vector<std::pair<std::string_view, std::size_t>> sizes;
  if (parts.standing.backend) sizes.emplace_back("devices", parts.standing.backend->memory_size());
  sizes.emplace_back("stack", stacks);
  sizes.emplace_back("http", http);
  sizes.emplace_back("files", parts.site.memory_size());
  if (parts.exchange) sizes.emplace_back("mailboxes", parts.exchange->memory_size());
  if (parts.portal) sizes.emplace_back("portal", parts.portal->memory_size());
  return memory_line(sizes);
}

void print_captures(const Parts& parts) {
  const auto& file = parts.standing.settings.capture.file;
  if (!file) return;
  const auto count = static_cast<std::uint32_t>(parts.lanes.size());
  for (std::uint32_t index = 0; index < count; ++index) {
    log_info(fmt::format("Capture: {}", capture_path(*file, {index, count, {}})));
  }
  if (parts.portal) log_info(fmt::format("Capture: {}", capture_path(*file, parts.portal->number())));
}

void print_backends(const Parts& parts) {
  for (const std::string& line : parts.standing.lines) log_info(line);
  if (parts.standing.backend) {
    const BackendFacts& facts = parts.standing.backend->facts();
    log_info(fmt::format("Backend: {}", backend_line(parts.lanes.front()->device(), facts.kind, facts.details)));
    for (const std::string& note : facts.notes) log_warning(note);
    log_info(fmt::format("Lanes: {}", lanes_line(facts.lanes)));
    for (const std::string& note : facts.lanes.notes) log_warning(note);
  }
  if (!parts.portal) return;
  const BackendFacts& facts = parts.portal->backend().facts();
  log_info(fmt::format("Portal: {}", backend_line(parts.portal->lane().device(), facts.kind, facts.details)));
  for (const std::string& note : parts.portal->notes()) log_warning(note);
}

void print_set_up(const Parts& parts) {
  const Settings& settings = parts.standing.settings;
  print_backends(parts);
  if (!settings.impair.transmit.clean() || !settings.impair.receive.clean()) {
    log_warning("The line is impaired on purpose: see \"impair\" in the configuration.");
  }
  print_captures(parts);
  log_info(fmt::format("Files: {} from {}", parts.site.file_count(), settings.files.root));
  for (const std::string& warning : parts.site.warnings()) log_warning(warning);
  log_info("Memory: " + memory_of(parts));
}

void print_listening(const Parts& parts) {
  if (parts.portal) log_info("Now listening on: " + parts.portal->url());
  if (!parts.standing.backend) return;
  for (const Endpoint& endpoint : parts.standing.settings.endpoints) {
    for (const auto& address : addresses_of(endpoint, parts.standing.backend->facts().ip.addresses)) {
      log_info(fmt::format("Now listening on: {}://{}", endpoint.url.scheme, address.to_string()));
    }
  }
}

std::vector<LaneFigures> figures_of(const Parts& parts) {
  std::vector<LaneFigures> figures;
  for (std::uint32_t index = 0; LaneParts* const lane : parts.all_lanes()) {
    if (const backends::pcap::Pcap* capture = lane->capture();
        capture != nullptr && !capture->writer().failure().empty()) {
      log_warning(capture->writer().failure());
    }
    const bool mailed = parts.exchange && index < parts.lanes.size();
    figures.push_back({lane->stack(), lane->http().counters(), lane->device().stats(),
                       mailed ? &parts.exchange->stats(index) : nullptr});
    ++index;
  }
  return figures;
}

std::vector<NamedCounter> counters_of(const Parts& parts) {
  std::vector<NamedCounter> counters;
  if (parts.standing.backend) counters = parts.standing.backend->counters();
  if (!parts.portal) return counters;
  const portal::Counters& portal = parts.portal->portal().counters();
  for (std::size_t i = 0; i < portal::kEventCount; ++i) {
    const auto event = static_cast<portal::Event>(i);
    counters.emplace_back(name(event), portal.value(event));
  }
  for (NamedCounter& counter : parts.portal->backend().counters()) counters.push_back(std::move(counter));
  return counters;
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
    log_error(fmt::format("the device {} was lost: {} (errno {})", parts.backend().facts().name,
                          std::generic_category().message(failure), failure));
  }
  log_info("Summary: " + summary_line(figures_of(parts), counters_of(parts)));
  return failure == 0 ? 0 : 1;
}

void start(Parts& parts) {
  for (std::size_t index = 0; index < parts.runners.size(); ++index) {
    const bool planned = index < parts.lanes.size();
    parts.runners[index]->start(planned ? parts.standing.backend->facts().lanes.cpus[index] : std::nullopt);
  }
  if (parts.portal_runner) parts.portal_runner->start();
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
  start(parts);
  print_listening(parts);
  watch({parts.runners, parts.portal_runner.get(), parts.backend(), parts.closes}, signals.fd(),
        settings.limits.shutdown_timeout);
  return finish(parts);
}

}  // namespace windhover::server::main
