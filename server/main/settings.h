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
#include "server/config/reader.h"
#include "server/files/site.h"
#include "server/http/limits.h"
#include "server/http/server.h"
#include "stack/lane/lane.h"
#include "stack/lane/stack.h"

namespace windhover::server::main {

/// Where the server listens: "http://*:8080".
struct Endpoint {
  std::string name;
  config::Url url;
};

/// The lane's thread.
struct LaneSettings {
  std::optional<std::uint32_t> cpu;  ///< The thread runs only there.
  stack::lane::LoopConfig loop;
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
  backends::tun::Config tun;
  stack::lane::Config stack;
  LaneSettings lane;
  Capture capture;
  backends::impair::Config impair;
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

/// The endpoint's addresses and port on the stack: one for each of the stack's addresses when the host is "*".
std::vector<stack::tcp::Endpoint> addresses_of(const Endpoint& endpoint, const Settings& settings);

/// The text of config/tun.json, built in.
extern const std::string_view kBuiltInConfig;

}  // namespace windhover::server::main
