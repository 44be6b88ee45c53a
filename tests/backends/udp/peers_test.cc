#include "backends/udp/peers.h"

#include <gtest/gtest.h>

#include <string>

namespace windhover::backends::udp {
namespace {

using namespace std::chrono_literals;
using stack::base::Instant;
using stack::wire::Address;
using stack::wire::Endpoint;
using stack::wire::MacAddress;

constexpr stack::base::SipKey kKey{1, 2, 3};
constexpr Instant kStart{1h};

Endpoint at(const std::string& address, std::uint16_t port) { return {*Address::parse(address), port}; }

TEST(PeersTest, peer_is_known_by_its_address_whatever_port_it_speaks_from) {
  Peers peers(2, 0, kKey);
  peers.add(at("192.0.2.1", 4789), false);
  peers.add(at("2001:db8::1", 8472), true);
  EXPECT_EQ(peers.find(at("192.0.2.1", 50000)), PeerIndex{0});
  EXPECT_EQ(peers.find(at("2001:db8::1", 1)), PeerIndex{1});
  EXPECT_TRUE(peers[1].accept_partial);
  EXPECT_FALSE(peers.find(at("192.0.2.2", 4789)));
}

TEST(PeersTest, among_peers_at_one_address_a_port_of_its_own_decides_and_else_the_first_is_it) {
  Peers peers(3, 0, kKey);
  peers.add(at("127.0.0.1", 1001), false);
  peers.add(at("127.0.0.1", 1002), false);
  peers.add(at("127.0.0.1", 1003), false);
  EXPECT_EQ(peers.find(at("127.0.0.1", 1002)), PeerIndex{1});
  EXPECT_EQ(peers.find(at("127.0.0.1", 1003)), PeerIndex{2});
  EXPECT_EQ(peers.find(at("127.0.0.1", 40000)), PeerIndex{0});
}

TEST(PeersTest, peer_that_is_given_twice_is_one) {
  Peers peers(2, 0, kKey);
  peers.add(at("192.0.2.1", 4789), false);
  peers.add(at("192.0.2.1", 4789), false);
  EXPECT_EQ(peers.size(), 1u);
}

TEST(PeersTest, learnt_peer_gives_way_once_it_has_been_silent_for_long_enough) {
  Peers peers(1, 2, kKey);
  peers.add(at("192.0.2.1", 4789), false);
  EXPECT_EQ(peers.learn(at("10.0.0.1", 4789), false, kStart).index, PeerIndex{1});
  EXPECT_EQ(peers.learn(at("10.0.0.2", 4789), true, kStart + 1s).index, PeerIndex{2});
  EXPECT_TRUE(peers[2].learnt);

  const auto early = peers.learn(at("10.0.0.3", 4789), false, kStart + Peers::kSilence - 1ns);
  EXPECT_FALSE(early.index);
  EXPECT_FALSE(peers.find(at("10.0.0.3", 4789)));

  const auto late = peers.learn(at("10.0.0.3", 4789), false, kStart + Peers::kSilence);
  EXPECT_EQ(late.index, PeerIndex{1});
  EXPECT_TRUE(late.replaced);
  EXPECT_FALSE(peers.find(at("10.0.0.1", 4789)));
  EXPECT_EQ(peers.find(at("10.0.0.3", 4789)), PeerIndex{1});
  EXPECT_EQ(peers.find(at("10.0.0.2", 4789)), PeerIndex{2});
}

TEST(PeersTest, learnt_peer_that_speaks_stays) {
  Peers peers(0, 1, kKey);
  EXPECT_EQ(peers.learn(at("10.0.0.1", 4789), false, kStart).index, PeerIndex{0});
  EXPECT_FALSE(peers.learn(at("10.0.0.2", 4789), false, kStart + 1s).index);
  peers.hear(0, kStart + 200s);
  EXPECT_FALSE(peers.learn(at("10.0.0.2", 4789), false, kStart + Peers::kSilence).index);
  EXPECT_FALSE(peers.learn(at("10.0.0.2", 4789), false, kStart + 200s + Peers::kSilence - 1ns).index);
  EXPECT_TRUE(peers.learn(at("10.0.0.2", 4789), false, kStart + 200s + Peers::kSilence).index);
}

TEST(PeersTest, configured_peer_never_gives_way) {
  Peers peers(1, 0, kKey);
  peers.add(at("192.0.2.1", 4789), false);
  EXPECT_FALSE(peers.learn(at("10.0.0.1", 4789), false, kStart + 1000h).index);
  EXPECT_TRUE(peers.find(at("192.0.2.1", 4789)));
}

MacAddress station(std::uint32_t number) {
  MacAddress mac{{0x02, 0x57}};
  stack::base::store_be(&mac.octets[2], number);
  return mac;
}

TEST(StationsTest, station_is_behind_the_peer_that_it_was_last_heard_from) {
  Stations stations(kKey);
  EXPECT_FALSE(stations.find(station(1)));
  stations.learn(station(1), 7);
  stations.learn(station(2), 8);
  EXPECT_EQ(stations.find(station(1)), PeerIndex{7});
  stations.learn(station(1), 9);
  EXPECT_EQ(stations.find(station(1)), PeerIndex{9});
  EXPECT_EQ(stations.find(station(2)), PeerIndex{8});
}

TEST(StationsTest, group_addresses_and_zero_are_nobody) {
  Stations stations(kKey);
  for (const MacAddress& mac : {stack::wire::kBroadcast, MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, MacAddress{}}) {
    stations.learn(mac, 3);
    EXPECT_FALSE(stations.find(mac)) << mac.to_string();
  }
}

TEST(StationsTest, stations_behind_a_peer_that_is_gone_are_forgotten) {
  Stations stations(kKey);
  stations.learn(station(1), 7);
  stations.learn(station(2), 8);
  stations.forget(7);
  EXPECT_FALSE(stations.find(station(1)));
  EXPECT_EQ(stations.find(station(2)), PeerIndex{8});
}

TEST(StationsTest, more_stations_than_there_is_room_for_push_out_others_and_nothing_else) {
  Stations stations(kKey);
  constexpr std::uint32_t kMany = 4 * Stations::kSets * Stations::kWays;
  for (std::uint32_t number = 0; number < kMany; ++number) {
    stations.learn(station(number), static_cast<PeerIndex>(number % 1000));
    ASSERT_EQ(stations.find(station(number)), static_cast<PeerIndex>(number % 1000));
  }
  std::size_t kept = 0;
  for (std::uint32_t number = 0; number < kMany; ++number) {
    const auto peer = stations.find(station(number));
    if (!peer) continue;
    ++kept;
    EXPECT_EQ(*peer, number % 1000);
  }
  EXPECT_LE(kept, Stations::kSets * Stations::kWays);
  EXPECT_GT(kept, Stations::kSets * Stations::kWays / 2);
}

}  // namespace
}  // namespace windhover::backends::udp
