#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>
#include <string_view>
#include <utility>

#include "backends/host/file.h"
#include "backends/tun/tun.h"
#include "backends/udp/udp.h"
#include "backends/xdp/plan.h"
#include "server/main/doctor.h"
#include "server/main/system.h"

#if WINDHOVER_WITH_XDP
#include "backends/xdp/xdp.h"
#endif
#if WINDHOVER_WITH_TUN
#include "backends/tun/queue.h"
#endif

namespace windhover::server::main {
namespace {

namespace xdp = backends::xdp;
using backends::host::Interface;
using stack::base::SetupError;

constexpr std::pair<xdp::Mode, std::string_view> kModes[] = {{xdp::Mode::kZeroCopy, "AF_XDP zero-copy"},
                                                             {xdp::Mode::kNativeCopy, "AF_XDP native copy"},
                                                             {xdp::Mode::kGeneric, "AF_XDP generic"}};

constexpr std::pair<int, std::string_view> kCapabilities[] = {
    {CAP_NET_RAW, "NET_RAW"}, {CAP_NET_ADMIN, "NET_ADMIN"}, {CAP_BPF, "BPF"}, {CAP_IPC_LOCK, "IPC_LOCK"}};

Rung try_rung(std::string_view name, Rung::Verdict good, const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const SetupError& error) {
    return {std::string(name), Rung::Verdict::kRefused, error};
  }
  return {std::string(name), good, {}};
}

#if WINDHOVER_WITH_XDP
/// What every AF_XDP mode needs, whatever the interface.
void load_only() {
  const backends::host::File socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) {
    const bool forbidden = errno == EPERM || errno == EACCES;
    throw SetupError("socket(AF_XDP)", errno,
                     forbidden ? "Run as root or with CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM)."
                               : "This kernel has no AF_XDP (CONFIG_XDP_SOCKETS), or a sandbox forbids it.");
  }
  const xdp::Program program{xdp::Steering{}};
}

/// As a server with one lane on queue 0 would, with no address and no port of ours.
void open_mode(const Interface& interface, xdp::Mode mode) {
  xdp::Config config;
  config.interface = interface.name;
  config.mode = mode;
  config.queue_count = 1;
  xdp::open(config, interface, {}, {}, {xdp::LanePlace{}});
}

std::optional<xdp::Plan> plan(Interface interface) {
  interface.up = true;
  std::vector<std::string> ignored;
  try {
    return xdp::make_plan({}, interface, 1, ignored);
  } catch (const SetupError&) {
    return {};
  }
}

#else
void load_only() {
  throw SetupError("AF_XDP is not built into this program", 0, "Build it with -DWINDHOVER_WITH_XDP=ON (Linux).");
}
void open_mode(const Interface&, xdp::Mode) { load_only(); }
std::optional<xdp::Plan> plan(const Interface&) { return {}; }
#endif

#if WINDHOVER_WITH_TUN
/// The device that the default configuration names, which an owner may have prepared; where a server is using it,
/// another.
void open_tun() {
  const auto open = [](const std::string& name) {
    std::vector<std::string> ignored;
    backends::tun::open_queue({.name = name}, ignored);
  };
  try {
    open(backends::tun::Config{}.name);
  } catch (const SetupError& error) {
    if (error.error() != EBUSY) throw;
    open("whd" + std::to_string(getpid()));
  }
}

#else
void open_tun() {
  throw SetupError("TUN is not built into this program", 0, "Build it with -DWINDHOVER_WITH_TUN=ON (Linux).");
}
#endif

Interface describe(const std::string& interface) {
#if WINDHOVER_WITH_NETLINK
  return backends::host::query_interface(interface);
#else
  throw SetupError("look at " + interface, ENOTSUP, "This program was built without a type that has an interface.");
#endif
}

/// What the portal and type udp take.
void open_udp() {
  backends::udp::Config config;
  config.listen = {*stack::wire::Address::parse("127.0.0.1"), 0};
  const backends::udp::Listener listener(config);
}

template <typename T>
std::optional<T> read_number(const std::string& path) {
  T value{};
  std::ifstream file(path);
  if (!(file >> value)) return {};
  return value;
}

/// The value of "Key:\tvalue" in /proc/self/status.
std::string status(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key) || line.size() <= key.size() + 2 || line[key.size()] != ':') continue;
    return line.substr(key.size() + 2);
  }
  return {};
}

Machine examine_machine() {
  Machine machine;
  utsname system{};
  uname(&system);
  machine.kernel = system.release;
  for (const auto& [capability, name] : kCapabilities)
    machine.capabilities.push_back({std::string(name), has_capability(capability)});
  // It stands for NET_ADMIN and BPF here, as it did before Linux 5.8.
  if (has_capability(CAP_SYS_ADMIN)) machine.capabilities.push_back({"SYS_ADMIN", true});
  machine.locks_without_limit = has_capability(CAP_IPC_LOCK);
  machine.unprivileged_bpf_disabled = read_number<int>("/proc/sys/kernel/unprivileged_bpf_disabled");
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    machine.locked_memory_limit = limit.rlim_cur;
  const std::string pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  machine.huge_pages = read_number<std::uint64_t>(pages + "nr_hugepages").value_or(0);
  machine.huge_pages_free = read_number<std::uint64_t>(pages + "free_hugepages").value_or(0);
  machine.cpus = status("Cpus_allowed_list");
  machine.cpu_count = parse_cpu_list(machine.cpus).size();
  std::string nodes;
  std::getline(std::ifstream("/sys/devices/system/node/online"), nodes);
  machine.numa_node_count = std::max<std::size_t>(parse_cpu_list(nodes).size(), 1);
  return machine;
}

}  // namespace

Diagnosis examine(const std::optional<std::string>& interface) {
  Diagnosis diagnosis;
  if (interface) diagnosis.interface = describe(*interface);
  for (const auto& [mode, name] : kModes) {
    diagnosis.rungs.push_back(
        diagnosis.interface ? try_rung(name, Rung::Verdict::kAllowed,
                                       [&, tried = mode] { open_mode(*diagnosis.interface, tried); })
                            : try_rung(name, Rung::Verdict::kUntried, load_only));
  }
  diagnosis.rungs.push_back(try_rung("TUN", Rung::Verdict::kAllowed, open_tun));
  diagnosis.rungs.push_back(try_rung("UDP and the portal", Rung::Verdict::kAllowed, open_udp));
  diagnosis.machine = examine_machine();
  if (diagnosis.interface) diagnosis.plan = plan(*diagnosis.interface);
  return diagnosis;
}

}  // namespace windhover::server::main
