#include "tests/stack/tcp/peer.h"

#include <algorithm>

#include "stack/wire/checksum.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::tcp::test {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr wire::MacAddress kStackMac{{0x02, 0, 0, 0, 0, 0x02}};

wire::Address address(std::string_view text) { return wire::Address::parse(text).value(); }

Keys keys() {
  Keys keys;
  keys.flow_hash.fill(0x11);
  keys.isn.fill(0x22);
  keys.timestamps.fill(0x33);
  keys.syn_cookies.fill(0x44);
  return keys;
}

lane::Config stack_config(const Scenario& scenario) {
  lane::Config config;
  config.ip.addresses = {{address("10.66.0.2"), 24}, {address("fd66::2"), 64}};
  config.ip.mac = kStackMac;
  config.ip.reply_to_sender = scenario.shared;
  config.tcp = scenario.tcp;
  return config;
}

backends::memory::Config wire_of(const Scenario& scenario) {
  backends::memory::Config config = scenario.wire;
  if (scenario.shared) config.medium = link::Medium::kEthernet;
  return config;
}

}  // namespace

std::string text(std::size_t size) {
  std::string result(size, '\0');
  for (std::size_t at = 0; at < size; ++at) result[at] = static_cast<char>('!' + at * 7 % 89 + at / 1000 % 5);
  return result;
}

void App::on_established(Connection& to) {
  connection = &to;
  ++established;
  if (when_established) when_established(to);
}
void App::on_data(Connection& from, base::Bytes bytes) {
  received += base::as_text(bytes);
  if (when_data) when_data(from, base::as_text(bytes));
}
void App::on_sendable(Connection& from) {
  ++sendable;
  if (when_sendable) when_sendable(from);
}
void App::on_peer_finished(Connection& from) {
  ++peer_finished;
  if (when_peer_finished) when_peer_finished(from);
}
void App::on_timer(Connection& from) {
  ++timers;
  if (when_timer) when_timer(from);
}
void App::on_drained(Connection&) { ++drained; }
void App::on_closed(Connection& from, CloseReason why) {
  EXPECT_FALSE(closed) << "closed twice";
  closed = why;
  connection = nullptr;
  if (when_closed) when_closed(from);
}

Handler* Host::accept(Connection& connection) {
  if (declines) return nullptr;
  apps.push_back(std::make_unique<App>());
  apps.back()->connection = &connection;
  if (prepare) prepare(*apps.back());
  return apps.back().get();
}

Scenario::Scenario() {
  tcp.connections_max = 16;
  tcp.time_wait_max = 16;
  tcp.send_blocks = 256;
  tcp.send_entries = 256;
  tcp.reassembly_blocks = 256;
  tcp.receive_window = 64 * 1024 - 1;
  wire.transmit_frames = 128;
  wire.receive_frames = 64;
}

Peer::Peer(Scenario scenario_in)
    : scenario(std::move(scenario_in)),
      pair(wire_of(scenario)),
      device(pair.first(), scenario.gso_segments_min),
      local{address(scenario.v6 ? "fd66::2" : "10.66.0.2"), 80},
      remote{address(scenario.v6 ? "fd66::1" : "10.66.0.1"), 40000},
      stack(std::make_unique<lane::Stack>(now, stack_config(scenario), keys(), device)) {
  ts_base_ = now;
  stack->listen(local, host);
}

Peer::~Peer() {
  collect();
  for (const Segment& segment : sent_) {
    ADD_FAILURE() << "never looked at: flags " << int{segment.flags.bits} << " seq " << segment.seq << " ack "
                  << segment.ack << " payload " << segment.payload.size();
  }
  const base::Counters& counters = stack->counters();
  EXPECT_EQ(counters.value(Event::kFramesIn), counters.value(Event::kFramesConsumed) +
                                                  counters.value(Event::kFramesPassed) + counters.received_dropped());
  stack.reset();  // Its CHECKs find leaks.
}

wire::TcpOptions Peer::syn_options() const {
  wire::TcpOptions options;
  options.mss = scenario.mss;
  options.window_scale = scenario.window_scale;
  options.sack_permitted = scenario.sack;
  if (scenario.timestamps) options.timestamps = wire::TcpTimestamps{ts_value, 0};
  return options;
}

App& Peer::establish() {
  send({.flags = kTcpSyn, .window = scenario.peer_window, .options = syn_options(), .plain = true});
  expect({.flags = kSynAck, .seq = 0, .ack = 1});
  send({.window = scenario.peer_window});
  EXPECT_EQ(app().established, 1);
  return app();
}

App& Peer::connect() {
  remote.port = 7;
  client.connection = stack->connect(now, remote, client);
  EXPECT_NE(client.connection, nullptr);
  pump();
  return client;
}

App& Peer::connect_established() {
  connect();
  expect({.flags = kTcpSyn, .seq = 0});
  send({.flags = kSynAck, .window = scenario.peer_window, .options = syn_options(), .plain = true});
  expect({.flags = kTcpAck, .seq = 1, .ack = 1, .size = 0});
  EXPECT_EQ(client.established, 1);
  return client;
}

App& Peer::enter(std::string_view state) {
  App& entered = establish();
  if (state == "CLOSE-WAIT" || state == "LAST-ACK") {
    send({.flags = kFinAck});
    expect({.flags = kTcpAck, .seq = 1, .ack = 2});
  }
  if (state == "FIN-WAIT-1" || state == "FIN-WAIT-2" || state == "CLOSING" || state == "LAST-ACK") {
    entered.connection->shutdown();
    expect({.flags = kFinAck, .seq = 1});
  }
  if (state == "FIN-WAIT-2") send({});
  if (state == "CLOSING") {
    send({.flags = kFinAck, .ack = 1});
    expect({.flags = kTcpAck, .seq = 2, .ack = 2});
  }
  EXPECT_EQ(entered.connection->info().state, state);
  return entered;
}

void Peer::new_flow(std::uint16_t port) {
  remote.port = port;
  snd_nxt = rcv_nxt = irs = ts_echo = 0;
  timestamps = false;
}

std::vector<std::uint8_t> Peer::build(const Out& out) const {
  wire::TcpOptions options = out.options;
  if (timestamps && !out.plain && !options.timestamps) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - ts_base_).count();
    options.timestamps = wire::TcpTimestamps{ts_value + static_cast<std::uint32_t>(passed), ts_echo};
  }
  const wire::TcpHeader header{.source_port = remote.port,
                               .destination_port = local.port,
                               .seq = wire::Seq(iss + out.seq.value_or(snd_nxt)),
                               .ack = out.flags.ack() ? wire::Seq(irs + out.ack.value_or(rcv_nxt)) : wire::Seq{},
                               .flags = out.flags,
                               .window = out.window};
  Octets segment(header.size(options) + out.payload.size());
  const std::size_t header_size = header.write(segment, options);
  std::copy(out.payload.begin(), out.payload.end(), segment.begin() + static_cast<std::ptrdiff_t>(header_size));
  const wire::Sum sum = wire::pseudo_header_sum(remote.address, local.address, 6, segment.size()) + wire::sum(segment);
  base::store_be(&segment[16], sum.finish());
  return segment;
}

std::vector<std::uint8_t> Peer::wrap(base::Bytes segment, std::uint8_t protocol) const {
  const std::size_t header_size = scenario.v6 ? 40 : 20;
  Octets packet(header_size + segment.size());
  const auto payload_size = static_cast<std::uint16_t>(segment.size());
  if (scenario.v6) {
    wire::Ipv6Header{
        .payload_size = payload_size, .next_header = protocol, .source = remote.address, .destination = local.address}
        .write(packet);
  } else {
    wire::Ipv4Header{
        .payload_size = payload_size, .protocol = protocol, .source = remote.address, .destination = local.address}
        .write(packet);
  }
  std::copy(segment.begin(), segment.end(), packet.begin() + static_cast<std::ptrdiff_t>(header_size));
  return packet;
}

void Peer::put_on_wire(base::Bytes packet, link::Checksum checksum) {
  link::Frame frame = pair.second().arena().allocate();
  ASSERT_TRUE(frame);
  if (scenario.shared) {
    const auto type = scenario.v6 ? wire::EtherType::kIpv6 : wire::EtherType::kIpv4;
    wire::EthernetHeader{kStackMac, mac, {}, type}.write(frame.append(wire::EthernetView::kUntaggedSize));
  }
  std::copy(packet.begin(), packet.end(), frame.append(packet.size()).begin());
  frame.offload().checksum = checksum;
  ASSERT_EQ(pair.second().transmit({&frame, 1}), 1U);
}

void Peer::arrive() {
  link::Burst burst;
  pair.first().receive(burst);
  stack->input(now, burst);
  pump();
}

void Peer::send_packet(base::Bytes packet, link::Checksum checksum) {
  collect();
  put_on_wire(packet, checksum);
  arrive();
}

void Peer::send_together(const std::vector<Out>& segments) {
  collect();
  for (const Out& segment : segments) put_on_wire(wrap(build(segment)), link::Checksum::kNone);
  arrive();
}

void Peer::send(const Out& out) {
  send_packet(wrap(build(out)));
  if (out.seq) return;  // The test places it by hand.
  const std::uint32_t begin = out.seq.value_or(snd_nxt);
  snd_nxt =
      begin + static_cast<std::uint32_t>(out.payload.size()) + (out.flags.syn() ? 1 : 0) + (out.flags.fin() ? 1 : 0);
}

void Peer::send_icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest, base::Bytes quoted) {
  Octets message(8 + quoted.size());
  std::copy(quoted.begin(), quoted.end(), message.begin() + 8);
  if (scenario.v6) {
    wire::Icmpv6Header{static_cast<wire::Icmpv6Type>(type), code, rest}.write(message, remote.address, local.address);
  } else {
    wire::Icmpv4Header{static_cast<wire::Icmpv4Type>(type), code, rest}.write(message);
  }
  send_packet(wrap(message, scenario.v6 ? wire::kProtocolIcmpv6 : wire::kProtocolIcmpv4));
}

Segment Peer::parse(const link::Frame& frame) {
  Segment result;
  base::Bytes received = frame.bytes();
  if (scenario.shared) {
    result.to = wire::MacAddress::load(received);
    received = received.subspan(wire::EthernetView::kUntaggedSize);
  }
  const std::size_t link_size = frame.size() - received.size();
  result.packet = {received.begin(), received.end()};
  result.offload = frame.offload();
  result.at = now;
  const std::size_t header_size = scenario.v6 ? 40 : 20;
  const base::Bytes bytes = base::Bytes(result.packet).subspan(header_size);
  const auto view = wire::TcpView::parse(bytes);
  if (!view) {
    ADD_FAILURE() << "not TCP";
    return result;
  }
  result.flags = view->flags();
  result.window = view->window();
  result.payload = base::as_text(view->payload());
  result.options = view->parse_options().value_or(wire::TcpOptions{});
  result.option_bytes.assign(view->options().begin(), view->options().end());
  result.raw_seq = view->seq().value();
  result.raw_ack = view->ack().value();
  result.source_port = view->source_port();
  result.destination_port = view->destination_port();
  const base::Bytes addresses(result.packet);
  const wire::Address to =
      scenario.v6 ? wire::Address::v6(addresses.subspan(24)) : wire::Address::v4(addresses.subspan(16));
  if (result.offload.checksum == link::Checksum::kPartial) {
    const wire::Sum pseudo = wire::pseudo_header_sum(local.address, to, 6, bytes.size());
    result.checksum_ok = view->checksum() == pseudo.fold() && result.offload.csum_start == link_size + header_size &&
                         result.offload.csum_offset == 16;
  } else {
    result.checksum_ok = view->checksum_ok(local.address, to);
  }
  return result;
}

void Peer::collect() {
  link::Burst burst;
  for (pair.second().receive(burst); !burst.empty(); pair.second().receive(burst)) {
    for (link::Frame& frame : burst.frames()) {
      Segment segment = parse(frame);
      EXPECT_TRUE(segment.checksum_ok);
      if (segment.flags.syn()) {
        irs = segment.raw_seq;
        if (!segment.flags.ack()) local.port = segment.source_port;
        timestamps = scenario.timestamps && segment.options.timestamps.has_value();
      }
      EXPECT_EQ(segment.source_port, local.port);
      segment.seq = segment.raw_seq - irs;
      segment.ack = segment.flags.ack() ? segment.raw_ack - iss : 0;
      if (segment.options.timestamps) ts_echo = segment.options.timestamps->value;
      const auto end = segment.seq + static_cast<std::uint32_t>(segment.payload.size()) +
                       (segment.flags.syn() ? 1 : 0) + (segment.flags.fin() ? 1 : 0);
      if (segment.seq == rcv_nxt) rcv_nxt = end;
      sent_.push_back(std::move(segment));
    }
    burst.clear();
  }
}

void Peer::pump() {
  link::Burst burst;
  for (int round = 0; round < 100; ++round) {
    stack->output(now, burst);
    if (burst.empty()) return;
    if (holding) {
      for (link::Frame& frame : burst.frames()) held.push_back(std::move(frame));
    } else {
      pair.first().transmit(burst.frames());
    }
    burst.clear();
    collect();
  }
  ADD_FAILURE() << "the stack does not stop sending";
}

void Peer::release() {
  holding = false;
  pair.first().transmit(held);
  held.clear();
  collect();
}

void Peer::advance(base::Duration duration) {
  const base::Instant end = now + duration;
  pump();
  for (int round = 0; round < 100000; ++round) {
    const base::Instant next = std::max(now, stack->next_deadline());
    if (next > end) break;
    now = next;
    stack->advance(now);
    pump();
  }
  now = end;
  stack->advance(now);
  pump();
}

Segment Peer::expect(const In& in, const char* file, int line) {
  pump();
  if (sent_.empty()) {
    ADD_FAILURE_AT(file, line) << "the stack sent nothing";
    return {};
  }
  Segment segment = std::move(sent_.front());
  sent_.pop_front();
  const testing::ScopedTrace trace(file, line, "expected here");
  EXPECT_EQ(int{segment.flags.bits}, int{in.flags.value_or(segment.flags).bits}) << "flags";
  EXPECT_EQ(segment.seq, in.seq.value_or(segment.seq)) << "seq";
  EXPECT_EQ(segment.ack, in.ack.value_or(segment.ack)) << "ack";
  EXPECT_EQ(segment.window, in.window.value_or(segment.window)) << "window";
  EXPECT_TRUE(segment.payload == in.payload.value_or(segment.payload)) << "payload: " << segment.payload.substr(0, 80);
  EXPECT_EQ(segment.payload.size(), in.size.value_or(segment.payload.size())) << "payload size";
  if (in.sacks) {
    std::string sacks;
    for (std::size_t at = 0; at < segment.options.sack_count; ++at) {
      const wire::SackBlock& block = segment.options.sack[at];
      sacks += "[" + std::to_string(block.left.value() - iss) + "," + std::to_string(block.right.value() - iss) + ")";
    }
    EXPECT_EQ(sacks, *in.sacks);
  }
  return segment;
}

void Peer::expect_nothing(const char* file, int line) {
  pump();
  const testing::ScopedTrace trace(file, line, "expected nothing here");
  for (const Segment& segment : sent_) {
    ADD_FAILURE() << "flags " << int{segment.flags.bits} << " seq " << segment.seq << " ack " << segment.ack
                  << " payload " << segment.payload.size();
  }
  sent_.clear();
}

std::vector<Segment> Peer::take_all() {
  pump();
  std::vector<Segment> all(std::make_move_iterator(sent_.begin()), std::make_move_iterator(sent_.end()));
  sent_.clear();
  return all;
}

}  // namespace windhover::stack::tcp::test
