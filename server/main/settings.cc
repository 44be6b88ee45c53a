#include "server/main/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "server/main/backend_keys.h"
#include "server/main/portal_keys.h"
#include "server/main/settings_formats.h"
#include "server/main/stack_keys.h"

namespace windhover::server::main {
namespace {

using stack::wire::Address;

/// As nobody else's as a locally administered address can be: "02:57" and the end of the stack's first address.
stack::wire::MacAddress mac_of(const Address& address) {
  stack::wire::MacAddress mac{{0x02, 0x57}};
  const stack::base::Bytes octets = address.octets();
  std::copy(octets.end() - 4, octets.end(), mac.octets.begin() + 2);
  return mac;
}

/// With shared addresses, the rest is only known at start.
void check_endpoints(config::Reader& reader, const Settings& settings) {
  std::vector<stack::ip::InterfaceAddress> addresses = settings.stack.ip.addresses;
  for (const Address& service : settings.service_addresses) addresses.push_back({service, 128, true});
  for (auto endpoint = settings.endpoints.begin(); endpoint != settings.endpoints.end(); ++endpoint) {
    reader.look_at(endpoint->name, [&](config::Reader& inner) {
      const config::Url& url = endpoint->url;
      if (url.scheme != "http") {
        return inner.problem("url", fmt::format("{} is not offered by this version: write http", url.scheme));
      }
      if (url.host != "*" && !Address::parse(url.host)) {
        return inner.problem("url", fmt::format("{} is not an address, nor *", config::in_quotes(url.host)));
      }
      if (!settings.shares_addresses() && !settings.may_share_addresses()) {
        if (const std::string why = refusal(*endpoint, addresses); !why.empty()) return inner.problem("url", why);
      }
      const auto same = std::find_if(settings.endpoints.begin(), endpoint,
                                     [&](const Endpoint& other) { return overlap(*endpoint, other); });
      if (same == endpoint) return;
      inner.problem("url", fmt::format("{} listens on {} already", config::in_quotes(same->name),
                                       config::print_url(url).substr(url.scheme.size() + 3)));
    });
  }
}

void check_lane(config::Reader& reader, const LaneSettings& lane) {
  if (!std::has_single_bit(lane.mailbox_size)) {
    reader.problem("mailboxSize", fmt::format("{} is not a power of two", config::print_size(lane.mailbox_size)));
  }
  if (lane.count && lane.cpus && !lane.cpus->empty() && lane.cpus->size() < *lane.count) {
    reader.problem("cpus", fmt::format("{} lanes need as many CPUs, or []", *lane.count));
  }
}

/// What no single value shows. Only asked when every single value is good.
void check(config::Reader& reader, const Settings& settings, const config::Problems& problems) {
  reader.look_at("backend", [&](config::Reader& inner) { check_backend(inner, settings); });
  reader.look_at("portal", [&](config::Reader& inner) { check_portal(inner, settings.portal); });
  reader.look_at("tcp", [&](config::Reader& inner) { check_tcp(inner, settings.stack.tcp); });
  reader.look_at("lane", [&](config::Reader& inner) { check_lane(inner, settings.lane); });
  if (settings.endpoints.empty()) reader.problem("endpoints", "there is no endpoint");
  if (!problems.empty()) return;  // Endpoints are only as right as the addresses are.
  reader.look_at("endpoints", [&](config::Reader& inner) { check_endpoints(inner, settings); });
}

void finish(Settings& settings) {
  settings.capacity.connections = settings.stack.tcp.connections_max;
  if (settings.backend != BackendType::kXdp && settings.stack.ip.mac.is_zero())
    settings.stack.ip.mac = mac_of(settings.stack.ip.addresses.front().address);
  if (settings.capture.file) settings.capture.writer.path = *settings.capture.file;
}

std::optional<config::Value> load_base(const SettingsSources& sources, config::Problems& problems) {
  if (sources.file) return config::load_document(*sources.file, problems);
  // Its "../www" counts from the folder that it lies in, so that it means ./www.
  return config::parse_document(kBuiltInConfig, {"the built-in configuration", "config"}, problems);
}

void apply_overrides(const SettingsSources& sources, config::Value& document, config::Problems& problems) {
  std::vector<config::Override> changes;
  if (sources.environment != nullptr) {
    changes = config::overrides_from_environment(sources.environment, "WINDHOVER__", problems);
  }
  for (const std::string& option : sources.set) {
    if (auto change = config::override_from_option(option, problems)) changes.push_back(std::move(*change));
  }
  if (sources.root) changes.push_back({{"root"}, *sources.root, {"option --root", {}}});
  for (const config::Override& change : changes) config::apply_override(change, document, problems);
}

}  // namespace

Settings::Settings() {
  files.root = "www";
  endpoints = {{"http", {"http", "*", 8080}}};
  set_defaults_of_tun(*this);
}

Settings load_settings(const SettingsSources& sources, config::Problems& problems) {
  Settings settings;
  auto document = load_base(sources, problems);
  if (!document) return settings;
  if (sources.file) settings.files.root = config::resolve_path("www", document->origin);
  apply_overrides(sources, *document, problems);
  config::fill(*document, problems, [&](config::Reader& reader) {
    read(reader, settings);
    if (problems.empty()) check(reader, settings, problems);
  });
  if (problems.empty()) finish(settings);
  return settings;
}

}  // namespace windhover::server::main
