#include "tests/sim/net.h"

#include "backends/impair/random.h"

namespace windhover::sim {
namespace {

using backends::impair::Random;
using stack::link::Device;
using stack::wire::Address;
using stack::wire::MacAddress;

stack::lane::Config lane_config(bool ipv6, const Address& own, const stack::tcp::Config& tcp, const char* mac) {
  stack::lane::Config config;
  config.ip.addresses.push_back({own, static_cast<std::uint8_t>(ipv6 ? 64 : 24)});
  config.ip.mac = MacAddress::parse(mac).value();
  config.tcp = tcp;
  return config;
}

}  // namespace

Address client_address(bool ipv6) { return Address::parse(ipv6 ? "fd00::1" : "10.0.0.1").value(); }
Address server_address(bool ipv6) { return Address::parse(ipv6 ? "fd00::2" : "10.0.0.2").value(); }

stack::tcp::Keys keys_from(std::uint64_t seed) {
  Random random(seed);
  stack::tcp::Keys keys;
  for (auto* key : {&keys.flow_hash, &keys.isn, &keys.timestamps, &keys.syn_cookies}) {
    for (std::uint8_t& byte : *key) byte = static_cast<std::uint8_t>(random.next());
  }
  return keys;
}

bool Net::Side::turn(Instant now) {
  const bool moved = device.receive(arrived) > 0;
  stack.input(now, arrived);
  stack.advance(now);
  stack.output(now, leaving);
  const std::size_t taken = device.transmit(leaving.frames());
  leaving.drop_front(taken);
  device.flush();
  return moved || taken > 0;
}

Net::Net(const NetSetup& setup) : pair_(setup.wire), line_(pair_.first(), setup.line, [this] { return now_; }) {
  Device* device = &line_;
  if (!setup.pcap_path.empty()) {
    pcap_.emplace(*device, backends::pcap::WriterConfig{.path = setup.pcap_path}, [this] { return now_; });
    device = &*pcap_;
  }
  if (setup.lies.any()) device = &liar_.emplace(*device, setup.lies, setup.seed);
  client_.emplace(now_, lane_config(setup.ipv6, client_address(setup.ipv6), setup.client, "02:00:00:00:00:01"),
                  keys_from(setup.seed), *device);
  server_.emplace(now_, lane_config(setup.ipv6, server_address(setup.ipv6), setup.server, "02:00:00:00:00:02"),
                  keys_from(setup.seed + 1), pair_.second());
}

bool Net::is_quiet() const {
  return line_.next_deadline() == stack::base::kNever && client_->leaving.empty() && server_->leaving.empty();
}

bool Net::turn() {
  const bool client_moved = client_->turn(now_);
  return server_->turn(now_) || client_moved;
}

}  // namespace windhover::sim
