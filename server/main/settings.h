#pragma once
// Everything that an operator can say, put together from the rooms' own structs, and where it is read from.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/impair/impair.h"
#include "backends/pcap/writer.h"
#include "backends/tun/tun.h"
#include "backends/udp/config.h"
#include "backends/xdp/config.h"
#include "server/config/reader.h"
#include "server/files/site.h"
#include "server/http/limits.h"
#include "server/http/proxy_protocol.h"
#include "server/http/server.h"
#include "server/main/endpoint.h"
#include "server/main/log.h"
#include "server/portal/portal.h"
#include "stack/lane/lane.h"
#include "stack/lane/stack.h"

namespace windhover::server::main {

/// kAuto: the best of the ladder (ladder.h).
enum class BackendType : std::uint8_t { kAuto, kTun, kUdp, kXdp };

inline constexpr std::uint32_t kLanesMax = 64;

/// The portal (portal_parts.h).
struct PortalSettings {
  enum class Mode : std::uint8_t { kAuto, kOn, kOff };
  Mode mode = Mode::kAuto;           ///< kAuto: with backend.type auto.
  std::optional<config::Url> url{};  ///< Nothing: http://localhost:8080, or the next port that is free.
  portal::Config portal{};
};

/// The lanes' threads.
struct LaneSettings {
  std::optional<std::uint32_t> count{};              ///< Nothing: as the backend suggests (lane_plan.h).
  std::optional<std::vector<std::uint32_t>> cpus{};  ///< Where lane i runs. Empty: anywhere. Nothing: as suggested.
  stack::lane::LoopConfig loop{};
  std::uint32_t mailbox_size = 1024 * 1024;  ///< Of each ordered pair of lanes, in bytes.
};

/// A capture of everything that the stack sends and receives.
struct Capture {
  std::optional<std::string> file;
  backends::pcap::WriterConfig writer;
};

/// Default-constructed, it is what `{}` as a configuration file means.
struct Settings {
  Settings();

  std::vector<Endpoint> endpoints;
  files::SiteConfig files;
  http::Limits limits;
  http::Capacity capacity;  ///< `connections` follows tcp.connections_max.
  http::ProxyProtocol proxy;
  PortalSettings portal;
  BackendType backend = BackendType::kAuto;
  backends::tun::Config tun;
  backends::udp::Config udp;
  backends::xdp::Config xdp;
  std::vector<stack::wire::Address> service_addresses;  ///< With xdp: reached only inside of tunnels.
  stack::lane::Config stack;                            ///< No address, with xdp: those of the interface, shared.
  bool addresses_given = false;                         ///< The stack's are not a type's default.
  LaneSettings lane;
  LogLevel log_level = LogLevel::kInfo;
  Capture capture;
  backends::impair::Config impair;

  /// The host keeps its addresses, and gives us only TCP to the endpoints' ports.
  bool shares_addresses() const { return backend == BackendType::kXdp && stack.ip.addresses.empty(); }
  /// With auto that is known once a step has been found.
  bool may_share_addresses() const {
    return backend == BackendType::kAuto && !xdp.interface.empty() && !addresses_given;
  }
  bool wants_portal() const {
    return portal.mode == PortalSettings::Mode::kAuto ? backend == BackendType::kAuto
                                                      : portal.mode == PortalSettings::Mode::kOn;
  }
};

/// Where settings come from; what is later in this list wins.
struct SettingsSources {
  std::optional<std::filesystem::path> file;  ///< Nothing: the configuration that is built in.
  const char* const* environment = nullptr;   ///< As environ; nullptr for none.
  std::vector<std::string> set;               ///< The arguments of --set, in order.
  std::optional<std::string> root;            ///< The argument of --root.
};

/// Reads, overrides and checks. On any problem the settings returned are not to be used.
Settings load_settings(const SettingsSources& sources, config::Problems& problems);

/// Names every key to `reader`: fills `settings` from a document, or describes it.
void read(config::Reader& reader, Settings& settings);

/// The text of config/default.json, built in.
extern const std::string_view kBuiltInConfig;

}  // namespace windhover::server::main
