// Ip as its callers see it: what comes in, what goes out, and that every frame is accounted for.

#include "stack/ip/ip.h"

#include "stack/base/setup_error.h"
#include "stack/ip/reassembly.h"
#include "stack/timer/wheel.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

Octets tcp4(const packets::Ipv4Fields& fields = {.source = kPeer4, .destination = kOurs4}) {
  return packets::ipv4(fields, packets::tcp(40000, 8080, 77));
}
Octets tcp6(const Address& source = kPeer6, const Address& destination = kOurs6) {
  return packets::ipv6(source, destination, 6, packets::tcp(40000, 8080, 77));
}
Octets from4(const char* source) { return tcp4({.source = address(source), .destination = kOurs4}); }
Octets to4(const char* destination) { return tcp4({.source = kPeer4, .destination = address(destination)}); }

Octets linear(const link::Frame& frame) { return {frame.bytes().begin(), frame.bytes().end()}; }

void expect_drop(Machine& machine, Drop drop, base::Bytes frame) {
  const std::uint64_t before = machine.drops(drop);
  EXPECT_TRUE(std::holds_alternative<Consumed>(machine.input(frame)));
  EXPECT_EQ(machine.drops(drop), before + 1) << base::name(drop);
  EXPECT_TRUE(machine.accounted());
  EXPECT_TRUE(machine.output().empty());
}

class OnEthernet : public testing::Test {
 protected:
  OnEthernet() { machine.output(); }
  Machine machine{on_ethernet()};
};

class OnTun : public testing::Test {
 protected:
  Machine machine{on_tun()};
};

// The link.

TEST_F(OnEthernet, frame_shorter_than_its_header_is_truncated) {
  const Octets whole = packets::ethernet(kOurMac, kPeerMac, 0x8100, Octets{0, 0, 8, 0});
  for (std::size_t size = 0; size < 14; ++size) {
    expect_drop(machine, Drop::kLinkTruncated, base::Bytes(whole).first(size));
  }
  for (std::size_t size = 14; size < 18; ++size) {
    expect_drop(machine, Drop::kLinkTruncated, base::Bytes(whole).first(size));
  }
}

TEST_F(OnEthernet, frame_for_another_station_is_not_for_us) {
  expect_drop(machine, Drop::kLinkNotForUs, packets::ethernet(kOtherMac, kPeerMac, 0x0800, tcp4()));
}

TEST_F(OnEthernet, unknown_ether_type_is_dropped) {
  expect_drop(machine, Drop::kLinkUnknownType, packets::ethernet(kOurMac, kPeerMac, 0x88cc, tcp4()));
  Octets twice{0, 0, 0x81, 0, 0, 0, 8, 0};
  packets::put(twice, tcp4());
  expect_drop(machine, Drop::kLinkUnknownType, packets::ethernet(kOurMac, kPeerMac, 0x8100, twice));
}

TEST_F(OnEthernet, priority_tag_is_stepped_over_and_another_vlan_passed) {
  Octets tagged{0xe0, 0x00, 0x08, 0x00};
  packets::put(tagged, tcp4());
  const Input ours = machine.input(packets::ethernet(kOurMac, kPeerMac, 0x8100, tagged));
  ASSERT_TRUE(std::holds_alternative<Packet>(ours));
  EXPECT_EQ(linear(std::get<Packet>(ours).frame), packets::tcp(40000, 8080, 77));

  tagged[1] = 5;
  const Octets frame = packets::ethernet(kOurMac, kPeerMac, 0x8100, tagged);
  const Input other = machine.input(frame);
  ASSERT_TRUE(std::holds_alternative<Passed>(other));
  EXPECT_EQ(linear(std::get<Passed>(other).frame), frame);
}

TEST_F(OnEthernet, padding_is_cut_off) {
  Octets padded = tcp4();
  padded.resize(46);
  const Input v4 = machine.packet(padded);
  ASSERT_TRUE(std::holds_alternative<Packet>(v4));
  EXPECT_EQ(std::get<Packet>(v4).frame.size(), 20U);
  padded = tcp6();
  padded.resize(99);
  const Input v6 = machine.packet(padded);
  ASSERT_TRUE(std::holds_alternative<Packet>(v6));
  EXPECT_EQ(std::get<Packet>(v6).frame.size(), 20U);
}

TEST_F(OnEthernet, unicast_packet_in_a_broadcast_frame_is_dropped_rfc1122_3_3_6) {
  expect_drop(machine, Drop::kIpNotForUs, packets::ethernet(wire::kBroadcast, kPeerMac, 0x0800, tcp4()));
  expect_drop(machine, Drop::kIpNotForUs, packets::ethernet(kAllNodesMac, kPeerMac, 0x86dd, tcp6()));
}

TEST_F(OnEthernet, packet_to_many_is_passed_whole) {
  for (const char* to : {"255.255.255.255", "10.66.0.255", "224.0.0.251"}) {
    Octets frame = packets::ethernet(wire::kBroadcast, kPeerMac, 0x0800, to4(to));
    frame.resize(60);
    const Input input = machine.input(frame);
    ASSERT_TRUE(std::holds_alternative<Passed>(input)) << to;
    EXPECT_EQ(linear(std::get<Passed>(input).frame), frame);
  }
  for (const char* to : {"ff02::fb", "ff02::1"}) {  // No group of ours; one of ours, but not for ICMPv6.
    Octets frame = packets::ethernet(kAllNodesMac, kPeerMac, 0x86dd, tcp6(kPeer6, address(to)));
    frame.resize(80);
    const Input input = machine.input(frame);
    ASSERT_TRUE(std::holds_alternative<Passed>(input)) << to;
    EXPECT_EQ(linear(std::get<Passed>(input).frame), frame);
  }
}

TEST_F(OnTun, other_versions_are_unknown_and_nothing_is_truncated) {
  expect_drop(machine, Drop::kLinkTruncated, {});
  for (const std::uint8_t first : std::initializer_list<std::uint8_t>{0x00, 0x35, 0x50, 0x75, 0xff}) {
    Octets packet = tcp4();
    packet[0] = first;
    expect_drop(machine, Drop::kLinkUnknownType, packet);
  }
}

// IPv4.

TEST_F(OnTun, ipv4_packet_is_handed_up) {
  const Input input =
      machine.packet(tcp4({.source = kPeer4, .destination = kOurs4, .traffic_class = 0xb9, .options = {1, 1, 1, 0}}));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  const Packet& packet = std::get<Packet>(input);
  EXPECT_EQ(packet.source, kPeer4);
  EXPECT_EQ(packet.destination, kOurs4);
  EXPECT_EQ(packet.protocol, Protocol::kTcp);
  EXPECT_EQ(packet.traffic_class, 0xb9);
  EXPECT_EQ(packet.network_size, 24);
  EXPECT_EQ(packet.frame.offload().checksum, Checksum::kNone);
  EXPECT_EQ(linear(packet.frame), packets::tcp(40000, 8080, 77));
  EXPECT_TRUE(machine.accounted());
}

TEST_F(OnTun, ipv4_expired_ttl_is_no_matter_at_its_destination_rfc1122_3_2_1_7) {
  EXPECT_TRUE(
      std::holds_alternative<Packet>(machine.packet(tcp4({.source = kPeer4, .destination = kOurs4, .ttl = 0}))));
}

TEST_F(OnTun, ipv4_cut_short_at_every_byte_is_malformed) {
  const Octets whole = tcp4({.source = kPeer4, .destination = kOurs4, .options = {1, 1, 1, 0}});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    expect_drop(machine, Drop::kIpv4Malformed, base::Bytes(whole).first(size));
  }
}

TEST_F(OnTun, ipv4_impossible_lengths_are_malformed_rfc1122_3_2_1) {
  Octets short_header = tcp4();
  short_header[0] = 0x44;
  expect_drop(machine, Drop::kIpv4Malformed, short_header);
  Octets long_header = tcp4();
  long_header[0] = 0x4f;
  expect_drop(machine, Drop::kIpv4Malformed, long_header);
  Octets short_total = tcp4();
  packets::set16(short_total, 2, 19);
  expect_drop(machine, Drop::kIpv4Malformed, short_total);
}

TEST_F(OnTun, ipv4_bad_header_checksum_is_dropped_rfc1122_3_2_1_2) {
  for (std::size_t at = 8; at < 20; ++at) {
    Octets bad = tcp4();
    bad[at] ^= 0x10;
    expect_drop(machine, Drop::kIpv4BadChecksum, bad);
  }
  Octets verified = tcp4();  // What the device verifies is the transport's.
  verified[10] ^= 1;
  machine.packet(verified, Checksum::kVerified);
  EXPECT_EQ(machine.drops(Drop::kIpv4BadChecksum), 13U);
}

TEST_F(OnTun, ipv4_source_route_is_refused_in_silence_used_up_or_not) {
  for (const Octets& options : {Octets{131, 7, 4, 10, 66, 0, 1, 0}, Octets{137, 7, 8, 10, 66, 0, 1, 0}}) {
    expect_drop(machine, Drop::kIpv4Options, tcp4({.source = kPeer4, .destination = kOurs4, .options = options}));
  }
  EXPECT_TRUE(machine.output().empty());
}

TEST_F(OnTun, ipv4_route_recording_and_timestamps_mean_nothing_rfc1122_3_2_1_8) {
  for (const Octets& options : {Octets{7, 7, 4, 0, 0, 0, 0, 0}, Octets{68, 8, 5, 0, 0, 0, 0, 0}}) {
    EXPECT_TRUE(std::holds_alternative<Packet>(
        machine.packet(tcp4({.source = kPeer4, .destination = kOurs4, .options = options}))));
  }
}

TEST_F(OnTun, ipv4_for_another_is_not_for_us) { expect_drop(machine, Drop::kIpNotForUs, to4("10.66.0.3")); }

TEST_F(OnTun, ipv4_impossible_sources_are_dropped_rfc1122_3_2_1_3) {
  for (const char* source :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "10.66.0.255", "10.66.0.2"}) {
    expect_drop(machine, Drop::kIpBadSource, from4(source));
  }
}

// IPv6.

TEST_F(OnTun, ipv6_packet_is_handed_up) {
  Octets tagged = tcp6();
  tagged[0] = 0x6b;
  tagged[1] = 0x91;
  const Input input = machine.packet(tagged);
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  const Packet& packet = std::get<Packet>(input);
  EXPECT_EQ(packet.source, kPeer6);
  EXPECT_EQ(packet.destination, kOurs6);
  EXPECT_EQ(packet.protocol, Protocol::kTcp);
  EXPECT_EQ(packet.traffic_class, 0xb9);
  EXPECT_EQ(packet.network_size, 40);
  EXPECT_EQ(linear(packet.frame), packets::tcp(40000, 8080, 77));
}

TEST_F(OnTun, ipv6_cut_short_at_every_byte_is_malformed) {
  const Octets whole = tcp6();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    expect_drop(machine, Drop::kIpv6Malformed, base::Bytes(whole).first(size));
  }
}

TEST_F(OnTun, ipv6_extension_headers_are_stepped_over_rfc8200_4) {
  Octets payload{60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 30, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  packets::put(payload, packets::tcp(40000, 8080, 77));
  const Input input = machine.packet(packets::ipv6(kPeer6, kOurs6, 0, payload));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  EXPECT_EQ(std::get<Packet>(input).network_size, 64);
  EXPECT_EQ(linear(std::get<Packet>(input).frame), packets::tcp(40000, 8080, 77));
}

TEST_F(OnTun, ipv6_for_another_is_not_for_us) {
  expect_drop(machine, Drop::kIpNotForUs, tcp6(kPeer6, address("fd66::3")));
}

TEST_F(OnTun, ipv6_impossible_sources_are_dropped_rfc4291_2_7) {
  for (const char* source : {"ff02::1", "::1", "fd66::2", "::"}) {
    expect_drop(machine, Drop::kIpBadSource, tcp6(address(source)));
  }
}

TEST_F(OnTun, ipv4_mapped_addresses_never_count_as_ipv4) {
  Octets mapped = tcp6();
  const auto& source = kPeer4.mapped();
  std::copy(source.begin(), source.end(), mapped.begin() + 8);
  expect_drop(machine, Drop::kIpv6Malformed, mapped);
  Octets to_mapped = tcp6();
  const auto& destination = kOurs4.mapped();
  std::copy(destination.begin(), destination.end(), to_mapped.begin() + 24);
  expect_drop(machine, Drop::kIpv6Malformed, to_mapped);
}

// Checksums of the transport, and super-frames.

TEST_F(OnTun, partial_checksum_is_only_left_where_the_device_is_believed) {
  const Input doubted = machine.packet(tcp4(), Checksum::kPartial);
  EXPECT_EQ(std::get<Packet>(doubted).frame.offload().checksum, Checksum::kNone);
  const Input verified = machine.packet(tcp4(), Checksum::kVerified);
  EXPECT_EQ(std::get<Packet>(verified).frame.offload().checksum, Checksum::kVerified);
  Machine offloaded(on_virtual_tun());
  const Input believed = offloaded.packet(tcp4(), Checksum::kPartial);
  EXPECT_EQ(std::get<Packet>(believed).frame.offload().checksum, Checksum::kPartial);
}

TEST_F(OnTun, checksum_of_either_form_is_only_left_where_the_device_is_believed) {
  const Input doubted = machine.packet(tcp4(), Checksum::kEither);
  EXPECT_EQ(std::get<Packet>(doubted).frame.offload().checksum, Checksum::kNone);
  Machine offloaded(on_virtual_tun());
  const Input believed = offloaded.packet(tcp4(), Checksum::kEither);
  EXPECT_EQ(std::get<Packet>(believed).frame.offload().checksum, Checksum::kEither);
}

TEST_F(OnTun, super_frame_of_65535_bytes_is_one_packet) {
  Octets segment = packets::tcp(40000, 8080, 77);
  segment.resize(65535 - 20);
  const Input input = machine.packet(packets::ipv4({.source = kPeer4, .destination = kOurs4}, segment));
  ASSERT_TRUE(std::holds_alternative<Packet>(input));
  EXPECT_EQ(std::get<Packet>(input).frame.size(), 65515U);
}

// Sending.

TEST_F(OnTun, send_puts_an_ipv4_header_in_front) {
  Route route = machine.ip.route(kFar4).value();
  machine.send(kFar4, route, 33);
  const Octets packet = machine.only().octets;
  ASSERT_EQ(packet.size(), 53U);
  const Octets header(packet.begin(), packet.begin() + 20);
  EXPECT_EQ(packets::naive_checksum(header), 0);
  EXPECT_EQ(header[0], 0x45);
  EXPECT_EQ(packets::get16(header, 2), 53);
  EXPECT_EQ(packets::get16(header, 4), 0);       // RFC 6864 4.1: an atomic datagram's means nothing.
  EXPECT_EQ(packets::get16(header, 6), 0x4000);  // DF.
  EXPECT_EQ(header[8], 64);
  EXPECT_EQ(header[9], 6);
  EXPECT_EQ(Address::v4(base::Bytes(header).subspan(12)), kOurs4);
  EXPECT_EQ(Address::v4(base::Bytes(header).subspan(16)), kFar4);
}

TEST_F(OnTun, send_puts_an_ipv6_header_in_front) {
  Route route = machine.ip.route(kFar6).value();
  machine.send(kFar6, route, 33);
  EXPECT_EQ(machine.only().octets, packets::ipv6(kOurs6, kFar6, 6, Octets(33, 0xa5)));
}

TEST_F(OnTun, ttl_is_the_configured_one) {
  Config low = config();
  low.ttl = 9;
  Machine other(on_tun(), low);
  Route route = other.ip.route(kFar4).value();
  other.send(kFar4, route);
  EXPECT_EQ(other.only().octets[8], 9);
}

TEST(Send, offloads_are_shifted_by_the_headers_in_front) {
  for (const link::Medium medium : {link::Medium::kIp, link::Medium::kEthernet}) {
    link::Caps caps = on_virtual_tun();
    caps.medium = medium;
    caps.headroom = 10;
    Machine machine(caps);
    machine.output();
    const std::uint16_t link_size = medium == link::Medium::kIp ? 0 : 14;
    EXPECT_EQ(machine.ip.headroom(kPeer4), 10U + link_size + 20U);
    EXPECT_EQ(machine.ip.headroom(kPeer6), 10U + link_size + 40U);

    link::Frame frame = machine.segment(kPeer4, 20);
    frame.offload() = {.checksum = Checksum::kPartial,
                       .gso = link::Gso::kTcp4,
                       .csum_start = 0,
                       .csum_offset = 16,
                       .gso_size = 1460,
                       .header_size = 20};
    EXPECT_TRUE(frame.attach(base::copy_to_heap(Octets(50'000, 1))));
    Route route = machine.ip.route(kPeer4).value();
    machine.ip.send(machine.now, std::move(frame), kPeer4, Protocol::kTcp, route);
    if (medium == link::Medium::kEthernet) {  // It waits, and what it asks for is shifted when it goes.
      machine.output();
      machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(2, kPeerMac, kPeer4, kOurMac, kOurs4)));
    }
    const Sent sent = machine.only();
    EXPECT_EQ(sent.offload.csum_start, link_size + 20);
    EXPECT_EQ(sent.offload.csum_offset, 16);
    EXPECT_EQ(sent.offload.header_size, link_size + 40);
    EXPECT_EQ(sent.offload.gso_size, 1460);
    EXPECT_EQ(sent.total_size, link_size + 40U + 50'000U);
    EXPECT_EQ(packets::get16(sent.octets, link_size + 2U), 50'040);  // Pieces are part of the packet.
  }
}

TEST(Send, complete_checksums_are_left_alone) {
  Machine machine(on_tun());
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  const Sent sent = machine.only();
  EXPECT_EQ(sent.offload.checksum, Checksum::kNone);
  EXPECT_EQ(sent.offload.csum_start, 0);
  EXPECT_EQ(sent.offload.header_size, 0);
}

TEST_F(OnTun, full_queue_drops_what_comes_last) {
  Machine wide(on_tun(), config(), 400);
  Route route = wide.ip.route(kPeer4).value();
  for (std::size_t i = 0; i < 300; ++i) wide.send(kPeer4, route, 20 + i);
  EXPECT_EQ(wide.ip.queued(), 256U);
  EXPECT_EQ(wide.drops(Drop::kTransmitQueueFull), 44U);
  EXPECT_EQ(wide.transmitted.free_count(), 400U - 256U);
  const std::vector<Sent> sent = wide.output();
  ASSERT_EQ(sent.size(), 256U);
  for (std::size_t at = 0; at < sent.size(); ++at) ASSERT_EQ(sent[at].octets.size(), 40 + at);
}

TEST_F(OnTun, output_fills_the_room_that_a_burst_has) {
  link::Burst burst;
  for (std::size_t at = 0; at < link::kBurstMax - 1; ++at) burst.push({});
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  machine.send(kPeer4, route);
  machine.ip.output(burst);
  EXPECT_TRUE(burst.full());
  EXPECT_EQ(machine.ip.queued(), 1U);
  machine.ip.output(burst);
  EXPECT_EQ(machine.ip.queued(), 1U);
}

TEST_F(OnEthernet, resolved_neighbour_is_remembered_in_the_route) {
  machine.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(1, kPeerMac, kPeer4, {}, kOurs4)));
  machine.output();
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  EXPECT_EQ(machine.output().size(), 1U);
  route.neighbour = 123456;  // A hint that has gone bad does no harm.
  machine.send(kPeer4, route);
  EXPECT_EQ(MacAddress::load(machine.only().octets), kPeerMac);
  EXPECT_LT(route.neighbour, 1024U);
}

TEST_F(OnEthernet, stop_lets_go_of_everything) {
  Route near = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, near);
  EXPECT_EQ(machine.ip.queued(), 1U);  // The request; the segment waits.
  machine.ip.stop();
  EXPECT_EQ(machine.ip.queued(), 0U);
  EXPECT_EQ(machine.transmitted.free_count(), 64U);
}

TEST_F(OnEthernet, drops_of_waiting_packets_do_not_end_received_frames) {
  Config small = config();
  small.neighbours_max = 1;
  small.neighbour_queue_max = 1;
  small.gateway_v4.reset();
  small.gateway_v6.reset();
  Machine tight(on_ethernet(), small);
  Route first = tight.ip.route(kPeer4).value();
  tight.send(kPeer4, first);
  tight.send(kPeer4, first);
  EXPECT_EQ(tight.drops(Drop::kNeighbourQueueFull), 1U);
  tight.input(packets::ethernet(kOurMac, kPeerMac, 0x0806, packets::arp(2, kPeerMac, kPeer4, kOurMac, kOurs4)));
  Route second = tight.ip.route(address("10.66.0.9")).value();
  tight.send(address("10.66.0.9"), second);
  EXPECT_EQ(tight.drops(Drop::kNeighbourTableFull), 1U);
  EXPECT_EQ(tight.counters.received_dropped(), 0U);
  EXPECT_TRUE(tight.accounted());
}

// Path MTU and time.

TEST_F(OnTun, transport_mtu_is_the_path_s_less_the_ip_header) {
  EXPECT_EQ(machine.ip.transport_mtu(kFar4), 1480);
  EXPECT_EQ(machine.ip.transport_mtu(kFar6), 1460);
  machine.ip.path_mtu(machine.now, kFar4, 1400);
  machine.ip.path_mtu(machine.now, kFar6, 1300);
  EXPECT_EQ(machine.ip.transport_mtu(kFar4), 1380);
  EXPECT_EQ(machine.ip.transport_mtu(kFar6), 1260);
  EXPECT_EQ(machine.ip.next_deadline(), machine.now + 600s);
  machine.at(600s - 1ns);
  EXPECT_EQ(machine.ip.transport_mtu(kFar4), 1380);
  machine.at(600s);
  EXPECT_EQ(machine.ip.transport_mtu(kFar4), 1480);
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
}

TEST_F(OnEthernet, next_deadline_is_the_neighbour_s) {
  EXPECT_EQ(machine.ip.next_deadline(), base::kNever);
  Route route = machine.ip.route(kPeer4).value();
  machine.send(kPeer4, route);
  EXPECT_LE(machine.ip.next_deadline(), machine.now + 1s + timer::Wheel::kTick);
}

// Set-up.

TEST(Setup, contradictions_name_the_setting) {
  const auto refused = [](auto change, const link::Caps& caps = on_ethernet()) {
    Config broken = config();
    change(broken);
    base::Counters counters;
    link::FrameArena arena({.frame_count = 4, .frame_size = 256, .headroom = 0, .pieces = false});
    EXPECT_THROW(Ip({}, broken, caps, arena, counters, {}), base::SetupError);
  };
  refused([](Config& c) { c.neighbours_max = 0; });
  refused([](Config& c) { c.neighbours_max = 20000; });
  refused([](Config& c) { c.neighbour_queue_max = 0; });
  refused([](Config& c) { c.neighbour_retransmit = {}; });
  refused([](Config& c) { c.neighbour_reachable = {}; });
  refused([](Config& c) { c.ttl = 0; });
  refused([](Config& c) { c.reassembly_memory = kReassemblyMemoryMin - 1; });
  refused([](Config& c) { c.reassembly_packets_max = kReassemblySourceShare - 1; });
  refused([](Config& c) { c.reassembly_packets_max = kReassemblyPacketsMax + 1; });
  refused([](Config& c) { c.reassembly_fragments_max = 0; });
  refused([](Config& c) { c.mac = {}; });
  link::Caps narrow = on_tun();
  narrow.mtu = 1279;
  refused([](Config&) {}, narrow);
}

// Everything together.

TEST(Accounting, mutated_frames_all_end_somewhere) {
  Machine machine(on_ethernet());
  machine.output();
  const Octets error =
      packets::icmpv4(3, 3, 0, packets::ipv4({.source = kOurs4, .destination = kPeer4}, packets::tcp(1, 2, 3)));
  const std::vector<Octets> seeds{
      packets::ethernet(kOurMac, kPeerMac, 0x0800, tcp4()),
      packets::ethernet(kOurMac, kPeerMac, 0x86dd, tcp6()),
      packets::ethernet(wire::kBroadcast, kPeerMac, 0x0806, packets::arp(1, kPeerMac, kPeer4, {}, kOurs4)),
      packets::ethernet(
          kOurMac, kPeerMac, 0x86dd,
          packets::ipv6(kPeer6, kOurs6, 58, packets::ndp(kPeer6, kOurs6, 135, 0, kOurs6, 1, kPeerMac), 255)),
      packets::ethernet(kOurMac, kPeerMac, 0x0800,
                        packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1}, error)),
      packets::ethernet(kOurMac, kPeerMac, 0x86dd,
                        packets::ipv6(kPeer6, kOurs6, 60, Octets{43, 0, 0x9e, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0})),
      packets::ethernet(kOurMac, kPeerMac, 0x0800,
                        packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17},
                                      packets::udp(kPeer4, kOurs4, 1, 2, Octets(9, 9))))};
  std::uint32_t state = 12345;
  const auto next = [&state] { return (state = state * 1664525 + 1013904223) >> 8; };
  for (int round = 0; round < 30'000; ++round) {
    Octets frame = seeds[next() % seeds.size()];
    for (std::uint32_t edits = next() % 4; edits > 0; --edits)
      frame[next() % frame.size()] = static_cast<std::uint8_t>(next());
    if (next() % 8 == 0) frame.resize(next() % (frame.size() + 1));
    Input input = machine.input(frame, static_cast<Checksum>(next() % 3));
    if (std::holds_alternative<Packet>(input) && next() % 2 == 0) machine.reject(std::move(input));
    if (round % 64 == 0) {
      machine.output();
      machine.at(machine.now.time_since_epoch() + 7ms);
    }
    ASSERT_TRUE(machine.accounted()) << round;
  }
}

}  // namespace
}  // namespace windhover::stack::ip
