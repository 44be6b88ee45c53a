#include "server/main/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/main/settings_formats.h"

namespace windhover::server::main {
namespace {

using stack::wire::Address;

constexpr std::uint16_t kIpv6MtuMin = 1280;  // RFC 8200 section 5.

/// As nobody else's as a locally administered address can be: "02:57" and the end of the stack's first address.
stack::wire::MacAddress mac_of(const Address& address) {
  stack::wire::MacAddress mac{{0x02, 0x57}};
  const stack::base::Bytes octets = address.octets();
  std::copy(octets.end() - 4, octets.end(), mac.octets.begin() + 2);
  return mac;
}

bool is_ours(const Address& address, const Settings& settings) {
  return std::any_of(settings.stack.ip.addresses.begin(), settings.stack.ip.addresses.end(),
                     [&](const stack::ip::InterfaceAddress& ours) { return ours.address == address; });
}

/// Why the stack cannot listen there; empty when it can.
std::string refusal(const Endpoint& endpoint, const Settings& settings) {
  if (endpoint.url.scheme != "http")
    return fmt::format("{} is not offered by this version: write http", endpoint.url.scheme);
  if (endpoint.url.host == "*") return {};
  const auto address = Address::parse(endpoint.url.host);
  if (address && is_ours(*address, settings)) return {};
  std::string ours;
  for (const auto& interface : settings.stack.ip.addresses) ours += fmt::format(", {}", interface.address.to_string());
  return fmt::format("{} is not an address of the stack: write *{}", config::in_quotes(endpoint.url.host), ours);
}

void check_endpoints(config::Reader& reader, const Settings& settings) {
  std::vector<std::pair<stack::tcp::Endpoint, std::string_view>> taken;
  for (const Endpoint& endpoint : settings.endpoints) {
    reader.look_at(endpoint.name, [&](config::Reader& inner) {
      if (const std::string why = refusal(endpoint, settings); !why.empty()) return inner.problem("url", why);
      for (const stack::tcp::Endpoint& address : addresses_of(endpoint, settings)) {
        const auto same =
            std::find_if(taken.begin(), taken.end(), [&](const auto& other) { return other.first == address; });
        if (same == taken.end()) {
          taken.emplace_back(address, endpoint.name);
        } else {
          inner.problem("url",
                        fmt::format("{} listens on {} already", config::in_quotes(same->second), address.to_string()));
        }
      }
    });
  }
}

void check_gateway(config::Reader& reader, std::string_view key, const std::optional<Address>& gateway, bool v4,
                   const Settings& settings) {
  if (!gateway) return;
  const auto& addresses = settings.stack.ip.addresses;
  const bool on_link = std::any_of(addresses.begin(), addresses.end(), [&](const stack::ip::InterfaceAddress& ours) {
    return gateway->in_prefix(ours.address, ours.prefix_length);
  });
  if (gateway->is_v4() != v4) {
    reader.problem(key, fmt::format("{} is not an {} address", gateway->to_string(), v4 ? "IPv4" : "IPv6"));
  } else if (!on_link || is_ours(*gateway, settings)) {
    reader.problem(key, fmt::format("{} is not a neighbour: no prefix of addresses holds it", gateway->to_string()));
  }
}

void check_backend(config::Reader& reader, const Settings& settings) {
  const stack::ip::Config& ip = settings.stack.ip;
  const backends::tun::Config& tun = settings.tun;
  if (ip.addresses.empty()) reader.problem("addresses", "the stack needs an address");
  for (std::size_t i = 0; i < ip.addresses.size(); ++i) {
    const Address& address = ip.addresses[i].address;
    const auto same = [&](const auto& other) { return other.address == address; };
    if (std::any_of(ip.addresses.begin(), ip.addresses.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      reader.problem("addresses", fmt::format("{} is given twice", address.to_string()));
    }
    if (std::any_of(tun.host_addresses.begin(), tun.host_addresses.end(), same)) {
      reader.problem("addresses", fmt::format("{} is the host's address too", address.to_string()));
    }
    if (!address.is_v4() && tun.mtu < kIpv6MtuMin) {
      reader.problem("mtu", fmt::format("mtu {} is too small for IPv6, which needs {}", tun.mtu, kIpv6MtuMin));
    }
  }
  if (tun.name.size() > 15 || tun.name.find_first_of("/: \t%") != std::string::npos) {
    reader.problem("name",
                   fmt::format("{} is not a device name: 1 to 15 letters and digits", config::in_quotes(tun.name)));
  }
  check_gateway(reader, "gatewayV4", ip.gateway_v4, true, settings);
  check_gateway(reader, "gatewayV6", ip.gateway_v6, false, settings);
}

void check_tcp(config::Reader& reader, const Settings& settings) {
  const stack::tcp::Config& tcp = settings.stack.tcp;
  if (tcp.rto_min > tcp.rto_max)
    reader.problem("rtoMin", fmt::format("rtoMin {} is greater than rtoMax {}", config::print_duration(tcp.rto_min),
                                         config::print_duration(tcp.rto_max)));
  if (tcp.rto_initial < tcp.rto_min || tcp.rto_initial > tcp.rto_max) {
    reader.problem("rtoInitial", fmt::format("rtoInitial {} is not between rtoMin {} and rtoMax {}",
                                             config::print_duration(tcp.rto_initial),
                                             config::print_duration(tcp.rto_min), config::print_duration(tcp.rto_max)));
  }
}

/// What no single value shows. Only asked when every single value is good.
void check(config::Reader& reader, const Settings& settings, const config::Problems& problems) {
  reader.look_at("backend", [&](config::Reader& inner) { check_backend(inner, settings); });
  reader.look_at("tcp", [&](config::Reader& inner) { check_tcp(inner, settings); });
  if (settings.endpoints.empty()) reader.problem("endpoints", "there is no endpoint");
  if (!problems.empty()) return;  // Endpoints are only as right as the addresses are.
  reader.look_at("endpoints", [&](config::Reader& inner) { check_endpoints(inner, settings); });
}

void finish(Settings& settings) {
  settings.capacity.connections = settings.stack.tcp.connections_max;
  if (settings.stack.ip.mac.is_zero()) settings.stack.ip.mac = mac_of(settings.stack.ip.addresses.front().address);
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
  tun.host_addresses = {*parse_prefixed<backends::tun::HostAddress>("10.66.0.1/24"),
                        *parse_prefixed<backends::tun::HostAddress>("fd66::1/64")};
  stack.ip.addresses = {*parse_prefixed<stack::ip::InterfaceAddress>("10.66.0.2/24"),
                        *parse_prefixed<stack::ip::InterfaceAddress>("fd66::2/64")};
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

std::vector<stack::tcp::Endpoint> addresses_of(const Endpoint& endpoint, const Settings& settings) {
  std::vector<stack::tcp::Endpoint> addresses;
  if (endpoint.url.host != "*") {
    addresses.push_back({Address::parse(endpoint.url.host).value(), endpoint.url.port});
    return addresses;
  }
  for (const auto& ours : settings.stack.ip.addresses) addresses.push_back({ours.address, endpoint.url.port});
  return addresses;
}

}  // namespace windhover::server::main
