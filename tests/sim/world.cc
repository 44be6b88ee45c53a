#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "server/http/server.h"
#include "tests/sim/exchange.h"
#include "tests/sim/net.h"

namespace windhover::sim {
namespace {

using backends::impair::Random;
using stack::base::Duration;
using stack::base::Event;
using stack::base::Instant;
using stack::tcp::CloseReason;
using stack::tcp::Connection;

constexpr std::uint16_t kPort = 8080;
constexpr std::uint16_t kLibraryPort = 8081;
/// No honest run lasts longer: the largest time-out is some minutes of back-off.
constexpr Duration kLongest = std::chrono::hours(4);
/// Nor any other: a liar may keep a connection at the largest time-out to its end.
constexpr Duration kLongestOfLiar = std::chrono::hours(24);
/// Frames that an Ethernet device may still hold when all has ended: those that wait for a neighbour.
constexpr std::size_t kWaitingFramesMax = 16;

NetSetup net_setup(const Scenario& scenario, const Watch& watch) {
  return {.seed = scenario.seed,
          .ipv6 = scenario.ipv6,
          .wire = scenario.wire,
          .line = scenario.line,
          .client = scenario.client,
          .server = scenario.server,
          .lies = scenario.lies,
          .pcap_path = watch.pcap_path};
}

/// The library's server has to give up readers whose line is dead, or whose acknowledgements are lies.
server::http::Limits library_limits() {
  server::http::Limits limits;
  limits.min_response_data_rate.bytes_per_second = 0;
  return limits;
}

class World final : public stack::tcp::Acceptor {
 public:
  World(const Scenario& scenario, const Watch& watch)
      : scenario_(scenario),
        watch_(watch),
        random_(scenario.seed ^ 0x51),
        http_(library_limits(), {.connections = 64, .small_buffers = 64, .large_buffers = 4}, library_, Duration{}),
        net_(net_setup(scenario, watch)) {
    net_.server().listen({{}, kPort}, *this);
    net_.server().listen({{}, kLibraryPort}, http_);
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
    drive([this] { return has_addresses(); });
    open_all();
    drive([this] { return all_closed() && flap_ == Flap::kOver; });
    check_streams();
    check_readers();
    if (scenario_.wire.medium == stack::link::Medium::kIp) {
      drive([this] {
        return net_.server().next_deadline() == stack::base::kNever &&
               net_.client().next_deadline() == stack::base::kNever;
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
  /// Where the flap of the server's address stands.
  enum class Flap : std::uint8_t { kComing, kAway, kOver };

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

  Connection* connect(std::uint16_t port, stack::tcp::Handler& handler) {
    Connection* const connection = net_.client().connect(net_.now(), {server_address(scenario_.ipv6), port}, handler);
    if (connection == nullptr) violate("connect() found no way");
    return connection;
  }

  /// Both sides have made sure that their addresses are their own.
  bool has_addresses() {
    const auto usable = stack::ip::AddressState::kUsable;
    return net_.client().address_state(client_address(scenario_.ipv6)) == usable &&
           net_.server().address_state(server_address(scenario_.ipv6)) == usable;
  }

  void open_all() {
    for (std::uint32_t at = 0; at < scenario_.connections; ++at) {
      const std::uint64_t up = random_.next();
      const std::uint64_t down = random_.next();
      Behaviour ours = behaviour(up, down);
      Behaviour theirs = behaviour(down, up);
      ours.shutdown_waits = random_.chance(0.3);
      theirs.shutdown_waits = !ours.shutdown_waits && random_.chance(0.5);
      Ends ends{std::make_unique<Application>(ours, random_.next(), tracer("client", at)),
                std::make_unique<Application>(theirs, random_.next(), tracer("server", at)), 0, false};
      const Connection* const connection = connect(kPort, *ends.client);
      if (connection == nullptr) return;
      ends.port = connection->info().local.port;
      ends_.push_back(std::move(ends));
    }
    for (std::uint32_t at = 0; at < scenario_.readers; ++at) {
      readers_.push_back(std::make_unique<Reader>(scenario_.requests, random_.next()));
      if (connect(kLibraryPort, *readers_.back()) == nullptr) return;
    }
  }

  /// Takes the server's address away, and gives it back, when the time has come. Returns when that is next.
  Instant flap() {
    const auto address = server_address(scenario_.ipv6);
    if (flap_ == Flap::kComing && net_.now() >= scenario_.flap_from) {
      flap_ = Flap::kAway;
      net_.server().withdraw(net_.now(), address);
    }
    if (flap_ == Flap::kAway && net_.now() >= scenario_.flap_until) {
      flap_ = Flap::kOver;
      net_.server().restore(net_.now(), address);
    }
    if (scenario_.flap_from == stack::base::kNever) flap_ = Flap::kOver;
    if (flap_ == Flap::kOver) return stack::base::kNever;
    return flap_ == Flap::kComing ? scenario_.flap_from : scenario_.flap_until;
  }

  template <typename Done>
  void drive(Done&& done) {
    for (Instant due = flap(); outcome_.violation.empty(); due = flap()) {
      const auto halt = [&] { return done() || net_.now() >= due || find_violation(); };
      const auto ending = net_.drive(halt, Instant{} + (scenario_.lies.any() ? kLongestOfLiar : kLongest), due);
      if (ending == Net::Ending::kTooLate) return violate("it does not end");
      if (ending == Net::Ending::kStuck) return violate("stuck: something is due and nothing moves");
      if (ending == Net::Ending::kNeverAgain) {
        return violate(fmt::format("nothing will ever happen again: {} and {} connections",
                                   net_.client().connection_count(), net_.server().connection_count()));
      }
      if (done()) return;
    }
  }

  bool find_violation() {
    for (const Ends& ends : ends_) {
      for (const Application* end : {ends.client.get(), ends.server.get()}) {
        if (!end->violation().empty()) violate(end->violation());
      }
    }
    for (const auto& reader : readers_) {
      if (!reader->violation().empty()) violate(reader->violation());
    }
    return !outcome_.violation.empty();
  }

  bool all_closed() { return net_.client().connection_count() == 0 && net_.server().connection_count() == 0; }

  /// Lets what is on the line arrive and be dropped.
  void settle() {
    drive([this] { return net_.is_quiet(); });
    while (net_.turn()) continue;
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

  void check_readers() {
    for (const auto& reader : readers_) {
      if (!reader->closed()) violate("a reader that was never told of its end");
      ++(reader->finished() ? outcome_.finished : outcome_.other);
      outcome_.bytes += reader->bytes();
      outcome_.answers += reader->answers();
    }
    if (http_.connection_count() != 0) violate("the HTTP server has connections left");
  }

  void check_side(stack::lane::Stack& side, std::string_view who) {
    const auto& counters = side.counters();
    const std::uint64_t ended =
        counters.value(Event::kFramesConsumed) + counters.value(Event::kFramesPassed) + counters.received_dropped();
    if (counters.value(Event::kFramesIn) != ended) {
      violate(
          fmt::format("{}: {} frames came in and {} were accounted for", who, counters.value(Event::kFramesIn), ended));
    }
    if (side.connection_count() != 0) violate(fmt::format("{}: connections left", who));
    outcome_.segments += counters.value(Event::kTcpSegmentsOut);
    outcome_.retransmitted += counters.value(Event::kTcpRetransmitted);
  }

  void check_nothing_is_left() {
    if (!outcome_.violation.empty()) return;
    check_side(net_.client(), "client");
    check_side(net_.server(), "server");
    outcome_.virtual_time = net_.now() - Instant{};
    net_.client().stop(net_.now());
    const bool ethernet = scenario_.wire.medium == stack::link::Medium::kEthernet;
    for (stack::link::Device* device : {&net_.pair().first(), &net_.pair().second()}) {
      const auto& arena = device->arena();
      if (arena.free_count() + (ethernet ? kWaitingFramesMax : 0) < arena.shape().frame_count) {
        violate(fmt::format("{} frames are missing", arena.shape().frame_count - arena.free_count()));
      }
    }
  }

  const Scenario& scenario_;
  const Watch& watch_;
  Random random_;
  std::vector<Ends> ends_;
  std::vector<std::unique_ptr<Reader>> readers_;
  Flap flap_ = Flap::kComing;
  Library library_;
  server::http::Server http_;
  Net net_;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Scenario& scenario, const Watch& watch) { return World(scenario, watch).run(); }

}  // namespace windhover::sim
