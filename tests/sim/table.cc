#include "tests/sim/table.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <vector>

#include "tests/sim/net.h"

namespace windhover::sim {
namespace {

using stack::base::Duration;
using stack::base::Instant;
using stack::tcp::Connection;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint16_t kPort = 8080;
constexpr std::uint64_t kRate = 2'500'000;  // Bytes a second: 20 Mbit/s.
constexpr Duration kLength = seconds(20);
constexpr Duration kFairnessLength = seconds(60);
constexpr std::uint16_t kMtu = 1500;
/// Payload of a full segment, with timestamps, over IPv4.
constexpr double kPayload = kMtu - 20 - 32;

constexpr double kLosses[] = {0, 0.001, 0.01, 0.03, 0.1};
constexpr Duration kRtts[] = {microseconds(100), milliseconds(10), milliseconds(100)};
constexpr std::uint32_t kQueues[] = {16 << 10, 256 << 10};
constexpr double kReorders[] = {0, 0.05};
constexpr std::uint32_t kFlows[] = {2, 4, 8, 16, 32, 64};

/// Sends for as long as it is asked to.
class Source final : public stack::tcp::Handler {
 public:
  explicit Source(stack::base::Slice chunk) : chunk_(std::move(chunk)) {}
  void on_established(Connection& connection) override { fill(connection); }
  void on_data(Connection&, stack::base::Bytes) override {}
  void on_sendable(Connection& connection) override { fill(connection); }
  void on_drained(Connection& connection) override { fill(connection); }
  void on_peer_finished(Connection&) override {}
  void on_timer(Connection& connection) override { fill(connection); }
  void on_closed(Connection&, stack::tcp::CloseReason) override {}

 private:
  /// Looked at so often that no window runs dry in between.
  void fill(Connection& connection) {
    while (connection.unacknowledged() < kQueued && connection.send(chunk_)) continue;
    connection.set_timer(connection.now() + milliseconds(20));
  }

  static constexpr std::size_t kQueued = 2 << 20;
  stack::base::Slice chunk_;
};

/// Counts what arrives.
class Sink final : public stack::tcp::Handler {
 public:
  void on_established(Connection&) override {}
  void on_data(Connection&, stack::base::Bytes bytes) override { received += bytes.size(); }
  void on_sendable(Connection&) override {}
  void on_peer_finished(Connection&) override {}
  void on_timer(Connection&) override {}
  void on_closed(Connection&, stack::tcp::CloseReason) override {}

  std::uint64_t received = 0;
};

class Sinks final : public stack::tcp::Acceptor {
 public:
  stack::tcp::Handler* accept(Connection&) override { return all.emplace_back(std::make_unique<Sink>()).get(); }
  std::vector<std::uint64_t> received() const {
    std::vector<std::uint64_t> each;
    for (const auto& sink : all) each.push_back(sink->received);
    return each;
  }

  std::vector<std::unique_ptr<Sink>> all;
};

NetSetup net_setup(const Path& path) {
  NetSetup setup;
  setup.seed = 1;
  setup.wire.mtu = kMtu;
  setup.wire.transmit_frames = 4096;
  setup.line.line_frames = 4096;
  setup.line.transmit = {.loss = path.loss, .reorder = path.reorder, .delay = path.rtt / 2};
  setup.line.transmit.rate = kRate;
  setup.line.transmit.rate_queue = path.queue;
  setup.line.receive.delay = path.rtt / 2;
  setup.client.connections_max = setup.server.connections_max = 128;
  return setup;
}

double jain(const std::vector<std::uint64_t>& before, const std::vector<std::uint64_t>& after) {
  double sum = 0;
  double squares = 0;
  for (std::size_t at = 0; at < after.size(); ++at) {
    const auto share = static_cast<double>(after[at] - (at < before.size() ? before[at] : 0));
    sum += share;
    squares += share * share;
  }
  return squares == 0 ? 0 : sum * sum / (static_cast<double>(after.size()) * squares);
}

std::string path_name(const Path& path) {
  return fmt::format("RTT {:>5} ms, queue {:>3} KiB, {}", std::chrono::duration<double, std::milli>(path.rtt).count(),
                     path.queue >> 10,
                     path.reorder > 0 ? fmt::format("{:.0f} % reordered", path.reorder * 100) : "in order");
}

}  // namespace

Share measure(const Path& path, std::uint32_t flows) {
  const Duration length = flows > 1 ? kFairnessLength : kLength;
  Sinks sinks;
  std::vector<std::unique_ptr<Source>> sources;
  Net net(net_setup(path));
  net.server().listen({{}, kPort}, sinks);
  const auto chunk = stack::base::copy_to_heap(std::vector<std::uint8_t>(1 << 16, 'w'));
  for (std::uint32_t flow = 0; flow < flows; ++flow) {
    sources.push_back(std::make_unique<Source>(chunk));
    net.client().connect(net.now(), {server_address(false), kPort}, *sources.back());
  }
  const auto run_until = [&](Instant end) { net.drive([&] { return net.now() >= end; }, Instant{} + 2 * length, end); };
  run_until(Instant{} + length / 2);
  const auto before = sinks.received();
  run_until(Instant{} + length);
  const auto after = sinks.received();
  double bytes = 0;
  for (const std::uint64_t each : after) bytes += static_cast<double>(each);
  net.client().stop(net.now());
  net.server().stop(net.now());
  const double most = static_cast<double>(kRate) * kPayload / kMtu * std::chrono::duration<double>(length).count();
  return {bytes / most, jain(before, after)};
}

std::string make_table() {
  std::string text = fmt::format(
      "Goodput of one flow as a percentage of the line's, by loss: {} Mbit/s, MTU {}, {} s, CUBIC, selective\n"
      "acknowledgements, timestamps. One side sends; loss, reordering and the queue are in its direction.\n\n",
      kRate * 8 / 1'000'000, kMtu, kLength / seconds(1));
  text += fmt::format("{:<42}", "");
  for (const double loss : kLosses) text += fmt::format("{:>8}", fmt::format("{:g} %", loss * 100));
  text += "\n";
  for (const Duration rtt : kRtts) {
    for (const std::uint32_t queue : kQueues) {
      for (const double reorder : kReorders) {
        text += fmt::format("{:<42}", path_name({0, reorder, rtt, queue}));
        for (const double loss : kLosses) {
          text += fmt::format("{:>8.1f}", 100 * measure({loss, reorder, rtt, queue}, 1).goodput);
        }
        text += "\n";
      }
    }
  }
  text += fmt::format(
      "\nFlows beside each other, RTT 10 ms, queue 64 KiB, {} s: goodput of all, and Jain's index over the "
      "second half.\n\n{:>8}{:>10}{:>10}\n",
      kFairnessLength / seconds(1), "flows", "goodput", "fairness");
  for (const std::uint32_t flows : kFlows) {
    const Share share = measure({0, 0, milliseconds(10), 64 << 10}, flows);
    text += fmt::format("{:>8}{:>10.1f}{:>10.3f}\n", flows, 100 * share.goodput, share.fairness);
  }
  return text;
}

}  // namespace windhover::sim
