// Two stacks that talk through UDP sockets on loopback, each behind a bad line of its own: every byte arrives, both
// ways. In real time, because the sockets are real.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "backends/impair/impair.h"
#include "backends/udp/udp.h"
#include "stack/lane/lane.h"
#include "stack/lane/stack.h"

namespace windhover::backends::udp {
namespace {

using namespace std::chrono_literals;
using stack::base::Bytes;
using stack::base::Instant;
using stack::wire::Address;
namespace lane = stack::lane;
namespace tcp = stack::tcp;

constexpr std::uint16_t kPort = 80;
constexpr std::uint64_t kSize = 4 << 20;
constexpr auto kPatience = 60s;

Instant now() { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }

/// The same everywhere, and different at neighbouring places and multiples of any frame's size.
std::uint8_t pattern(std::uint64_t at) { return static_cast<std::uint8_t>(at * 2654435761U >> 13); }

/// Sends the pattern, and expects it.
class Talker final : public tcp::Acceptor, public tcp::Handler {
 public:
  tcp::Handler* accept(tcp::Connection& /*connection*/) override { return this; }
  void on_established(tcp::Connection& connection) override { fill(connection); }
  void on_sendable(tcp::Connection& connection) override { fill(connection); }
  void on_data(tcp::Connection& /*connection*/, Bytes bytes) override {
    for (const std::uint8_t byte : bytes) right_ &= byte == pattern(received_++);
  }
  void on_peer_finished(tcp::Connection& /*connection*/) override { finished_ = true; }
  void on_timer(tcp::Connection& /*connection*/) override {}
  void on_closed(tcp::Connection& /*connection*/, tcp::CloseReason why) override { closed_ = why; }

  bool right() const { return right_ && received_ == kSize && finished_; }
  std::uint64_t received() const { return received_; }
  std::optional<tcp::CloseReason> closed() const { return closed_; }

 private:
  void fill(tcp::Connection& connection) {
    std::array<std::uint8_t, 4096> chunk;
    while (sent_ < kSize) {
      for (std::size_t at = 0; at < chunk.size(); ++at) chunk[at] = pattern(sent_ + at);
      const Bytes next = Bytes(chunk).first(std::min<std::uint64_t>(chunk.size(), kSize - sent_));
      const std::size_t taken = connection.send(next);
      sent_ += taken;
      if (taken < next.size()) return;
    }
    connection.shutdown();
  }

  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool right_ = true;
  bool finished_ = false;
  std::optional<tcp::CloseReason> closed_;
};

lane::Config config_of(const char* address, std::uint8_t station) {
  lane::Config config;
  config.ip.addresses = {{Address::parse(address).value(), 24}};
  config.ip.mac = {{0x02, 0, 0, 0, 0, station}};
  config.tcp.connections_max = 16;
  config.tcp.send_blocks = 4096;
  config.tcp.send_entries = 4096;
  config.tcp.reassembly_blocks = 4096;
  config.tcp.time_wait_max = 16;
  config.tcp.time_wait = 10ms;
  return config;
}

impair::Config bad_line(std::uint64_t seed) {
  const impair::Profile profile{.loss = 0.02, .duplicate = 0.01, .reorder = 0.02};
  return {.seed = seed, .transmit = profile, .receive = {}};
}

TEST(UdpTwoStacksTest, every_byte_arrives_both_ways_over_lines_that_lose_repeat_and_reorder) {
  Config first_config{.listen = {*Address::parse("127.0.0.1"), 0}, .vni = 42};
  Config second_config = first_config;
  Listener first_listener(first_config);
  Listener second_listener(second_config);
  first_config.peers = {second_listener.local()};
  second_config.peers = {first_listener.local()};
  const Opened first = std::move(first_listener).open(first_config);
  const Opened second = std::move(second_listener).open(second_config);
  impair::Impair first_line(*first.lanes[0], bad_line(1), &now);
  impair::Impair second_line(*second.lanes[0], bad_line(2), &now);

  Talker served;
  Talker asked;
  lane::Stack server(now(), config_of("10.0.0.1", 1), {}, first_line);
  lane::Stack client(now(), config_of("10.0.0.2", 2), {}, second_line);
  lane::Loop server_loop(server, first_line, {.spin_max = {}});
  lane::Loop client_loop(client, second_line, {.spin_max = {}});
  server.listen({{}, kPort}, served);

  const Instant begin = now();
  const auto turn = [&] {
    const bool moved = server_loop.turn(now());
    if (!client_loop.turn(now()) && !moved) second_line.wait(100us, -1);
    return now() - begin < kPatience;
  };
  while (client.connect(now(), {*Address::parse("10.0.0.1"), kPort}, asked) == nullptr && turn()) {
  }
  while (!(asked.closed() && served.closed()) && turn()) {
  }
  EXPECT_TRUE(asked.right()) << asked.received();
  EXPECT_TRUE(served.right()) << served.received();
  EXPECT_GT(first_line.transmit_stats().lost, 0u);
  EXPECT_GT(first_line.transmit_stats().duplicated, 0u);
  EXPECT_GT(first_line.transmit_stats().reordered, 0u);
  EXPECT_EQ(first.lanes[0]->stats().received_dropped + second.lanes[0]->stats().received_dropped, 0u);
  EXPECT_EQ(first.lanes[0]->failure() + second.lanes[0]->failure(), 0);
  server.stop(now());
  client.stop(now());
}

}  // namespace
}  // namespace windhover::backends::udp
