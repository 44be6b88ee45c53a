#include "server/main/report.h"

#include <gtest/gtest.h>

#include "backends/memory/pair.h"

namespace windhover::server::main {
namespace {

TEST(MemoryLine, AddsUp) {
  EXPECT_EQ(memory_line({{"arenas", 16U << 20}, {"files", 1U << 19}}),
            "16.5 MiB reserved: arenas 16.0 MiB, files 0.5 MiB");
}

TEST(BackendLine, NamesWhatTheDeviceOffers) {
  backends::memory::Pair plain({});
  EXPECT_TRUE(backend_line(plain.first(), "TUN", "").ends_with("(IP packets), MTU 1500; offloads: none"));
  backends::memory::Pair able({.medium = stack::link::Medium::kEthernet, .mtu = 9000, .gso = true, .gather = true});
  EXPECT_TRUE(backend_line(able.first(), "TAP", "on a string")
                  .ends_with("(Ethernet frames), MTU 9000; offloads: segmentation, transmit checksum, receive "
                             "checksum, gather; on a string"));
}

TEST(SummaryLine, NamesTheMainCountersAlways_AndTheOthersWhenTheyAreNotZero) {
  backends::memory::Pair pair({});
  stack::lane::Config config;
  config.ip.addresses = {{stack::wire::Address::parse("10.0.0.1").value(), 24}};
  config.tcp.connections_max = config.tcp.time_wait_max = 16;
  stack::lane::Stack stack({}, config, {}, pair.first());
  http::HttpCounters http;
  const stack::link::DeviceStats none;
  EXPECT_EQ(summary_line({{stack, http, none}}, {{"xdp.rx_dropped", 0}}),
            "requests=0 connections=0 frames_in=0 frames_out=0 frames_consumed=0 frames_passed=0 frames_dropped=0");

  http.count(http::HttpEvent::kRequests);
  http.count(http::BadRequest::kHostMissing);
  http.count(http::ConnectionEnd::kKeepAliveTimeout);
  http.count_response(404);
  stack::link::Burst burst;
  stack::link::Frame frame = pair.first().arena().allocate();
  frame.append(1)[0] = 0x45;  // The first byte of an IPv4 header and no more.
  burst.push(std::move(frame));
  stack.input({}, burst);
  stack::link::DeviceStats device;
  device.transmit_dropped = 2;
  EXPECT_EQ(summary_line({{stack, http, device}}, {{"xdp.rx_dropped", 3}}),
            "requests=1 connections=0 frames_in=1 frames_out=0 frames_consumed=0 frames_passed=0 frames_dropped=1 "
            "responses_4xx=1 refused.host_missing=1 ended.keep_alive_timeout=1 dropped.ipv4.malformed=1 "
            "device.transmit_dropped=2 xdp.rx_dropped=3");
}

TEST(SummaryLine, AddsUpTheLanes) {
  backends::memory::Pair pair({});
  stack::lane::Config config;
  config.ip.addresses = {{stack::wire::Address::parse("10.0.0.1").value(), 24}};
  config.tcp.connections_max = config.tcp.time_wait_max = 16;
  const stack::lane::Stack one({}, config, {}, pair.first());
  const stack::lane::Stack two({}, config, {}, pair.second());
  http::HttpCounters http_one;
  http::HttpCounters http_two;
  http_one.count(http::HttpEvent::kRequests);
  http_two.count(http::HttpEvent::kRequests);
  http_two.count(http::HttpEvent::kRequests);
  stack::link::DeviceStats device;
  device.received_dropped = 5;
  stack::lane::MailStats mail;
  mail.posted.add(4);
  EXPECT_EQ(summary_line({{one, http_one, device, &mail}, {two, http_two, device, &mail}}, {}),
            "requests=3 connections=0 frames_in=0 frames_out=0 frames_consumed=0 frames_passed=0 frames_dropped=0 "
            "device.received_dropped=10 mail.posted=8");
}

}  // namespace
}  // namespace windhover::server::main
