#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "backends/host/monitor.h"
#include "backends/xdp/xdp.h"
#include "server/main/backend.h"
#include "server/main/system.h"
#include "server/main/xdp_addresses.h"
#include "server/main/xdp_changes.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

using backends::host::Interface;
using backends::xdp::Mode;
using stack::base::SetupError;

/// Duplicate address detection takes a second or two; what is not ready then is said.
constexpr int kAddressTries = 60;
constexpr std::chrono::milliseconds kAddressPause{50};

/// By name, before the kernel's plain EPERM. CAP_SYS_ADMIN stands for the other two, as it did before Linux 5.8.
void require_capabilities(const std::string& interface) {
  const bool admin = has_capability(CAP_SYS_ADMIN);
  std::string missing;
  const auto require = [&](bool held, std::string_view name) {
    if (!held) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", name);
  };
  require(has_capability(CAP_NET_RAW), "CAP_NET_RAW");
  require(has_capability(CAP_NET_ADMIN) || admin, "CAP_NET_ADMIN");
  require(has_capability(CAP_BPF) || admin, "CAP_BPF");
  if (missing.empty()) return;
  throw SetupError(fmt::format("AF_XDP on {} without {}", interface, missing), EPERM,
                   "Run as root, or give the program what it needs: setcap "
                   "cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock+ep PATH/windhover. All are dropped again before the "
                   "first request.");
}

/// With its addresses ready for use, as far as that comes soon. Link-local ones are not waited for: a fresh interface
/// has them much later than what an operator gave it.
Interface ready_interface(const std::string& name) {
  for (int tries = 1;; ++tries) {
    Interface interface = backends::host::query_interface(name);
    const bool ready = std::none_of(interface.addresses.begin(), interface.addresses.end(), [](const auto& assigned) {
      return assigned.tentative && !assigned.address.is_link_local();
    });
    if (ready || tries == kAddressTries) return interface;
    std::this_thread::sleep_for(kAddressPause);
  }
}

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::kZeroCopy:
      return "native mode without a copy";
    case Mode::kNativeCopy:
      return "native mode with a copy";
    case Mode::kGeneric:
      return "generic mode";
    case Mode::kAuto:
      break;
  }
  return "";
}

class XdpBackend final : public Backend {
 public:
  explicit XdpBackend(const Settings& settings)
      : interface_(ready_interface(settings.xdp.interface)), shared_(settings.shares_addresses()) {
    XdpAddresses addresses = plan_xdp_addresses(settings, interface_);
    const std::uint32_t queues = std::min(settings.xdp.queue_count.value_or(interface_.receive_queues), kLanesMax);
    facts_.name = interface_.name;
    facts_.kind = "AF_XDP";
    facts_.lanes = plan_lanes(settings.lane, {.count_max = queues, .pinned = true}, allowed_cpus(interface_.numa_node));
    facts_.ip = addresses.ip;
    std::vector<backends::xdp::LanePlace> places;
    for (const auto& cpu : facts_.lanes.cpus) places.push_back({cpu});
    opened_ = backends::xdp::open(settings.xdp, interface_, addresses.steering, addresses.groups, places);
    facts_.notes = std::move(addresses.notes);
    facts_.notes.insert(facts_.notes.end(), opened_.notes.begin(), opened_.notes.end());
    facts_.details = details();
    monitor_.emplace(interface_);
  }

  stack::link::Device& device(std::size_t lane) override { return *opened_.lanes[lane]; }
  int failure(std::size_t lane) const override { return opened_.lanes[lane]->failure(); }
  void stop_receiving() override { opened_.program->detach(); }
  std::size_t memory_size() const override {
    std::size_t sum = 0;
    for (const auto& lane : opened_.lanes) sum += lane->memory_size();
    return sum;
  }
  std::vector<NamedCounter> counters() const override;

  int changes_fd() const override { return monitor_->fd(); }
  Changes take_changes() override {
    Changes told;
    for (const backends::host::Change& change : monitor_->read()) {
      std::string text = consequence_of(change, interface_, facts_.ip, shared_);
      if (!text.empty()) told.sentences.push_back(std::move(text));
      told.link_up |= change.kind == backends::host::Change::Kind::kCarrier;
    }
    return told;
  }

 private:
  std::string details() const {
    return fmt::format("{} on {} queue{}{}; addresses {}", name_of(opened_.mode), opened_.queue_count,
                       opened_.queue_count == 1 ? "" : "s",
                       interface_.driver.empty() ? "" : fmt::format(" of {}", interface_.driver),
                       shared_ ? "shared with the host" : "of its own");
  }

  Interface interface_;
  bool shared_;
  backends::xdp::Opened opened_;
  std::optional<backends::host::Monitor> monitor_;
};

std::vector<NamedCounter> XdpBackend::counters() const {
  backends::xdp::SocketStatistics sum;
  for (const auto& lane : opened_.lanes) {
    const backends::xdp::SocketStatistics each = lane->socket_statistics();
    sum.rx_dropped += each.rx_dropped;
    sum.rx_invalid += each.rx_invalid;
    sum.tx_invalid += each.tx_invalid;
    sum.rx_ring_full += each.rx_ring_full;
    sum.rx_fill_empty += each.rx_fill_empty;
  }
  const backends::xdp::ProgramStatistics program = opened_.program->statistics();
  return {{"xdp.rx_dropped", sum.rx_dropped},       {"xdp.rx_invalid", sum.rx_invalid},
          {"xdp.tx_invalid", sum.tx_invalid},       {"xdp.rx_ring_full", sum.rx_ring_full},
          {"xdp.rx_fill_empty", sum.rx_fill_empty}, {"program.rx_packets", program.rx_packets},
          {"program.rx_bytes", program.rx_bytes},   {"program.redirected", program.redirected},
          {"program.passed", program.passed},       {"program.dropped", program.dropped},
          {"program.malformed", program.malformed}, {"program.decapsulated", program.decapsulated},
          {"program.no_socket", program.no_socket}};
}

}  // namespace

std::unique_ptr<Backend> open_xdp_backend(const Settings& settings) {
  require_capabilities(settings.xdp.interface);
  return std::make_unique<XdpBackend>(settings);
}

}  // namespace windhover::server::main
