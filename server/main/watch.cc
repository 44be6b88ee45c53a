#include "server/main/watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "server/config/text.h"
#include "server/main/log.h"
#include "server/main/system.h"

namespace windhover::server::main {
namespace {

using Lanes = std::vector<std::unique_ptr<LaneRunner>>;

constexpr std::size_t kSignals = 0;
constexpr std::size_t kChanges = 1;
constexpr std::size_t kLanes = 2;

/// A lane that still has much to send does not settle, and is not waited for.
constexpr int kSettleMilliseconds = 100;

/// Takes one signal. Precondition: `fd` is readable.
bool take_signal(int fd) {
  signalfd_siginfo signal{};
  return read(fd, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal);
}

/// Takes the lanes that are done out of `waited`. True when there is nothing more to wait for: all are, or one has lost
/// its device.
bool all_done(const Lanes& lanes, std::vector<pollfd>& waited) {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if ((waited[kLanes + i].revents & POLLIN) == 0) continue;
    if (lanes[i]->device_failure() != 0) return true;
    waited[kLanes + i] = {-1, 0, 0};
  }
  return std::all_of(waited.begin() + kLanes, waited.end(), [](const pollfd& lane) { return lane.fd == -1; });
}

/// Lets the lanes take the frames that have arrived, and then those that they have handed to each other meanwhile.
void settle(const Lanes& lanes) {
  for (int round = 0; round < 2; ++round) {
    for (const auto& lane : lanes) lane->settle();
    for (const auto& lane : lanes) {
      pollfd settled{lane->done_fd(), POLLIN, 0};
      poll(&settled, 1, kSettleMilliseconds);
    }
  }
}

/// What the lanes have answered by now still has to reach its clients, until `deadline` or another signal.
void end_portal(PortalRunner& portal, int signals, stack::base::Instant deadline) {
  pollfd waited[] = {{portal.done_fd(), POLLIN, 0}, {signals, POLLIN, 0}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now()).count();
  if (left > 0) poll(waited, std::size(waited), static_cast<int>(left));
  portal.force();
  portal.join();
}

void take_changes(const Lanes& lanes, Backend& backend) {
  const Changes changes = backend.take_changes();
  for (const std::string& change : changes.sentences) log_warning(change);
  if (!changes.link_up) return;
  for (const auto& lane : lanes) lane->link_up();
}

}  // namespace

void watch(const Watched& watched, int signals, stack::base::Duration shutdown_timeout) {
  const Lanes& lanes = watched.lanes;
  std::vector<pollfd> waited = {{signals, POLLIN, 0}, {watched.backend.changes_fd(), POLLIN, 0}};
  for (const auto& lane : lanes) waited.push_back({lane->done_fd(), POLLIN, 0});
  bool draining = false;
  bool ending = false;
  stack::base::Instant portal_deadline{};  // Once draining has begun, and no longer once the end is forced.
  take_changes(lanes, watched.backend);    // Since the set-up.
  while (!ending) {
    if (poll(waited.data(), waited.size(), watched.closes.pause_milliseconds()) < 0) {
      if (errno != EINTR) break;
      continue;
    }
    watched.closes.print();
    if (waited[kChanges].revents != 0) take_changes(lanes, watched.backend);
    ending = all_done(lanes, waited);
    if ((waited[kSignals].revents & POLLIN) == 0 || !take_signal(signals)) continue;
    if (draining) {
      log_warning("Ending now: open connections are reset.");
      portal_deadline = {};
      ending = true;
    } else {
      log_info(fmt::format("Shutting down: connections may finish for {}; a second signal ends at once.",
                           config::print_duration(shutdown_timeout)));
      if (watched.portal != nullptr) watched.portal->drain();
      for (const auto& lane : lanes) lane->drain();
      draining = true;
      portal_deadline = monotonic_now() + shutdown_timeout;
    }
  }
  if (watched.portal != nullptr) end_portal(*watched.portal, signals, portal_deadline);
  watched.backend.stop_receiving();
  settle(lanes);
  for (const auto& lane : lanes) lane->force();
}

}  // namespace windhover::server::main
