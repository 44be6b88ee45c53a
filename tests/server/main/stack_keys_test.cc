#include "server/main/stack_keys.h"

#include <gtest/gtest.h>

#include "backends/memory/pair.h"
#include "server/main/settings.h"
#include "stack/lane/stack.h"

namespace windhover::server::main {
namespace {

using config::Duration;
using stack::tcp::EcnMode;
using stack::tcp::PathProbing;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

/// What comes of the built-in configuration with these overrides.
class StackKeysTest : public testing::Test {
 protected:
  stack::lane::Config load(std::vector<std::string> set) {
    config::Problems problems;
    const Settings settings = load_settings({{}, nullptr, std::move(set), {}}, problems);
    complaints_ = problems.lines();
    return settings.stack;
  }

  /// The one complaint about `key` with `value`, without where it stands; empty when there is not exactly one.
  std::string complaint(const std::string& key, const std::string& value) {
    load({key + "=" + value});
    if (complaints_.size() != 1) return {};
    const std::string& line = complaints_.front();
    const std::size_t pointer = line.find(": /");
    return line.substr(line.find(": ", pointer + 1) + 2);
  }

  Lines complaints_;
};

TEST_F(StackKeysTest, WithoutAWord_TheRoomsDefaultsHold) {
  const stack::lane::Config config = load({});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(config.tcp.half_open_max, stack::tcp::Config().half_open_max);
  EXPECT_EQ(config.tcp.fin_wait_2, seconds(60));
  EXPECT_EQ(config.ip.accept_ra, std::nullopt);
  EXPECT_EQ(config.ip.reassembly_memory, stack::ip::Config().reassembly_memory);
}

TEST_F(StackKeysTest, TcpHasWhatIsSaid) {
  const auto config =
      load({"tcp.activeMax=1000", "tcp.halfOpenMax=100", "tcp.synCookies=false", "tcp.connectionsPerSourceMax=8",
            "tcp.receiveWindowInitial=32KiB", "tcp.sendBufferInitial=16KiB", "tcp.recorderTapes=0", "tcp.ecn=ask",
            "tcp.pathProbing=always", "tcp.retransmissionTimeMax=100s", "tcp.userTimeout=20s", "tcp.finWait2=5s"});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(config.tcp.active_max, 1000U);
  EXPECT_EQ(config.tcp.half_open_max, 100U);
  EXPECT_FALSE(config.tcp.syn_cookies);
  EXPECT_EQ(config.tcp.connections_per_source_max, 8U);
  EXPECT_EQ(config.tcp.receive_window_initial, 32U * 1024);
  EXPECT_EQ(config.tcp.send_buffer_initial, 16U * 1024);
  EXPECT_EQ(config.tcp.recorder_tapes, 0U);
  EXPECT_EQ(config.tcp.ecn, EcnMode::kAsk);
  EXPECT_EQ(config.tcp.path_probing, PathProbing::kAlways);
  EXPECT_EQ(config.tcp.retransmission_time_max, seconds(100));
  EXPECT_EQ(config.tcp.user_timeout, seconds(20));
  EXPECT_EQ(config.tcp.fin_wait_2, seconds(5));
}

TEST_F(StackKeysTest, IpAndUdpHaveWhatIsSaid) {
  const auto config = load({"ip.dadTransmits=0", "ip.arpProbes=3", "ip.announcements=1", "ip.acceptRa=on",
                            "ip.multicastReports=false", "ip.icmpErrorInterval=0s", "ip.reassemblyMemory=512KiB",
                            "ip.reassemblyPacketsMax=4", "ip.reassemblyFragmentsMax=64", "udp.socketsMax=0"});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(config.ip.dad_transmits, 0U);
  EXPECT_EQ(config.ip.arp_probes, 3U);
  EXPECT_EQ(config.ip.announcements, 1U);
  EXPECT_EQ(config.ip.accept_ra, true);
  EXPECT_FALSE(config.ip.multicast_reports);
  EXPECT_EQ(config.ip.icmp_error_interval, Duration(0));
  EXPECT_EQ(config.ip.reassembly_memory, 512U * 1024);
  EXPECT_EQ(config.ip.reassembly_packets_max, 4U);
  EXPECT_EQ(config.ip.reassembly_fragments_max, 64U);
  EXPECT_EQ(config.udp.sockets_max, 0U);
  EXPECT_EQ(load({"ip.acceptRa=off"}).ip.accept_ra, false);
  EXPECT_EQ(load({"ip.acceptRa=auto"}).ip.accept_ra, std::nullopt);
}

TEST_F(StackKeysTest, AValueThatCannotBe_IsRefusedWithItsRange) {
  EXPECT_EQ(complaint("tcp.halfOpenMax", "0"), "0 is out of range: 1 to 16777216");
  EXPECT_EQ(complaint("tcp.connectionsPerSourceMax", "16777217"), "16777217 is out of range: 0 to 16777216");
  EXPECT_EQ(complaint("tcp.recorderTapes", "1048577"), "1048577 is out of range: 0 to 1048576");
  EXPECT_EQ(complaint("tcp.receiveWindowInitial", "1KiB"), R"("1KiB" is out of range: 4KiB to 64MiB)");
  EXPECT_EQ(complaint("tcp.sendBufferInitial", "65MiB"), R"("65MiB" is out of range: 4KiB to 64MiB)");
  EXPECT_EQ(complaint("tcp.retransmissionTimeMax", "1ms"), R"("1ms" is out of range: 1s to 1d)");
  EXPECT_EQ(complaint("tcp.userTimeout", "25h"), R"("25h" is out of range: 0s to 1d)");
  EXPECT_EQ(complaint("tcp.finWait2", "0s"), R"("0s" is out of range: 1ms to 1h)");
  EXPECT_EQ(complaint("tcp.ecn", "on"), R"("on" is not one of "off", "accept", "ask")");
  EXPECT_EQ(complaint("tcp.pathProbing", "maybe"), R"("maybe" is not one of "off", "blackHole", "always")");
  EXPECT_EQ(complaint("ip.dadTransmits", "11"), "11 is out of range: 0 to 10");
  EXPECT_EQ(complaint("ip.arpProbes", "-1"), "-1 is out of range: 0 to 10");
  EXPECT_EQ(complaint("ip.acceptRa", "yes"), R"("yes" is not one of "auto", "on", "off")");
  EXPECT_EQ(complaint("ip.reassemblyMemory", "511KiB"), R"("511KiB" is out of range: 512KiB to 16GiB)");
  EXPECT_EQ(complaint("ip.reassemblyPacketsMax", "3"), "3 is out of range: 4 to 65536");
  EXPECT_EQ(complaint("ip.icmpErrorInterval", "2h"), R"("2h" is out of range: 0s to 1h)");
  EXPECT_EQ(complaint("udp.socketsMax", "4097"), "4097 is out of range: 0 to 4096");
}

TEST_F(StackKeysTest, WhatTheKeysAllow_TheRoomsTake) {
  backends::memory::Pair pair({});
  for (const Lines& bounds :
       {Lines{"ip.neighboursMax=1",
              "ip.neighbourQueueMax=1",
              "ip.dadTransmits=0",
              "ip.announcements=0",
              "ip.reassemblyMemory=512KiB",
              "ip.reassemblyPacketsMax=4",
              "ip.reassemblyFragmentsMax=1",
              "ip.icmpErrorsPerSecond=0",
              "ip.icmpErrorInterval=0s",
              "udp.socketsMax=0",
              "tcp.connectionsMax=1",
              "tcp.activeMax=0",
              "tcp.backlog=1",
              "tcp.halfOpenMax=1",
              "tcp.timeWaitMax=1",
              "tcp.recorderTapes=0",
              "tcp.sendBlocks=64",
              "tcp.sendEntries=64",
              "tcp.reassemblyBlocks=64",
              "tcp.receiveWindowInitial=4KiB",
              "tcp.sendBufferInitial=4KiB",
              "tcp.synRetransmissionsMax=0"},
        Lines{"ip.neighboursMax=16384", "ip.neighbourQueueMax=1024", "ip.dadTransmits=10", "ip.arpProbes=10",
              "ip.announcements=10", "ip.reassemblyPacketsMax=65536", "ip.reassemblyFragmentsMax=65536",
              "ip.icmpErrorsPerSecond=1000000", "udp.socketsMax=4096", "tcp.connectionsPerSourceMax=16777216",
              "tcp.retransmissionsMax=100", "tcp.synRetransmissionsMax=100", "tcp.receiveWindowInitial=64MiB"}}) {
    const stack::lane::Config config = load(bounds);
    EXPECT_EQ(complaints_, Lines{});
    const stack::lane::Stack stack(stack::base::Instant(seconds(1)), config, {}, pair.first());
    EXPECT_GT(stack.memory_size(), 0U);
  }
}

}  // namespace
}  // namespace windhover::server::main
