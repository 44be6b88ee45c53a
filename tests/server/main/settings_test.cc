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
  const auto addresses = addresses_of(settings.endpoints.front(), settings);
  ASSERT_EQ(addresses.size(), 2U);
  EXPECT_EQ(addresses[0].to_string(), "10.66.0.2:8080");
  EXPECT_EQ(addresses[1].to_string(), "[fd66::2]:8080");
  EXPECT_EQ(settings.stack.ip.mac.to_string(), "02:57:0a:42:00:02");
}

TEST_F(SettingsTest, TheExample_SaysNothingButDefaults) {
  const Settings settings = load({kSources / "config" / "tun.json", nullptr, {}, {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, (kSources / "www").string());
  Settings defaults;
  defaults.stack.ip.mac = settings.stack.ip.mac;
  EXPECT_EQ(json_schema(settings), json_schema(defaults));
}

TEST_F(SettingsTest, WithoutAFile_TheExampleIsBuiltIn) {
  const Settings settings = load({});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.files.root, std::filesystem::weakly_canonical("config/../www").string());
  std::ifstream example(kSources / "config" / "tun.json");
  EXPECT_EQ(kBuiltInConfig, std::string(std::istreambuf_iterator<char>(example), {}));
}

TEST_F(SettingsTest, FilledThrough_EveryRoomHasItsPart) {
  const Settings settings = load({file(R"({
    "root": "site",
    "endpoints": {"a": {"url": "http://10.1.0.2"}, "b": {"url": "http://[fd01::2]:81"}},
    "backend": {"name": "wh7", "layer": "ethernet", "host": [], "addresses": ["10.1.0.2/16", "fd01::2/64"], "mtu": 9000,
                "gatewayV4": "10.1.0.1", "mac": "02:00:00:00:00:07", "offload": false},
    "limits": {"minResponseDataRate": {"bytesPerSecond": 0}, "maxConcurrentConnections": 10},
    "capacity": {"smallBuffers": 64}, "ip": {"ttl": 5}, "lane": {"cpu": 1, "idlePollsMax": 0},
    "tcp": {"connectionsMax": 100, "congestionControl": "newReno", "keepAliveIdle": "1h"},
    "capture": {"file": "a.pcapng", "snapshotSize": 96}, "impair": {"receive": {"loss": 0.01}}})"),
                                  nullptr,
                                  {},
                                  {}});
  EXPECT_EQ(complaints_, Lines{});
  EXPECT_EQ(settings.endpoints.size(), 2U);
  EXPECT_EQ(addresses_of(settings.endpoints[0], settings).front().to_string(), "10.1.0.2:80");
  EXPECT_EQ(addresses_of(settings.endpoints[1], settings).front().to_string(), "[fd01::2]:81");
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
  EXPECT_EQ(settings.lane.cpu, 1U);
  EXPECT_EQ(settings.capture.writer.path, (folder_ / "a.pcapng").string());
  EXPECT_EQ(settings.capture.writer.snap_length, 96U);
  EXPECT_EQ(settings.impair.receive.loss, 0.01);
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
  EXPECT_EQ(complaints(R"({"backend": {"type": "xdp"}})"),
            (Lines{"1:22: /backend/type: \"xdp\" is not one of \"tun\""}));
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
