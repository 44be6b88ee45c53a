#include "server/main/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/main/key_docs.h"

namespace windhover::server::main {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;

const std::filesystem::path kSources = WINDHOVER_SOURCE_DIR;

/// A folder that goes with the test.
class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "settings-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(std::string_view text) {
    const auto path = folder_ / "a.json";
    std::ofstream(path) << text;
    return path;
  }

  Settings load(const SettingsSources& sources) {
    config::Problems problems;
    Settings settings = load_settings(sources, problems);
    complaints_ = problems.lines();
    return settings;
  }

  /// The complaints about a file's text, each without the file's name.
  Lines complaints(std::string_view text) {
    const std::string path = file(text).string();
    load({path, nullptr, {}, {}});
    Lines lines = complaints_;
    for (std::string& line : lines) {
      if (line.starts_with(path + ":")) line.erase(0, path.size() + 1);
    }
    return lines;
  }

  std::filesystem::path folder_;
  Lines complaints_;
};

TEST_F(SettingsTest, AnEmptyFile_MeansTheDefaults) {
  const Settings settings = load({file("{}"), nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, (folder_ / "www").string());
  EXPECT_EQ(settings.limits, http::Limits());
  EXPECT_EQ(settings.capacity.connections, settings.stack.tcp.connections_max);
  const auto addresses = addresses_of(settings.endpoints.front(), settings.stack.ip.addresses);
  ASSERT_EQ(addresses.size(), 2U);
  EXPECT_EQ(addresses[0].to_string(), "10.66.0.2:8080");
  EXPECT_EQ(addresses[1].to_string(), "[fd66::2]:8080");
  EXPECT_EQ(settings.stack.ip.mac.to_string(), "02:57:0a:42:00:02");
}

TEST_F(SettingsTest, TheExampleForXdp_SaysNothingButDefaults) {
  const Settings settings = load({kSources / "config" / "xdp.json", nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, (kSources / "www").string());
  const Settings defaults = load({file(R"({"backend": {"type": "xdp", "interface": "eth1"}})"), nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(json_schema(settings), json_schema(defaults));
  EXPECT_TRUE(settings.shares_addresses());
}

TEST_F(SettingsTest, TheExampleForTun_SaysNothingButDefaults) {
  const Settings settings = load({kSources / "config" / "tun.json", nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, (kSources / "www").string());
  const Settings defaults = load({file(R"({"backend": {"type": "tun"}})"), nullptr, {}, {}});
  EXPECT_EQ(json_schema(settings), json_schema(defaults));
  EXPECT_FALSE(settings.wants_portal());
}

TEST_F(SettingsTest, TheExampleForAnyMachine_SaysNothingButDefaults) {
  const Settings settings = load({kSources / "config" / "default.json", nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, (kSources / "www").string());
  Settings defaults;
  defaults.stack.ip.mac = settings.stack.ip.mac;
  EXPECT_EQ(json_schema(settings), json_schema(defaults));
  EXPECT_EQ(settings.backend, BackendType::kAuto);
  EXPECT_TRUE(settings.wants_portal());
}

TEST_F(SettingsTest, WithoutAFile_TheExampleIsBuiltIn) {
  const Settings settings = load({});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, std::filesystem::weakly_canonical("config/../www").string());
  std::ifstream example(kSources / "config" / "default.json");
  EXPECT_EQ(kBuiltInConfig, std::string(std::istreambuf_iterator<char>(example), {}));
}

TEST_F(SettingsTest, FilledThrough_EveryRoomHasItsPart) {
  const Settings settings = load({file(R"({
    "root": "site",
    "endpoints": {"a": {"url": "http://10.1.0.2"}, "b": {"url": "http://[fd01::2]:81"}},
    "backend": {"type": "tun", "name": "wh7", "layer": "ethernet", "host": [], "mtu": 9000,
                "addresses": ["10.1.0.2/16", "fd01::2/64"], "gatewayV4": "10.1.0.1", "mac": "02:00:00:00:00:07",
                "offload": false},
    "limits": {"minResponseDataRate": {"bytesPerSecond": 0}, "maxConcurrentConnections": 10},
    "capacity": {"smallBuffers": 64}, "ip": {"ttl": 5},
    "lane": {"count": 2, "cpus": [1, 0], "spinMax": "0s", "mailboxSize": "256KiB"},
    "tcp": {"connectionsMax": 100, "congestionControl": "newReno", "keepAliveIdle": "1h"},
    "capture": {"file": "a.pcapng", "snapshotSize": 96}, "impair": {"receive": {"loss": 0.01}}})"),
                                  nullptr,
                                  {},
                                  {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.endpoints.size(), 2U);
  EXPECT_EQ(listener_of(settings.endpoints[0]).to_string(), "10.1.0.2:80");
  EXPECT_EQ(listener_of(settings.endpoints[1]).to_string(), "[fd01::2]:81");
  EXPECT_EQ(settings.tun.name, "wh7");
  EXPECT_EQ(settings.tun.layer, backends::tun::Layer::kEthernet);
  EXPECT_TRUE(settings.tun.host_addresses.empty());
  EXPECT_EQ(settings.tun.mtu, 9000);
  EXPECT_FALSE(settings.tun.offload);
  EXPECT_EQ(settings.stack.ip.addresses.at(0).prefix_length, 16);
  EXPECT_EQ(settings.stack.ip.gateway_v4.value().to_string(), "10.1.0.1");
  EXPECT_EQ(settings.stack.ip.mac.to_string(), "02:00:00:00:00:07");
  EXPECT_EQ(settings.stack.ip.ttl, 5);
  EXPECT_EQ(settings.limits.min_response_data_rate.bytes_per_second, 0U);
  EXPECT_EQ(settings.limits.max_concurrent_connections, 10U);
  EXPECT_EQ(settings.capacity.connections, 100U);
  EXPECT_EQ(settings.capacity.small_buffers, 64U);
  EXPECT_EQ(settings.stack.tcp.congestion_control, stack::tcp::CongestionControl::kNewReno);
  EXPECT_EQ(settings.stack.tcp.keep_alive_idle, std::chrono::hours(1));
  EXPECT_EQ(settings.backend, BackendType::kTun);
  EXPECT_EQ(settings.lane.count, 2U);
  EXPECT_EQ(settings.lane.cpus, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(settings.lane.loop.spin_max, config::Duration(0));
  EXPECT_EQ(settings.lane.mailbox_size, 256U * 1024);
  EXPECT_EQ(settings.capture.writer.path, (folder_ / "a.pcapng").string());
  EXPECT_EQ(settings.capture.writer.snap_length, 96U);
  EXPECT_EQ(settings.impair.receive.loss, 0.01);
}

TEST_F(SettingsTest, WithTypeXdp_ItsRoomHasItsPart) {
  const Settings settings = load({file(R"({
    "endpoints": {"a": {"url": "http://*:80"}, "b": {"url": "http://192.0.2.80:81"}},
    "backend": {"type": "xdp", "interface": "eth1", "mode": "nativeCopy", "queues": 3,
                "addresses": ["10.1.0.2/16", "fd01::2/64"], "gatewayV6": "fd01::1",
                "serviceAddresses": ["192.0.2.80", "2001:db8::80"],
                "receiveFrames": 1024, "transmitFrames": 2048, "chunkSize": 4096, "ringSize": 512, "hugePages": false,
                "transmitChecksum": false, "rxChecksum": "verify", "bulk": "off", "busyPoll": true}})"),
                                  nullptr,
                                  {},
                                  {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.backend, BackendType::kXdp);
  EXPECT_FALSE(settings.shares_addresses());
  const backends::xdp::Config& xdp = settings.xdp;
  EXPECT_EQ(xdp.interface, "eth1");
  EXPECT_EQ(xdp.mode, backends::xdp::Mode::kNativeCopy);
  EXPECT_EQ(xdp.queue_count, 3U);
  EXPECT_EQ(xdp.receive_frames, 1024U);
  EXPECT_EQ(xdp.transmit_frames, 2048U);
  EXPECT_EQ(xdp.chunk_size, 4096U);
  EXPECT_EQ(xdp.ring_size, 512U);
  EXPECT_FALSE(xdp.huge_pages);
  EXPECT_FALSE(xdp.transmit_checksum);
  EXPECT_EQ(xdp.receive_checksum, backends::xdp::ReceiveChecksum::kVerify);
  EXPECT_EQ(xdp.bulk, backends::xdp::Bulk::kOff);
  EXPECT_TRUE(xdp.busy_poll);
  EXPECT_EQ(settings.stack.ip.addresses.size(), 2U);
  EXPECT_EQ(settings.stack.ip.gateway_v6.value().to_string(), "fd01::1");
  EXPECT_EQ(settings.service_addresses.at(1).to_string(), "2001:db8::80");
}

TEST_F(SettingsTest, AKeyOfTheOtherType_IsRefused) {
  EXPECT_EQ(
      complaints(R"({"backend": {"type": "xdp", "interface": "eth1", "name": "wh0", "mtu": 1500}})"),
      (Lines{"1:58: /backend/name: name belongs to type tun", "1:72: /backend/mtu: mtu belongs to type tun or udp"}));
  EXPECT_EQ(complaints(R"({"backend": {"type": "tun", "QUEUES": 2}})"),
            (Lines{"1:39: /backend/queues: queues belongs to type xdp"}));
  EXPECT_EQ(complaints(R"({"backend": {"type": "tun", "rxChecksum": "auto"}})"),
            (Lines{"1:43: /backend/rxChecksum: rxChecksum belongs to type udp or xdp"}));
}

TEST_F(SettingsTest, WithTypeUdp_ItsRoomHasItsPart) {
  const Settings settings = load({file(R"({
    "backend": {"type": "udp", "listen": "[::]:8472", "vni": 7,
                "peers": ["192.0.2.7:8472", "[2001:db8::7]:1", "10.0.0.1"],
                "learn": {"from": ["192.0.2.9/24", "2001:db8::/32"], "port": 8473, "max": 9},
                "addresses": ["10.1.0.2/16"], "gatewayV4": "10.1.0.1", "mtu": 1400, "superFrames": false,
                "segmentation": false, "receiveBuffer": "1MiB", "receiveFrames": 512, "transmitFrames": 128,
                "rxChecksum": "acceptPartial"}})"),
                                  nullptr,
                                  {},
                                  {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.backend, BackendType::kUdp);
  EXPECT_FALSE(settings.shares_addresses());
  const backends::udp::Config& udp = settings.udp;
  EXPECT_EQ(udp.listen.to_string(), "[::]:8472");
  EXPECT_EQ(udp.vni, 7U);
  ASSERT_EQ(udp.peers.size(), 3U);
  EXPECT_EQ(udp.peers[0].to_string(), "192.0.2.7:8472");
  EXPECT_EQ(udp.peers[1].to_string(), "[2001:db8::7]:1");
  EXPECT_EQ(udp.peers[2].to_string(), "10.0.0.1:4789");
  ASSERT_EQ(udp.learn_from.size(), 2U);
  EXPECT_EQ(udp.learn_from[0].prefix_length, 24);
  EXPECT_EQ(udp.learnt_port, 8473);
  EXPECT_EQ(udp.learnt_max, 9U);
  EXPECT_EQ(udp.mtu, 1400);
  EXPECT_FALSE(udp.super_frames);
  EXPECT_FALSE(udp.segmentation);
  EXPECT_EQ(udp.receive_buffer, 1U << 20);
  EXPECT_EQ(udp.receive_frames, 512U);
  EXPECT_EQ(udp.transmit_frames, 128U);
  EXPECT_EQ(udp.receive_checksum, backends::udp::ReceiveChecksum::kAcceptPartial);
  EXPECT_EQ(settings.stack.ip.mac.to_string(), "02:57:0a:01:00:02");
}

TEST_F(SettingsTest, AUdpBackendThatCannotWork_IsRefused) {
  const auto refused = [&](const std::string& keys) {
    return complaints(R"({"backend": {"type": "udp", "addresses": ["10.0.0.2/24"], )" + keys + "}}");
  };
  EXPECT_EQ(refused(R"("peers": ["192.0.2.7"])"), Lines{});
  EXPECT_EQ(refused(R"("learn": {"from": ["10.0.0.0/8"]})"), Lines{});
  EXPECT_EQ(refused(R"("peers": [])"),
            (Lines{"1:68: /backend/peers: there is nobody to speak with: name peers, such as "
                   "192.0.2.7:4789, or set learn.from"}));
  EXPECT_EQ(refused(R"("peers": ["224.0.0.1"])"), (Lines{"1:68: /backend/peers: 224.0.0.1 is no single machine"}));
  EXPECT_EQ(refused(R"("peers": ["fe80::1"], "listen": "[::]:4789")"),
            (Lines{"1:68: /backend/peers: fe80::1 is link-local: give another address of it"}));
  EXPECT_EQ(
      refused(R"("peers": ["2001:db8::1"])"),
      (Lines{"1:68: /backend/peers: [2001:db8::1]:4789 cannot be reached from 0.0.0.0:4789: listen on [::], or on "
             "an address of its family"}));
  EXPECT_EQ(refused(R"("peers": ["10.0.0.1"], "mtu": 65500)"),
            (Lines{"1:89: /backend/mtu: 65500 is out of range: 576 to 65450 with type udp"}));
  EXPECT_EQ(refused(R"("peers": ["10.0.0.1"], "receiveFrames": 64)"),
            (Lines{"1:99: /backend/receiveFrames: 64 is out of range: 128 to 65536 with type udp"}));
  for (const char* const wrong : {"10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:", "host:1", "[10.0.0.1]:1", "[fd00::1]1",
                                  "[fd00::1", "10.0.0.1:1x", ""}) {
    EXPECT_EQ(refused(std::string(R"("peers": [")") + wrong + R"("])").size(), 1U) << wrong;
  }
  for (const char* const wrong : {"10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "fd00::/129", "x/8", "10.0.0.0/8x"})
    EXPECT_EQ(refused(std::string(R"("learn": {"from": [")") + wrong + R"("]})").size(), 1U) << wrong;
  EXPECT_EQ(complaints(R"({"backend": {"type": "udp", "peers": ["192.0.2.7"]}})"),
            (Lines{"1:13: /backend: the stack needs an address"}));
}

TEST_F(SettingsTest, WithTypeAuto_KeysOfTheStepsThatItTriesAreTaken) {
  const Settings settings =
      load({file(R"({"backend": {"interface": "eth1", "queues": 2, "name": "wh7", "host": []}})"), nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.backend, BackendType::kAuto);
  EXPECT_EQ(settings.xdp.interface, "eth1");
  EXPECT_EQ(settings.tun.name, "wh7");
  EXPECT_FALSE(settings.addresses_given);
  EXPECT_TRUE(settings.may_share_addresses());
  EXPECT_EQ(complaints(R"({"backend": {"vni": 2}})"), (Lines{"1:21: /backend/vni: vni belongs to type udp"}));
}

TEST_F(SettingsTest, ThePortal_IsAsSaid) {
  const Settings on = load(
      {file(R"({"backend": {"type": "tun"}, "portal": {"mode": "on", "url": "http://[::1]:81", "connectionsMax": 9}})"),
       nullptr,
       {},
       {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_TRUE(on.wants_portal());
  EXPECT_EQ(on.portal.url->host, "::1");
  EXPECT_EQ(on.portal.portal.connections_max, 9U);
  EXPECT_FALSE(load({file(R"({"portal": {"mode": "off"}})"), nullptr, {}, {}}).wants_portal());
  EXPECT_EQ(complaints(R"({"portal": {"url": "http://example:80"}})"),
            (Lines{"1:20: /portal/url: \"example\" is not localhost, an address, nor *"}));
  EXPECT_EQ(complaints(R"({"portal": {"url": "https://localhost"}})"),
            (Lines{"1:20: /portal/url: https is not offered by this version: write http"}));
}

TEST_F(SettingsTest, Proxies_AreNetworks) {
  const Settings settings = load({file(R"({"proxyProtocol": {"from": ["127.0.0.0/8", "::1/128"]}})"), nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  ASSERT_EQ(settings.proxy.from.size(), 2U);
  EXPECT_EQ(settings.proxy.from[0].prefix_length, 8);
  EXPECT_EQ(settings.proxy.from[1].address.to_string(), "::1");
  EXPECT_EQ(complaints(R"({"proxyProtocol": {"from": ["127.0.0.1/33"]}})").size(), 1U);
}

TEST_F(SettingsTest, LaterSourcesWin) {
  const auto path = file(R"({"limits": {"keepAliveTimeout": "1s"}, "root": "from-file"})");
  const char* const environment[] = {"WINDHOVER__LIMITS__KEEPALIVETIMEOUT=2s", "WINDHOVER__ROOT=from-environment",
                                     nullptr};
  EXPECT_EQ(load({path, nullptr, {}, {}}).limits.keep_alive_timeout, seconds(1));
  EXPECT_EQ(load({path, environment, {}, {}}).limits.keep_alive_timeout, seconds(2));
  const Settings set =
      load({path, environment, {"limits.keepAliveTimeout=3s", "limits.keepAliveTimeout=4s", "root=from-set"}, {}});
  EXPECT_EQ(set.limits.keep_alive_timeout, seconds(4));
  EXPECT_EQ(set.files.root, std::filesystem::weakly_canonical("from-set").string());
  const Settings root = load({path, environment, {"root=from-set"}, "/from-option"});
  EXPECT_EQ(root.files.root, "/from-option");
  EXPECT_EQ(complaints_, Lines{});
}

TEST_F(SettingsTest, AnEndpointThatTheStackCannotHave_IsRefusedAtItsUrl) {
  EXPECT_EQ(
      complaints("{\"endpoints\": {\"a\":\n {\"url\": \"http://10.1.1.1:80\"}}}"),
      (Lines{"2:10: /endpoints/a/url: \"10.1.1.1\" is not an address of the stack: write *, 10.66.0.2, fd66::2"}));
  EXPECT_EQ(complaints(R"({"endpoints": {"a": {"url": "https://*:443"}}})"),
            (Lines{"1:29: /endpoints/a/url: https is not offered by this version: write http"}));
  EXPECT_EQ(complaints(R"({"endpoints": {"a": {"url": "http://*:80"}, "b": {"url": "http://10.66.0.2"}}})"),
            (Lines{"1:58: /endpoints/b/url: \"a\" listens on 10.66.0.2:80 already"}));
  EXPECT_EQ(complaints(R"({"endpoints": {"a": {}}})"), (Lines{"1:21: /endpoints/a: url is missing"}));
  EXPECT_EQ(complaints(R"({"endpoints": {}})"), (Lines{"1:15: /endpoints: there is no endpoint"}));
}

TEST_F(SettingsTest, ABackendThatCannotWork_IsRefused) {
  EXPECT_EQ(complaints(R"({"backend": {"type": "rfc1149"}})"),
            (Lines{"1:22: /backend/type: \"rfc1149\" is not one of \"auto\", \"tun\", \"udp\", \"xdp\""}));
  EXPECT_EQ(complaints(R"({"backend": {"addresses": []}})"),
            (Lines{"1:27: /backend/addresses: the stack needs an address"}));
  EXPECT_EQ(complaints(R"({"backend": {"addresses": ["10.66.0.1/24"]}})"),
            (Lines{"1:27: /backend/addresses: 10.66.0.1 is the host's address too"}));
  EXPECT_EQ(complaints(R"({"backend": {"addresses": ["10.66.0.2/24", "10.66.0.2/16"]}})"),
            (Lines{"1:27: /backend/addresses: 10.66.0.2 is given twice"}));
  EXPECT_EQ(complaints(R"({"backend": {"mtu": 1000}})"),
            (Lines{"1:21: /backend/mtu: mtu 1000 is too small for IPv6, which needs 1280"}));
  EXPECT_EQ(complaints(R"({"backend": {"name": "a/b"}})"),
            (Lines{"1:22: /backend/name: \"a/b\" is not a device name: 1 to 15 letters and digits"}));
  EXPECT_EQ(complaints(R"({"backend": {"gatewayV4": "10.67.0.1"}})"),
            (Lines{"1:27: /backend/gatewayV4: 10.67.0.1 is not a neighbour: no prefix of addresses holds it"}));
  EXPECT_EQ(complaints(R"({"backend": {"gatewayV6": "10.66.0.1"}})"),
            (Lines{"1:27: /backend/gatewayV6: 10.66.0.1 is not an IPv6 address"}));
  EXPECT_EQ(complaints(R"({"backend": {"mac": "01:00:00:00:00:00"}})").size(), 1U);
}

TEST_F(SettingsTest, AnXdpBackendThatCannotWork_IsRefused) {
  const auto refused = [&](const std::string& keys) {
    return complaints(R"({"backend": {"type": "xdp")" + keys + "}}");
  };
  EXPECT_EQ(refused(""), (Lines{"1:13: /backend: interface is missing: name one, such as eth1"}));
  EXPECT_EQ(refused(R"(, "interface": "a/b")"),
            (Lines{"1:42: /backend/interface: \"a/b\" is not a device name: 1 to 15 letters and digits"}));
  EXPECT_EQ(refused(R"(, "interface": "a", "chunkSize": 3000)"),
            (Lines{"1:60: /backend/chunkSize: 3000 is neither 2048 nor 4096"}));
  EXPECT_EQ(refused(R"(, "interface": "a", "ringSize": 1000)"),
            (Lines{"1:59: /backend/ringSize: 1000 is not a power of two"}));
  EXPECT_EQ(refused(R"(, "interface": "a", "gatewayV4": "10.66.0.1")"),
            (Lines{"1:60: /backend/gatewayV4: answers on shared addresses go back the way that the question came: take "
                   "it out, or give addresses"}));
  EXPECT_EQ(refused(R"(, "interface": "a", "serviceAddresses": ["10.0.0.1", "10.0.0.1", "ff02::1"])"),
            (Lines{"1:67: /backend/serviceAddresses: 10.0.0.1 is given twice",
                   "1:67: /backend/serviceAddresses: ff02::1 is no station's address"}));
}

TEST_F(SettingsTest, LanesThatCannotBe_AreRefused) {
  EXPECT_EQ(complaints(R"({"lane": {"count": 3, "cpus": [0, 1]}})"),
            (Lines{"1:31: /lane/cpus: 3 lanes need as many CPUs, or []"}));
  EXPECT_EQ(complaints(R"({"lane": {"mailboxSize": "384KiB"}})"),
            (Lines{"1:26: /lane/mailboxSize: 384KiB is not a power of two"}));
  EXPECT_EQ(complaints(R"({"lane": {"count": 3, "cpus": []}})"), Lines{});
  EXPECT_EQ(complaints(R"({"lane": {"count": 65}})").size(), 1U);
}

TEST_F(SettingsTest, WithSharedAddresses_EndpointsAreHeldToThemLater) {
  const auto endpoints = [&](const std::string& text) {
    return complaints(R"({"backend": {"type": "xdp", "interface": "a"}, "endpoints": {)" + text + "}}");
  };
  EXPECT_EQ(endpoints(R"("a": {"url": "http://10.1.1.1:80"})"), Lines{});
  EXPECT_EQ(endpoints(R"("a": {"url": "http://here:80"})"),
            (Lines{"1:75: /endpoints/a/url: \"here\" is not an address, nor *"}));
  EXPECT_EQ(endpoints(R"("a": {"url": "http://[fd00:0::1]:80"}, "b": {"url": "http://[fd00::1]:80"})"),
            (Lines{"1:114: /endpoints/b/url: \"a\" listens on [fd00::1]:80 already"}));
}

TEST_F(SettingsTest, AnAddressIsRefusedWithoutAPrefixThatFits) {
  for (const char* address :
       {"10.66.0.2", "10.66.0.2/", "10.66.0.2/0", "10.66.0.2/33", "10.66.0.2/2x", "fd66::2/129", "::/64",
        "224.0.0.1/24", "127.0.0.1/8", "ff02::1/64", "::1/128", "10.66.0/24", "/24", "10.66.0.2/024x"}) {
    EXPECT_EQ(complaints(std::string("{\"backend\": {\"addresses\": [\"") + address + "\"]}}").size(), 1U) << address;
  }
}

TEST_F(SettingsTest, RetransmissionTimesThatContradict_AreRefused) {
  EXPECT_EQ(complaints(R"({"tcp": {"rtoMin": "5s"}})"),
            (Lines{"1:9: /tcp: rtoInitial 1s is not between rtoMin 5s and rtoMax 2m"}));
  EXPECT_EQ(complaints(R"({"tcp": {"rtoMin": "5s", "rtoInitial": "5s", "rtoMax": "4s"}})").size(), 2U);
}

TEST_F(SettingsTest, AnUnknownKey_IsNamedWithItsNearestWhereverItComesFrom) {
  EXPECT_EQ(complaints("{\n  \"limits\": {\n    \"keepAliveTimout\": \"5s\"\n  }\n}"),
            (Lines{"3:5: /limits/keepAliveTimout: unknown key; did you mean \"keepAliveTimeout\"?"}));
  const char* const environment[] = {"WINDHOVER__LIMITS__KEEPALIVETIMOUT=5s", nullptr};
  load({file("{}"), environment, {"tpc.sack=false"}, {}});
  EXPECT_EQ(complaints_,
            (Lines{"environment variable WINDHOVER__LIMITS__KEEPALIVETIMOUT: /limits/KEEPALIVETIMOUT: unknown key; did "
                   "you mean \"keepAliveTimeout\"?",
                   "option --set tpc.sack: /tpc: unknown key; did you mean \"tcp\"?"}));
}

TEST_F(SettingsTest, AFileThatIsNotThere_IsAProblem) {
  load({folder_ / "none.json", nullptr, {}, {}});
  EXPECT_EQ(complaints_,
            (Lines{(folder_ / "none.json").string() + ": cannot be read: No such file or directory (errno 2)"}));
}

}  // namespace
}  // namespace windhover::server::main
