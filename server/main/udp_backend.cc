#include <fmt/format.h>

#include "backends/udp/udp.h"
#include "server/main/backend.h"
#include "server/main/settings_formats.h"
#include "server/main/system.h"

namespace windhover::server::main {
namespace {

/// As many peers are named in the line that describes the device.
constexpr std::size_t kPeersNamed = 4;

class UdpBackend final : public Backend {
 public:
  explicit UdpBackend(const Settings& settings) {
    facts_.kind = "UDP";
    facts_.lanes = plan_lanes(settings.lane, {.count_max = 1, .pinned = false}, allowed_cpus());
    facts_.ip = settings.stack.ip;
    opened_ = backends::udp::open(settings.udp, facts_.lanes.cpus.size());
    facts_.name = opened_.lanes.front()->name();
    facts_.notes = opened_.notes;
    facts_.details = fmt::format("VNI {} on {}, {}; receive buffer {} KiB", settings.udp.vni, opened_.local.to_string(),
                                 others(settings.udp), opened_.receive_buffer / 1024);
  }

  stack::link::Device& device(std::size_t lane) override { return *opened_.lanes[lane]; }
  int failure(std::size_t lane) const override { return opened_.lanes[lane]->failure(); }
  std::size_t memory_size() const override {
    std::size_t sum = 0;
    for (const auto& lane : opened_.lanes) sum += lane->memory_size();
    return sum;
  }
  std::vector<NamedCounter> counters() const override {
    std::vector<NamedCounter> counters;
    for (std::size_t i = 0; i < backends::udp::kReasonCount; ++i) {
      const auto reason = static_cast<backends::udp::Reason>(i);
      std::uint64_t sum = 0;
      for (const auto& lane : opened_.lanes) sum += lane->reasons().value(reason);
      counters.emplace_back(name(reason), sum);
    }
    std::uint64_t overruns = 0;
    for (const auto& lane : opened_.lanes) overruns += lane->overruns();
    counters.emplace_back("vxlan.receive_overruns", overruns);
    return counters;
  }

 private:
  static std::string others(const backends::udp::Config& udp) {
    std::string text;
    const std::size_t count = udp.peers.size();
    for (std::size_t i = 0; i < std::min(count, kPeersNamed); ++i)
      text += fmt::format("{}{}", i == 0 ? "peers " : ", ", udp.peers[i].to_string());
    if (count > kPeersNamed) text += fmt::format(" and {} more", count - kPeersNamed);
    for (std::size_t i = 0; i < udp.learn_from.size(); ++i)
      text += fmt::format("{}{}",
                          i > 0       ? ", "
                          : count > 0 ? ", and any from "
                                      : "peers any from ",
                          print_prefixed(udp.learn_from[i]));
    return text;
  }

  backends::udp::Opened opened_;
};

}  // namespace

std::unique_ptr<Backend> open_udp_backend(const Settings& settings) { return std::make_unique<UdpBackend>(settings); }

}  // namespace windhover::server::main
