// A connection whose data is acknowledged vouches for its next hop (RFC 4861 7.3.1): no question interrupts it.

#include <gtest/gtest.h>

#include "stack/wire/ethernet.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {
namespace {

/// Sends a byte with every tick of its timer.
class Ticking final : public tcp::Handler {
 public:
  void on_established(tcp::Connection& connection) override { on_timer(connection); }
  void on_data(tcp::Connection&, base::Bytes bytes) override { received += bytes.size(); }
  void on_sendable(tcp::Connection&) override {}
  void on_peer_finished(tcp::Connection&) override {}
  void on_timer(tcp::Connection& connection) override {
    if (!speaks) return;
    connection.send(base::as_bytes("x"));
    connection.set_timer(connection.now() + 1s);
  }
  void on_closed(tcp::Connection&, tcp::CloseReason reason) override { closed = reason; }

  std::size_t received = 0;
  std::optional<tcp::CloseReason> closed;
  bool speaks = true;
};

class ForwardProgress : public testing::Test {
 protected:
  static backends::memory::Config ethernet() {
    backends::memory::Config config;
    config.medium = link::Medium::kEthernet;
    return config;
  }

  /// As TwoStacks::run(), on a wire that loses every ARP frame.
  void run_without_arp(base::Duration longest) {
    const base::Instant end = both.now + longest;
    while (both.now <= end) {
      const bool client_moved = step(both.client, both.pair.first());
      const bool server_moved = step(both.server, both.pair.second());
      if (client_moved || server_moved) continue;
      const base::Instant next = std::min(both.client.next_deadline(), both.server.next_deadline());
      both.now = std::max(next, both.now + 1us);
    }
    both.now = end;
  }

  bool step(Stack& stack, link::Device& device) {
    const bool arrived = device.receive(burst) > 0;
    stack.input(both.now, burst);
    stack.advance(both.now);
    stack.output(both.now, burst);
    const bool leaves = !burst.empty();
    for (link::Frame& frame : burst.frames()) {
      const bool arp = wire::EthernetView::parse(frame.bytes())->ether_type() == wire::EtherType::kArp;
      asked += arp;
      if (!arp) device.transmit({&frame, 1});
    }
    burst.clear();
    return arrived || leaves;
  }

  Ticking client;
  Ticking server;
  OneHandler acceptor{server};
  TwoStacks both{ethernet()};
  link::Burst burst;
  std::size_t asked = 0;
};

TEST_F(ForwardProgress, speaking_connection_asks_nobody) {
  both.server.listen({kServerAddress, 80}, acceptor);
  both.client.connect(both.now, {kServerAddress, 80}, client);
  both.run(10s);  // Announced, asked and answered.
  ASSERT_EQ(server.received, 11U);
  run_without_arp(300s);
  EXPECT_EQ(asked, 0U);
  EXPECT_EQ(server.received, 311U);
  EXPECT_EQ(client.received, 311U);
}

TEST_F(ForwardProgress, one_that_only_listens_has_no_progress_to_tell_of) {
  server.speaks = false;
  both.server.listen({kServerAddress, 80}, acceptor);
  both.client.connect(both.now, {kServerAddress, 80}, client);
  both.run(10s);
  run_without_arp(60s);
  EXPECT_GT(asked, 0U);
}

}  // namespace
}  // namespace windhover::stack::lane::test
