#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include "backends/impair/random.h"

namespace windhover::sim {
namespace {

using backends::impair::Profile;
using backends::impair::Random;
using stack::base::Instant;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

template <typename T, std::size_t kCount>
T pick(Random& random, const T (&choices)[kCount]) {
  return choices[random.below(kCount)];
}

Profile make_profile(Random& random) {
  Profile profile;
  profile.loss = pick(random, {0.0, 0.0, 0.001, 0.01, 0.05, 0.1});
  profile.duplicate = pick(random, {0.0, 0.0, 0.01, 0.05});
  profile.reorder = pick(random, {0.0, 0.0, 0.02, 0.2});
  profile.corrupt = pick(random, {0.0, 0.0, 0.001, 0.02});
  profile.delay = microseconds(pick(random, {0, 50, 1000, 20000, 100000}));
  profile.jitter = profile.delay / static_cast<int>(pick(random, {2, 10, 1000}));
  profile.rate = pick(random, {0ULL, 0ULL, 125'000'000ULL, 1'250'000ULL});
  return profile;
}

stack::tcp::Config make_tcp(Random& random) {
  stack::tcp::Config config;
  config.connections_max = 64;
  config.backlog = 64;
  config.time_wait_max = 64;
  config.send_blocks = pick(random, {32U, 256U, 1024U});
  config.send_entries = pick(random, {64U, 1024U, 4096U});
  config.reassembly_blocks = pick(random, {32U, 256U, 1024U});
  config.receive_window = pick(random, {4096U, 65535U, 524288U});
  config.send_buffer = pick(random, {2000U, 65536U, 262144U});
  config.congestion_control =
      pick(random, {stack::tcp::CongestionControl::kNewReno, stack::tcp::CongestionControl::kCubic});
  config.timestamps = random.chance(0.8);
  config.sack = random.chance(0.8);
  config.keep_alive_idle = seconds(20);  // Whoever loses its peer must notice, or nothing would ever end.
  return config;
}

Lies make_lies(Random& random) {
  Lies lies;
  const double often = pick(random, {0.01, 0.1, 0.5});
  for (double* const lie : {&lies.stale_ack, &lies.shrunk_window, &lies.wild_sack, &lies.split_options}) {
    if (random.chance(0.5)) *lie = often;
  }
  if (random.chance(0.2)) lies.early_ack = 0.01;
  return lies;
}

}  // namespace

Scenario make_scenario(std::uint64_t seed) {
  Random random(seed);
  Scenario scenario;
  scenario.seed = seed;
  scenario.wire.medium = pick(random, {stack::link::Medium::kIp, stack::link::Medium::kEthernet});
  scenario.wire.mtu = pick(random, {std::uint16_t{1280}, std::uint16_t{1500}, std::uint16_t{9000}});
  scenario.wire.partial_checksum = random.chance(0.5);
  scenario.wire.gso = random.chance(0.4);
  scenario.wire.gather = random.chance(0.5);
  scenario.wire.ring_frames = pick(random, {16U, 256U});
  scenario.ipv6 = random.chance(0.3);
  scenario.line.seed = random.next();
  scenario.line.transmit = make_profile(random);
  scenario.line.receive = make_profile(random);
  scenario.has_cut = random.chance(0.1);
  if (scenario.has_cut) {
    const Instant from{milliseconds(random.below(2000))};
    scenario.line.transmit.cut_from = scenario.line.receive.cut_from = from;
    const Instant until = from + seconds(pick(random, {1, 10, 2000}));
    scenario.line.transmit.cut_until = scenario.line.receive.cut_until = until;
  }
  scenario.client = make_tcp(random);
  scenario.server = make_tcp(random);
  scenario.connections = pick(random, {1U, 2U, 8U, 32U});
  scenario.bytes_max = pick(random, {0ULL, 1ULL, 3000ULL, 100'000ULL, 400'000ULL}) / (scenario.connections > 2 ? 4 : 1);
  scenario.abort_chance = pick(random, {0.0, 0.0, 0.1});
  scenario.pause_chance = pick(random, {0.0, 0.0, 0.05});
  if (random.chance(0.15)) scenario.lies = make_lies(random);
  if (random.chance(0.25)) {
    scenario.readers = pick(random, {1U, 4U, 16U});
    scenario.requests = pick(random, {1U, 20U, 200U});
  }
  if (random.chance(0.05)) {
    scenario.flap_from = Instant{milliseconds(random.below(2000))};
    scenario.flap_until = scenario.flap_from + seconds(pick(random, {1, 10}));
  }
  if (random.chance(0.1)) scenario.server.active_max = pick(random, {6U, 16U});
  return scenario;
}

std::string Scenario::describe() const {
  const auto side = [](const Profile& profile) {
    return fmt::format("loss {} dup {} reorder {} corrupt {} delay {}us rate {}", profile.loss, profile.duplicate,
                       profile.reorder, profile.corrupt, profile.delay / microseconds(1), profile.rate);
  };
  return fmt::format("seed {}: {} {} mtu {}{}{}{} | > {} | < {}{} | {} connections, up to {} bytes each way{}{}{}{}",
                     seed, wire.medium == stack::link::Medium::kIp ? "ip" : "ethernet", ipv6 ? "v6" : "v4", wire.mtu,
                     wire.partial_checksum ? " csum" : "", wire.gso ? " gso" : "", wire.gather ? " gather" : "",
                     side(line.transmit), side(line.receive), has_cut ? " cut" : "", connections, bytes_max,
                     readers > 0 ? fmt::format(", {} readers of {}", readers, requests) : "",
                     lies.any() ? ", lies" : "", flap_from != stack::base::kNever ? ", flap" : "",
                     server.active_max > 0 ? fmt::format(", {} of them busy at once", server.active_max) : "");
}

}  // namespace windhover::sim
