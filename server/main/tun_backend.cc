#include "backends/tun/tun.h"
#include "server/main/backend.h"
#include "server/main/system.h"

namespace windhover::server::main {
namespace {

class TunBackend final : public Backend {
 public:
  explicit TunBackend(const Settings& settings) {
    facts_.name = settings.tun.name;
    facts_.kind = settings.tun.layer == backends::tun::Layer::kIp ? "TUN" : "TAP";
    facts_.lanes = plan_lanes(settings.lane, {.count_max = 1, .pinned = false}, allowed_cpus());
    facts_.ip = settings.stack.ip;
    opened_ = backends::tun::open(settings.tun, facts_.lanes.cpus.size());
    facts_.notes = opened_.notes;
  }

  stack::link::Device& device(std::size_t lane) override { return *opened_.queues[lane]; }
  int failure(std::size_t lane) const override { return opened_.queues[lane]->failure(); }
  std::size_t memory_size() const override {
    std::size_t sum = 0;
    for (const auto& queue : opened_.queues) sum += queue->memory_size();
    return sum;
  }

 private:
  backends::tun::Opened opened_;
};

}  // namespace

std::unique_ptr<Backend> open_tun_backend(const Settings& settings) { return std::make_unique<TunBackend>(settings); }

}  // namespace windhover::server::main
