// Connections while the address they are at comes and goes, and while nobody answers for the next hop.

#include <gtest/gtest.h>

#include "stack/wire/ethernet.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {
namespace {

backends::memory::Config ethernet() {
  backends::memory::Config config;
  config.medium = link::Medium::kEthernet;
  return config;
}

class AddressFlap : public testing::Test {
 protected:
  /// Streams both ways, stopped in the middle.
  void begin() {
    both.server.listen({kServerAddress, 80}, acceptor);
    both.client.connect(both.now, {kServerAddress, 80}, client);
    while (server.received < kSize / 2 || client.received < kSize / 2) {
      both.step(both.client, both.pair.first());
      both.step(both.server, both.pair.second());
    }
  }

  static constexpr std::uint64_t kSize = 3'000'000;
  Streamer client{kSize, true};
  Streamer server{kSize, true};
  OneHandler acceptor{server};
  TwoStacks both{ethernet()};
};

TEST_F(AddressFlap, connection_goes_on_when_its_address_comes_back) {
  begin();
  both.server.withdraw(both.now, kServerAddress);
  EXPECT_EQ(both.server.address_state(kServerAddress), ip::AddressState::kWithdrawn);
  const std::uint64_t received = server.received;
  both.run(3s);
  EXPECT_EQ(server.received, received);
  EXPECT_LT(client.received, kSize);  // It has what was on its way.
  EXPECT_EQ(both.server.connection_count(), 1U);
  EXPECT_GT(both.server.counters().value(base::Drop::kAddressNotUsable) +
                both.server.counters().value(base::Drop::kIpNotForUs),
            0U);
  both.server.restore(both.now, kServerAddress);
  both.run(600s);
  EXPECT_EQ(client.received + server.received, 2 * kSize);
  EXPECT_TRUE(client.intact && server.intact);
  EXPECT_EQ(client.closed, tcp::CloseReason::kFinished);
  EXPECT_EQ(server.closed, tcp::CloseReason::kFinished);
}

TEST_F(AddressFlap, connection_ends_as_timed_out_when_it_stays_away) {
  begin();
  both.server.withdraw(both.now, kServerAddress);
  both.run(2h);
  EXPECT_EQ(server.closed, tcp::CloseReason::kTimedOut);
  EXPECT_EQ(client.closed, tcp::CloseReason::kTimedOut);
  EXPECT_EQ(both.server.connection_count(), 0U);
}

}  // namespace
}  // namespace windhover::stack::lane::test
