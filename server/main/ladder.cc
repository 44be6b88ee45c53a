#include "server/main/ladder.h"

#include <fmt/format.h>

#include <system_error>

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::SetupError;

constexpr std::string_view kSteps = "1 AF_XDP, 2 TUN, 3 UDP with the portal";

std::string reason(std::string_view step, const SetupError& error) {
  const std::string why =
      error.error() == 0
          ? ""
          : fmt::format(": {} (errno {})", std::generic_category().message(error.error()), error.error());
  return fmt::format("Not on {}: {}{}. {}", step, error.call(), why, error.remedy());
}

/// With shared addresses in view, endpoints were not held against the addresses of this step.
void check_endpoints(const Settings& settings) {
  for (const Endpoint& endpoint : settings.endpoints) {
    const std::string why = refusal(endpoint, settings.stack.ip.addresses);
    if (!why.empty() && !settings.shares_addresses()) {
      throw SetupError(fmt::format("endpoints.{}.url: {}", endpoint.name, why), 0,
                       "Change it, or name a backend.type.");
    }
  }
}

/// Tries one; nullptr when it refuses, and then `lines` says why.
std::unique_ptr<Backend> attempt(std::string_view step, const Settings& settings, std::vector<std::string>& lines) {
  try {
    check_endpoints(settings);
    return open_backend(settings);
  } catch (const SetupError& error) {
    lines.insert(lines.begin(), reason(step, error));
    return nullptr;
  }
}

bool found(std::string_view step, const Settings& settings, Standing& standing) {
  standing.backend = attempt(step, settings, standing.lines);
  if (!standing.backend) return false;
  standing.settings = settings;
  standing.lines.insert(standing.lines.begin(), fmt::format("Ladder ({}): on {}.", kSteps, step));
  return true;
}

}  // namespace

Standing climb(const Settings& settings) {
  Standing standing{settings, nullptr, {}};
  if (settings.backend != BackendType::kAuto) {
    standing.backend = open_backend(settings);
    return standing;
  }
  if (settings.xdp.interface.empty()) {
    standing.lines.emplace_back(
        "Not on 1 AF_XDP: no interface is named. Name one, --set backend.interface=eth1, and run as root; "
        "`windhover doctor --interface eth1` says what it allows.");
  } else {
    Settings on_xdp = settings;
    on_xdp.backend = BackendType::kXdp;
    if (!settings.addresses_given) on_xdp.stack.ip.addresses.clear();
    if (found("1 AF_XDP", on_xdp, standing)) return standing;
  }
  Settings on_tun = settings;
  on_tun.backend = BackendType::kTun;
  if (found("2 TUN", on_tun, standing)) return standing;
  if (!settings.wants_portal()) {
    throw SetupError(
        fmt::format("every step of backend.type auto was refused\n  {}", fmt::join(standing.lines, "\n  ")), 0,
        "The last one, 3 UDP, is of use with the portal alone: leave out portal.mode.");
  }
  standing.lines.insert(standing.lines.begin(), fmt::format("Ladder ({}): on 3 UDP with the portal.", kSteps));
  return standing;
}

}  // namespace windhover::server::main
