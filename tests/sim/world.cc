#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace windhover::sim {
namespace {

using backends::impair::Random;
using stack::base::Duration;
using stack::base::Event;
using stack::base::Instant;
using stack::link::Burst;
using stack::link::Device;
using stack::tcp::CloseReason;
using stack::tcp::Connection;

constexpr std::uint16_t kPort = 8080;
/// No honest run lasts longer: the largest time-out is some minutes of back-off.
constexpr Duration kLongest = std::chrono::hours(4);
/// Rounds in which nothing moves although something is due.
constexpr int kStuckMax = 1000;

stack::wire::Address address(bool ipv6, std::string_view v4, std::string_view v6) {
  return stack::wire::Address::parse(ipv6 ? v6 : v4).value();
}

stack::lane::Config lane_config(const Scenario& scenario, const stack::tcp::Config& tcp, bool server) {
  stack::lane::Config config;
  const auto own =
      server ? address(scenario.ipv6, "10.0.0.2", "fd00::2") : address(scenario.ipv6, "10.0.0.1", "fd00::1");
  config.ip.addresses.push_back({own, static_cast<std::uint8_t>(scenario.ipv6 ? 64 : 24)});
  config.ip.mac = stack::wire::MacAddress::parse(server ? "02:00:00:00:00:02" : "02:00:00:00:00:01").value();
  config.ip.dad_transmits = 0;  // The first connection does not wait.
  config.tcp = tcp;
  return config;
}

stack::tcp::Keys keys_for(std::uint64_t seed) {
  Random random(seed);
  stack::tcp::Keys keys;
  for (auto* key : {&keys.flow_hash, &keys.isn, &keys.timestamps, &keys.syn_cookies}) {
    for (std::uint8_t& byte : *key) byte = static_cast<std::uint8_t>(random.next());
  }
  return keys;
}

/// One stack and its device, and the frames that the device would not take yet.
struct Side {
  Side(Instant now, const stack::lane::Config& config, const stack::tcp::Keys& keys, Device& device_in)
      : device(device_in), stack(now, config, keys, device_in) {}

  /// One round of the lane's loop. Returns whether anything moved.
  bool turn(Instant now) {
    bool moved = device.receive(arrived) > 0;
    stack.input(now, arrived);
    stack.advance(now);
    stack.output(now, leaving);
    const std::size_t taken = device.transmit(leaving.frames());
    leaving.drop_front(taken);
    device.flush();
    return moved || taken > 0;
  }

  Device& device;
  stack::lane::Stack stack;
  Burst arrived;
  Burst leaving;
};

class World final : public stack::tcp::Acceptor {
 public:
  World(const Scenario& scenario, const Watch& watch)
      : scenario_(scenario),
        watch_(watch),
        random_(scenario.seed ^ 0x51),
        pair_(scenario.wire),
        line_(pair_.first(), scenario.line, [this] { return now_; }) {
    Device* client_device = &line_;
    if (!watch.pcap_path.empty()) {
      pcap_.emplace(line_, backends::pcap::WriterConfig{.path = watch.pcap_path}, [this] { return now_; });
      client_device = &*pcap_;
    }
    client_.emplace(now_, lane_config(scenario, scenario.client, false), keys_for(scenario.seed), *client_device);
    server_.emplace(now_, lane_config(scenario, scenario.server, true), keys_for(scenario.seed + 1), pair_.second());
    server_->stack.listen({{}, kPort}, *this);
  }

  stack::tcp::Handler* accept(Connection& connection) override {
    // The client's port tells which pair this is: ports are given out in order.
    const std::uint16_t port = connection.info().remote.port;
    const auto found = std::find_if(ends_.begin(), ends_.end(), [&](const Ends& ends) { return ends.port == port; });
    if (found == ends_.end() || found->accepted) {
      violate("a connection that nobody opened");
      return nullptr;
    }
    found->accepted = true;
    return found->server.get();
  }

  Outcome run() {
    open_all();
    drive([this] { return all_closed(); });
    check_streams();
    if (scenario_.wire.medium == stack::link::Medium::kIp) {
      drive([this] {
        return server_->stack.next_deadline() == stack::base::kNever &&
               client_->stack.next_deadline() == stack::base::kNever;
      });
    }
    settle();
    check_nothing_is_left();
    return outcome_;
  }

 private:
  struct Ends {
    std::unique_ptr<Application> client;
    std::unique_ptr<Application> server;
    std::uint16_t port = 0;
    bool accepted = false;
  };

  void violate(std::string text) {
    if (outcome_.violation.empty()) outcome_.violation = std::move(text);
  }

  Behaviour behaviour(std::uint64_t send_key, std::uint64_t receive_key) {
    Behaviour result{.send_key = send_key, .send_size = 0, .receive_key = receive_key};
    if (scenario_.bytes_max > 0) result.send_size = random_.below(scenario_.bytes_max + 1);
    if (random_.chance(scenario_.abort_chance)) result.abort_after = 1 + random_.below(scenario_.bytes_max + 1);
    result.pause_chance = scenario_.pause_chance;
    return result;
  }

  Trace tracer(std::string_view who, std::uint32_t number) const {
    if (!watch_.trace) return {};
    return [who, number](Instant at, const std::string& event) {
      fmt::print("{:12.6f} {} {}: {}\n", std::chrono::duration<double>(at - Instant{}).count(), who, number, event);
    };
  }

  void open_all() {
    const stack::tcp::Endpoint remote{address(scenario_.ipv6, "10.0.0.2", "fd00::2"), kPort};
    for (std::uint32_t at = 0; at < scenario_.connections; ++at) {
      const std::uint64_t up = random_.next();
      const std::uint64_t down = random_.next();
      Behaviour ours = behaviour(up, down);
      Behaviour theirs = behaviour(down, up);
      ours.shutdown_waits = random_.chance(0.3);
      theirs.shutdown_waits = !ours.shutdown_waits && random_.chance(0.5);
      Ends ends{std::make_unique<Application>(ours, random_.next(), tracer("client", at)),
                std::make_unique<Application>(theirs, random_.next(), tracer("server", at)), 0, false};
      Connection* const connection = client_->stack.connect(now_, remote, *ends.client);
      if (connection == nullptr) return violate("connect() found no way");
      ends.port = connection->info().local.port;
      ends_.push_back(std::move(ends));
    }
  }

  /// One round on both sides. Returns whether anything moved.
  bool turn() {
    const bool client_moved = client_->turn(now_);
    return server_->turn(now_) || client_moved;
  }

  Instant next_event() const {
    return std::min({client_->stack.next_deadline(), server_->stack.next_deadline(), line_.next_deadline()});
  }

  template <typename Done>
  void drive(Done&& done) {
    int stuck = 0;
    while (outcome_.violation.empty() && !done()) {
      if (turn()) {
        stuck = 0;
        continue;
      }
      const Instant next = next_event();
      if (next == stack::base::kNever && done()) return;
      if (next == stack::base::kNever) {
        return violate(fmt::format("nothing will ever happen again: {} and {} connections, {} and {} frames to leave",
                                   client_->stack.connection_count(), server_->stack.connection_count(),
                                   client_->leaving.size(), server_->leaving.size()));
      }
      if (next <= now_ && ++stuck > kStuckMax) return violate("stuck: something is due and nothing moves");
      now_ = std::max(next, next <= now_ ? now_ + std::chrono::microseconds(100) : next);
      if (now_ - Instant{} > kLongest) return violate("it does not end");
      for (const Ends& ends : ends_) {
        for (const Application* end : {ends.client.get(), ends.server.get()}) {
          if (!end->violation().empty()) return violate(end->violation());
        }
      }
    }
  }

  bool all_closed() const { return client_->stack.connection_count() == 0 && server_->stack.connection_count() == 0; }

  /// Lets what is on the line arrive and be dropped.
  void settle() {
    drive([this] {
      return line_.next_deadline() == stack::base::kNever && client_->leaving.empty() && server_->leaving.empty();
    });
    while (turn()) continue;
  }

  void check_end(const Application& end, const Application& other, std::string_view who) {
    if (!end.violation().empty()) violate(std::string(who) + ": " + end.violation());
    if (end.received() > other.sent()) violate(std::string(who) + " received more than was sent");
    if (end.peer_finished() && end.received() != other.behaviour().send_size)
      violate(std::string(who) + " was told of an end too early");
    outcome_.bytes += end.received();
    if (end.closed() && end.reason() == CloseReason::kFinished) {
      ++outcome_.finished;
      if (!end.peer_finished()) violate(std::string(who) + " finished without the peer's end");
    } else {
      ++outcome_.other;
    }
  }

  void check_streams() {
    for (const Ends& ends : ends_) {
      if (!ends.client->closed()) violate("a client that was never told of its end");
      if (ends.accepted && !ends.server->closed()) violate("a server end that was never told of its end");
      check_end(*ends.client, *ends.server, "client");
      if (ends.accepted) check_end(*ends.server, *ends.client, "server");
    }
  }

  void check_side(Side& side, std::string_view who) {
    const auto& counters = side.stack.counters();
    const std::uint64_t ended =
        counters.value(Event::kFramesConsumed) + counters.value(Event::kFramesPassed) + counters.received_dropped();
    if (counters.value(Event::kFramesIn) != ended) {
      violate(
          fmt::format("{}: {} frames came in and {} were accounted for", who, counters.value(Event::kFramesIn), ended));
    }
    if (side.stack.connection_count() != 0) violate(fmt::format("{}: connections left", who));
    outcome_.segments += counters.value(Event::kTcpSegmentsOut);
    outcome_.retransmitted += counters.value(Event::kTcpRetransmitted);
  }

  void check_nothing_is_left() {
    if (!outcome_.violation.empty()) return;
    check_side(*client_, "client");
    check_side(*server_, "server");
    outcome_.virtual_time = now_ - Instant{};
    client_->stack.stop(now_);
    for (Device* device : {&pair_.first(), &pair_.second()}) {
      const auto& arena = device->arena();
      if (arena.free_count() + (scenario_.wire.medium == stack::link::Medium::kEthernet ? 16 : 0) <
          arena.shape().frame_count) {
        violate(fmt::format("{} frames are missing", arena.shape().frame_count - arena.free_count()));
      }
    }
  }

  const Scenario& scenario_;
  const Watch& watch_;
  Random random_;
  Instant now_{};
  backends::memory::Pair pair_;
  backends::impair::Impair line_;
  std::optional<backends::pcap::Pcap> pcap_;
  std::vector<Ends> ends_;
  std::optional<Side> client_;
  std::optional<Side> server_;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Scenario& scenario, const Watch& watch) { return World(scenario, watch).run(); }

}  // namespace windhover::sim
