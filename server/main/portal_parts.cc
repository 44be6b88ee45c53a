#include "server/main/portal_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "server/main/system.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using stack::base::SetupError;

using stack::wire::Address;
using stack::wire::MacAddress;

// A network of two, which nobody else sees.
constexpr std::uint32_t kClientAddress = 0x0a420001;  // 10.66.0.1
constexpr std::uint32_t kServerAddress = 0x0a420002;
constexpr std::uint8_t kPrefixLength = 24;
constexpr MacAddress kClientMac{{0x02, 0x57, 0x0a, 0x42, 0x00, 0x01}};
constexpr MacAddress kServerMac{{0x02, 0x57, 0x0a, 0x42, 0x00, 0x02}};

/// What loopback carries in one datagram is bounded by 64 KiB; what is best was measured (tests/bench).
constexpr std::uint16_t kMtu = 8950;
/// Without privilege a socket holds some 200 KiB (net.core.rmem_max). A window that fits loses nothing.
constexpr std::uint32_t kWindowMax = 128 * 1024;
/// Nothing is delayed on loopback for longer, and each connection waits in a port of its own.
constexpr stack::base::Duration kTimeWait = std::chrono::seconds(1);

/// Descriptors of everything but the portal's connections, generously.
constexpr std::uint64_t kOtherFiles = 256;

constexpr std::uint16_t kPort = 8080;
/// Ports after the first that are tried where none was asked for.
constexpr std::uint16_t kPortTries = 32;

stack::ip::Config ip_of(std::uint32_t address, const MacAddress& mac) {
  stack::ip::Config ip;
  ip.addresses = {{Address::v4(address), kPrefixLength}};
  ip.mac = mac;
  ip.accept_ra = false;
  ip.multicast_reports = false;
  return ip;
}

backends::udp::Config udp_of(std::uint32_t vni) {
  backends::udp::Config udp;
  udp.listen = {*Address::parse("127.0.0.1"), 0};
  udp.vni = vni;
  udp.mtu = kMtu;
  udp.super_frames = false;
  return udp;
}

/// Other programs on this machine could send datagrams to our ports; they would have to guess it.
std::uint32_t random_vni() {
  const stack::tcp::Keys keys = random_keys();
  return stack::base::load_be<std::uint32_t>(keys.isn.data()) & stack::wire::kVniMax;
}

/// The server's end of the link, as its lane sees the configuration: one address, and whatever the client stack asks
/// for is the first endpoint's.
Settings settings_at_the_link(const Settings& settings, const stack::ip::Config& ip) {
  Settings at_link = settings;
  at_link.stack.ip = ip;
  at_link.stack.tcp.receive_window = std::min(settings.stack.tcp.receive_window, kWindowMax);
  at_link.endpoints = {{settings.endpoints.front().name, {"http", "*", settings.endpoints.front().url.port}}};
  at_link.proxy.from = {{Address::v4(kClientAddress), 32}};
  return at_link;
}

stack::lane::Config client_config(const Settings& settings) {
  stack::lane::Config config = settings.stack;
  config.ip = ip_of(kClientAddress, kClientMac);
  config.tcp.connections_max = settings.portal.portal.connections_max;
  config.tcp.receive_window = std::min(settings.stack.tcp.receive_window, kWindowMax);
  config.tcp.time_wait = std::min(settings.stack.tcp.time_wait, kTimeWait);
  return config;
}

/// "localhost" is both addresses of that name, "*" every address of this machine.
std::vector<stack::tcp::Endpoint> addresses_named(const config::Url& url) {
  if (url.host == "localhost") return {{*Address::parse("127.0.0.1"), url.port}, {*Address::parse("::1"), url.port}};
  if (url.host == "*") return {{Address::v4(0), url.port}, {Address{}, url.port}};
  return {{Address::parse(url.host).value(), url.port}};
}

}  // namespace

/// The two sockets. The server's lane uses it as a backend.
class PortalParts::Link final : public Backend {
 public:
  explicit Link(const Settings& settings) {
    backends::udp::Config at_server = udp_of(random_vni());
    at_server.transmit_frames = settings.udp.transmit_frames;
    backends::udp::Config at_client = at_server;
    backends::udp::Listener server(at_server);
    backends::udp::Listener client(at_client);
    at_server.peers = {client.local()};
    at_client.peers = {server.local()};
    facts_.kind = "UDP";
    facts_.lanes = plan_lanes({}, {.count_max = 1, .pinned = false}, allowed_cpus());
    facts_.ip = ip_of(kServerAddress, kServerMac);
    facts_.details = fmt::format("VXLAN from {} to {}", server.local().to_string(), client.local().to_string());
    server_ = std::move(server).open(at_server);
    client_ = std::move(client).open(at_client);
    facts_.name = server_.lanes.front()->name();
  }

  stack::link::Device& device(std::size_t) override { return *server_.lanes.front(); }
  int failure(std::size_t) const override { return server_.lanes.front()->failure(); }
  std::size_t memory_size() const override {
    return server_.lanes.front()->memory_size() + client_.lanes.front()->memory_size();
  }
  std::vector<NamedCounter> counters() const override {
    std::vector<NamedCounter> counters;
    for (const auto& end : {std::pair{&server_, "portal.server_end."}, std::pair{&client_, "portal.client_end."}}) {
      const backends::udp::Udp& device = *end.first->lanes.front();
      for (std::size_t i = 0; i < backends::udp::kReasonCount; ++i) {
        const auto reason = static_cast<backends::udp::Reason>(i);
        counters.emplace_back(fmt::format("{}{}", end.second, name(reason)), device.reasons().value(reason));
      }
      counters.emplace_back(fmt::format("{}receive_overruns", end.second), device.overruns());
    }
    return counters;
  }

  backends::udp::Udp& client_device() const { return *client_.lanes.front(); }

 private:
  backends::udp::Opened server_;
  backends::udp::Opened client_;
};

/// The client stack with the portal on it.
class PortalParts::Client final : public portal::Connector {
 public:
  Client(const Settings& settings, const stack::tcp::Keys& keys, stack::link::Device& device)
      : server_{Address::v4(kServerAddress), settings.endpoints.front().url.port},
        stack_(monotonic_now(), client_config(settings), keys, device) {
    const config::Url url = settings.portal.url.value_or(config::Url{"http", "localhost", kPort});
    open(url, settings.portal);
    config::Url bound = url;
    bound.port = portal_->addresses().front().port;
    url_ = config::print_url(bound);
    const std::uint64_t files = raise_file_limit();
    if (files < settings.portal.portal.connections_max + kOtherFiles) {
      notes_.push_back(
          fmt::format("This process may open {} files: too few for portal.connectionsMax {}, the rest waits. "
                      "To raise it: ulimit -Hn.",
                      files, settings.portal.portal.connections_max));
    }
    if (bound.port == url.port) return;
    notes_.push_back(fmt::format("Port {} of {} is taken: the portal is at {} instead. To choose: --set portal.url={}",
                                 url.port, url.host, bound.port, url_));
  }

  stack::tcp::Connection* connect(stack::tcp::Handler& handler) override {
    return stack_.connect(monotonic_now(), server_, handler);
  }

  stack::lane::Stack& stack() { return stack_; }
  portal::Portal& portal() { return *portal_; }
  const std::string& url() const { return url_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  /// A port that was asked for is that or none; where none was, the next free one will do.
  void open(config::Url url, const PortalSettings& settings) {
    for (std::uint16_t tries = 1;; ++tries, ++url.port) {
      try {
        portal_ = std::make_unique<portal::Portal>(settings.portal, addresses_named(url), *this);
        return;
      } catch (const SetupError& error) {
        if (settings.url || error.error() != EADDRINUSE || tries == kPortTries) throw;
      }
    }
  }

  stack::tcp::Endpoint server_;
  // The stack ends first: it tells the portal's connections so.
  std::unique_ptr<portal::Portal> portal_;
  stack::lane::Stack stack_;
  std::string url_;
  std::vector<std::string> notes_;
};

PortalParts::PortalParts(const Settings& settings, const stack::tcp::Keys& keys, http::Responder& responder,
                         bool accompanied)
    : number_{.label = accompanied ? "portal" : ""},
      link_(std::make_unique<Link>(settings)),
      lane_(std::make_unique<LaneParts>(settings_at_the_link(settings, link_->facts().ip), *link_, number_, keys,
                                        responder)),
      client_(std::make_unique<Client>(settings, random_keys(), link_->client_device())) {}

PortalParts::~PortalParts() = default;

Backend& PortalParts::backend() { return *link_; }
LaneParts& PortalParts::lane() { return *lane_; }
stack::lane::Stack& PortalParts::client() { return client_->stack(); }
stack::link::Device& PortalParts::client_device() { return link_->client_device(); }
int PortalParts::client_failure() const { return link_->client_device().failure(); }
portal::Portal& PortalParts::portal() { return client_->portal(); }
const portal::Portal& PortalParts::portal() const { return client_->portal(); }
const std::string& PortalParts::url() const { return client_->url(); }
const std::vector<std::string>& PortalParts::notes() const { return client_->notes(); }

std::size_t PortalParts::memory_size() const {
  return link_->memory_size() + client_->portal().memory_size() + client_->stack().memory_size();
}

}  // namespace windhover::server::main
