// The device against the kernel, on veth: frames of every size and way, and every shortage that it can meet.

#include "backends/xdp/xdp.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <vector>

#include "stack/wire/checksum.h"
#include "tests/backends/xdp/device.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using link::Frame;
using namespace std::chrono_literals;

class XdpTest : public DeviceTest {
 protected:
  /// Both ways: frames of those sizes arrive as they were sent, and all chunks come back.
  void sizes_cross_both_ways(const Config& config, const std::vector<std::size_t>& sizes);
  /// Puts a partial UDP-like checksum into a packet of `size` bytes in pieces of `piece`.
  static Frame make_partial(Xdp& device, std::size_t size, std::size_t piece);
};

void XdpTest::sizes_cross_both_ways(const Config& config, const std::vector<std::size_t>& sizes) {
  const Opened opened = open_lanes(config);
  Xdp& device = *opened.lanes[0];
  Peer peer("c0", kIpv4);
  for (const std::size_t size : sizes) {
    const auto number = static_cast<std::uint32_t>(size);
    ASSERT_TRUE(peer.send(packet(size, number))) << size;
    ASSERT_EQ(receive(device, 1), std::vector{number});
    send(device, size % 3 == 0 ? make_gathered(device, size, number, 54, size / 5)
                               : make_gathered(device, size, number, 54, size));
    device.flush();
    const auto seen = peer.receive();
    ASSERT_TRUE(seen) << size;
    ASSERT_EQ(seen->bytes.size(), size);
    ASSERT_EQ(number_if_intact(seen->bytes), number);
  }
  EXPECT_TRUE(all_return(device));
  const link::DeviceStats& stats = device.stats();
  const auto bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  EXPECT_EQ(stats.received_frames, sizes.size());
  EXPECT_EQ(stats.received_bytes, bytes);
  EXPECT_EQ(stats.transmitted_frames, sizes.size());
  EXPECT_EQ(stats.transmitted_bytes, bytes);
  EXPECT_EQ(stats.received_dropped + stats.transmit_dropped, 0u);
}

TEST_F(XdpTest, every_size_of_frame_crosses_both_ways) {
  std::vector<std::size_t> sizes(1514 - 60 + 1);
  std::iota(sizes.begin(), sizes.end(), std::size_t{60});
  sizes_cross_both_ways({}, sizes);
}

TEST_F(XdpTest, generic_mode_carries_them_too) {
  Config config;
  config.mode = Mode::kGeneric;
  sizes_cross_both_ways(config, {60, 61, 127, 590, 1513, 1514});
}

TEST_F(XdpTest, jumbo_frames_cross_in_several_chunks) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  // One chunk receives 3840 bytes and transmits 4072.
  sizes_cross_both_ways({}, {60, 1514, 3839, 3840, 3841, 4071, 4072, 4073, 7680, 7681, 8144, 8145, 9013, 9014});
}

TEST_F(XdpTest, jumbo_frames_cross_in_small_chunks) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  Config config;
  config.chunk_size = 2048;
  sizes_cross_both_ways(config, {60, 1791, 1792, 1793, 2023, 2024, 2025, 3584, 3585, 9014});
}

TEST_F(XdpTest, super_frames_arrive_whole_in_generic_mode) {
  Config config;
  config.mode = Mode::kGeneric;
  const Opened opened = open_lanes(config);
  Xdp& device = *opened.lanes[0];

  // What a TCP sender with segmentation offload hands down at c0.
  PacketSocket sender(static_cast<int>(if_nametoindex("c0")), "c0");
  link::FrameArena arena({.frame_count = 1, .frame_size = 66000, .headroom = 0, .pieces = true});
  for (const std::size_t size : {3000U, 28000U, 65000U}) {
    Frame frame = arena.allocate();
    const base::MutableBytes bytes = frame.append(size);
    write_packet(bytes, static_cast<std::uint32_t>(size));
    bytes[14 + 9] = 6;
    bytes[kHeaders + 12] = 0x50;
    base::store_be(bytes.data() + 14 + 10, std::uint16_t{0});
    base::store_be(bytes.data() + 14 + 10, stack::wire::sum(bytes.subspan(14, 20)).finish());
    const std::vector<std::uint8_t> sent(bytes.begin(), bytes.end());
    frame.offload() = {.checksum = link::Checksum::kPartial,
                       .gso = link::Gso::kTcp4,
                       .csum_start = kHeaders,
                       .csum_offset = 16,
                       .gso_size = 1460,
                       .header_size = kHeaders + 20};
    ASSERT_EQ(sender.send(frame), PacketSocket::Sent::kYes);
    link::Burst burst;
    ASSERT_TRUE(eventually([&] { return device.receive(burst) != 0; }));
    ASSERT_EQ(burst.size(), 1u);
    EXPECT_TRUE(std::ranges::equal(burst[0].bytes(), sent));
    EXPECT_EQ(burst[0].offload().checksum, link::Checksum::kEither);
  }
}

TEST_F(XdpTest, chain_that_outgrows_its_buffer_is_dropped_and_the_next_packet_arrives) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  run("ip link set s0 mtu 30000 && ip link set c0 mtu 30000");
  const Peer peer("c0", kIpv4);
  ASSERT_TRUE(peer.send(packet(9014, 1)));
  ASSERT_TRUE(peer.send(packet(25000, 2)));
  ASSERT_TRUE(peer.send(packet(9014, 3)));
  ASSERT_TRUE(peer.send(packet(60, 4)));
  EXPECT_EQ(receive(device, 3), (std::vector<std::uint32_t>{1, 3, 4}));
  EXPECT_EQ(device.stats().received_dropped, 1u);
}

TEST_F(XdpTest, chain_may_span_two_receives) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  const Peer peer("c0", kIpv4);
  constexpr std::uint32_t kCount = 100;
  for (std::uint32_t number = 0; number < kCount; ++number) ASSERT_TRUE(peer.send(packet(9014, number)));
  // Three descriptors each: a burst of 64 ends within the 22nd.
  EXPECT_EQ(receive(device, kCount), numbers(0, kCount));
}

TEST_F(XdpTest, received_frames_say_how_far_their_checksum_can_be_trusted) {
  for (const ReceiveChecksum choice : {ReceiveChecksum::kAuto, ReceiveChecksum::kVerify}) {
    Config config;
    config.receive_checksum = choice;
    const Opened opened = open_lanes(config);
    Xdp& device = *opened.lanes[0];
    const bool partial = choice == ReceiveChecksum::kAuto;  // A veth is virtual.
    EXPECT_EQ(device.caps().receive_partial_checksum, partial);
    const Peer peer("c0", kIpv4);
    ASSERT_TRUE(peer.send(packet(100, 1)));
    link::Burst burst;
    ASSERT_TRUE(eventually([&] { return device.receive(burst) != 0; }));
    EXPECT_EQ(burst[0].offload().checksum, partial ? link::Checksum::kEither : link::Checksum::kNone);
  }
}

Frame XdpTest::make_partial(Xdp& device, std::size_t size, std::size_t piece) {
  Frame frame = make_gathered(device, size, 5, 58, piece);
  base::store_be(frame.bytes().data() + kHeaders + 16, std::uint16_t{0x1234});  // The sum of some pseudo-header.
  frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = kHeaders, .csum_offset = 16};
  return frame;
}

TEST_F(XdpTest, partial_checksum_goes_to_the_kernel_as_metadata) {
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  EXPECT_EQ(device.caps().headroom, kMetadataSize);
  EXPECT_TRUE(device.caps().transmit_checksum);
  Peer peer("c0", kIpv4);
  send(device, make_partial(device, 1000, 333));
  EXPECT_TRUE(device.flush());
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kPartial);
  EXPECT_EQ(seen->offload.csum_start, kHeaders);
  EXPECT_EQ(seen->offload.csum_offset, 16);
  EXPECT_EQ(base::load_be<std::uint16_t>(seen->bytes.data() + kHeaders + 16), 0x1234);
}

TEST_F(XdpTest, partial_checksum_is_completed_here_without_metadata) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  Config config;
  config.transmit_checksum = false;
  const Opened opened = open_lanes(config);
  Xdp& device = *opened.lanes[0];
  EXPECT_EQ(device.caps().headroom, 0);
  EXPECT_TRUE(device.caps().transmit_checksum);
  Peer peer("c0", kIpv4);
  for (const std::size_t size : {60U, 61U, 1001U, 4095U, 4096U, 4097U, 8193U, 9014U}) {
    send(device, make_partial(device, size, size / 7 + 1));
    EXPECT_TRUE(device.flush());
    const auto seen = peer.receive();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->offload.checksum, link::Checksum::kNone);
    // The field held 0x1234 for the pseudo-header: with it back in, everything sums to ones.
    const auto sum = stack::wire::sum(base::Bytes(seen->bytes).subspan(kHeaders)) +
                     stack::wire::Sum(base::network_order(std::uint16_t{0x1234}));
    EXPECT_TRUE(sum.valid()) << size;
  }
}

TEST_F(XdpTest, checksum_field_outside_the_linear_bytes_is_refused) {
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  Peer peer("c0", kIpv4);
  Frame frame = make_frame(device, 60, 1);
  frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = 59, .csum_offset = 0};
  send(device, std::move(frame));
  EXPECT_EQ(device.stats().transmit_dropped, 1u);
  send(device, make_frame(device, 60, 2));
  EXPECT_TRUE(device.flush());
  EXPECT_EQ(receive(peer, 1), std::vector<std::uint32_t>{2});
}

TEST_F(XdpTest, super_frame_and_segments_of_its_flow_arrive_in_order) {
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  ASSERT_TRUE(device.caps().transmit_gso);
  Peer peer("c0", kIpv4);
  const auto segment = [&](std::uint32_t number, std::size_t size) {
    Frame frame = size > 1514 ? make_gathered(device, size, number, 66, size / 3) : make_frame(device, size, number);
    base::store_be(frame.bytes().data() + kHeaders, number);  // The ports, too.
    frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = kHeaders, .csum_offset = 16};
    frame.bytes()[14 + 9] = 6;
    frame.bytes()[kHeaders + 12] = 0x50;
    if (size > 1514) {
      frame.offload().gso = link::Gso::kTcp4;
      frame.offload().gso_size = 1460;
      frame.offload().header_size = kHeaders + 20;
    }
    return frame;
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<Frame> frames;
    for (const std::size_t size : {100U, 200U, 30000U, 300U, 20000U, 25000U, 400U}) frames.push_back(segment(7, size));
    ASSERT_EQ(device.transmit(frames), frames.size());
    EXPECT_TRUE(device.flush());
    for (const std::size_t size : {100U, 200U, 30000U, 300U, 20000U, 25000U, 400U}) {
      const auto seen = peer.receive();
      ASSERT_TRUE(seen);
      ASSERT_EQ(seen->bytes.size(), size) << "round " << round;
    }
  }
  EXPECT_EQ(device.stats().transmitted_frames, 350u);
  EXPECT_TRUE(all_return(device));
}

TEST_F(XdpTest, starved_fill_ring_is_counted_and_recovers) {
  Config config = small_rings();
  config.queue_count = 1;
  config.receive_frames = 64;
  const Opened opened = open_lanes(config);
  Xdp& device = *opened.lanes[0];
  const Peer peer("c0", kIpv4);
  for (std::uint32_t number = 0; number < 200; ++number) ASSERT_TRUE(peer.send(packet(60, number)));
  link::Burst held;
  ASSERT_TRUE(eventually([&] {
    device.receive(held);
    return held.full();
  }));
  for (std::uint32_t number = 200; number < 300; ++number) ASSERT_TRUE(peer.send(packet(60, number)));
  ASSERT_TRUE(eventually([&] { return device.socket_statistics().rx_fill_empty >= 236; }));
  EXPECT_EQ(device.stats().received_frames, 64u);
  link::Burst more;
  EXPECT_EQ(device.receive(more), 0u);

  held.clear();
  device.receive(more);
  for (std::uint32_t number = 300; number < 340; ++number) ASSERT_TRUE(peer.send(packet(60, number)));
  EXPECT_EQ(receive(device, 40), numbers(300, 40));
}

TEST_F(XdpTest, full_receive_ring_is_counted_and_recovers) {
  const Opened opened = open_lanes(small_rings());
  Xdp& device = *opened.lanes[0];
  const Peer peer("c0", kIpv4);
  for (std::uint32_t number = 0; number < 64; ++number) ASSERT_TRUE(peer.send(packet(60, number)));
  // Half of them is taken; chunks are given for a whole ring, and there are slots for half of it.
  link::Burst burst;
  ASSERT_TRUE(eventually([&] {
    link::Burst one;
    for (std::size_t at = 0; at < 32; ++at) one.push(make_frame(device, 60, 0));
    return device.receive(one) == 32;
  }));
  while (!burst.full()) burst.push(make_frame(device, 60, 0));
  EXPECT_EQ(device.receive(burst), 0u);
  for (std::uint32_t number = 64; number < 164; ++number) ASSERT_TRUE(peer.send(packet(60, number)));
  ASSERT_TRUE(eventually([&] { return device.socket_statistics().rx_ring_full != 0; }));
  burst.clear();
  EXPECT_EQ(receive(device, 64), numbers(32, 64));
  ASSERT_TRUE(peer.send(packet(60, 1000)));
  EXPECT_EQ(receive(device, 1), std::vector<std::uint32_t>{1000});
}

TEST_F(XdpTest, peer_that_is_behind_costs_counted_frames_without_a_qdisc) {
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  hold_peer_back();
  Peer peer("c0", kIpv4);
  constexpr std::uint32_t kCount = 600;
  for (std::uint32_t number = 0; number < kCount; ++number) send(device, make_frame(device, 1000, number));
  EXPECT_TRUE(eventually([&] { return device.flush(); }));
  const std::uint64_t dropped = device.stats().transmit_dropped;
  EXPECT_GT(dropped, 0u);
  EXPECT_LT(dropped, kCount);
  std::vector<std::uint32_t> arrived = receive(peer, kCount - dropped);
  EXPECT_EQ(arrived.size(), kCount - dropped);
  EXPECT_TRUE(std::ranges::is_sorted(arrived));
  EXPECT_FALSE(peer.try_receive());
  EXPECT_TRUE(all_return(device));
  send(device, make_frame(device, 1000, 9999));
  EXPECT_TRUE(device.flush());
  EXPECT_EQ(receive(peer, 1), std::vector<std::uint32_t>{9999});
}

TEST_F(XdpTest, peer_that_is_behind_costs_nothing_with_a_qdisc) {
  if (!kernel_is_at_least(6, 16)) GTEST_SKIP() << "the kernel tells a full queue from a lost frame since Linux 6.16";
  run("tc qdisc add dev s0 root pfifo limit 1000");
  const Opened opened = open_lanes(small_rings());
  Xdp& device = *opened.lanes[0];
  hold_peer_back();
  Peer peer("c0", kIpv4);
  constexpr std::uint32_t kCount = 600;
  std::uint32_t next = 0;
  Frame frame = make_frame(device, 1000, next);
  EXPECT_TRUE(eventually([&] {
    while (next < kCount && device.transmit({&frame, 1}) == 1)
      if (++next < kCount) frame = make_frame(device, 1000, next);
    if (!device.flush()) device.wait(1ms, -1);
    return next == kCount;
  }));
  EXPECT_GT(device.stats().transmit_blocked, 0u);
  EXPECT_TRUE(eventually([&] { return device.flush(); }));
  EXPECT_EQ(receive(peer, kCount), numbers(0, kCount));
  EXPECT_EQ(device.stats().transmit_dropped, 0u);
  EXPECT_TRUE(all_return(device));
}

TEST_F(XdpTest, super_frame_waits_behind_segments_that_the_kernel_does_not_take) {
  if (!kernel_is_at_least(6, 16)) GTEST_SKIP() << "the kernel tells a full queue from a lost frame since Linux 6.16";
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  run("tc qdisc add dev s0 root pfifo limit 1000");
  hold_peer_back();
  for (std::uint32_t number = 0; number < 400; ++number) {
    Frame frame = make_frame(device, 1000, number);
    frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = kHeaders, .csum_offset = 16};
    base::store_be(frame.bytes().data() + kHeaders, 7U);
    send(device, std::move(frame));
  }
  ASSERT_FALSE(device.flush());
  Frame super = make_gathered(device, 5000, 7, 66, 5000);
  super.offload() = {.checksum = link::Checksum::kPartial,
                     .gso = link::Gso::kTcp4,
                     .csum_start = kHeaders,
                     .csum_offset = 16,
                     .gso_size = 1460,
                     .header_size = kHeaders + 20};
  EXPECT_EQ(device.transmit({&super, 1}), 0u);
  EXPECT_EQ(device.stats().transmit_blocked, 1u);
  EXPECT_EQ(super.total_size(), 5000u);
  EXPECT_TRUE(eventually([&] { return device.transmit({&super, 1}) == 1; }));
}

TEST_F(XdpTest, interface_that_goes_down_and_up_goes_on) {
  const Opened opened = open_lanes(small_rings());
  Xdp& device = *opened.lanes[0];
  Peer peer("c0", kIpv4);
  run("ip link set s0 down");
  std::uint32_t taken = 0;
  for (; taken < 200; ++taken) {
    Frame frame = make_frame(device, 100, taken);
    if (device.transmit({&frame, 1}) == 0) break;
    EXPECT_FALSE(device.flush());
  }
  EXPECT_EQ(taken, 64u);  // The ring.

  // It sleeps, for as long as it is asked to or until it looks again.
  const auto before = std::chrono::steady_clock::now();
  for (int times = 0; times < 5; ++times) device.wait(10ms, -1);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 50ms);
  EXPECT_EQ(device.failure(), 0);

  run("ip link set s0 up");
  EXPECT_TRUE(eventually([&] { return device.flush(); }));
  EXPECT_EQ(receive(peer, taken), numbers(0, taken));
  EXPECT_EQ(device.stats().transmit_dropped, 0u);
  // The kernel lets the peer send when it has noticed its carrier, and loses what comes before that.
  link::Burst burst;
  EXPECT_TRUE(eventually([&] { return peer.send(packet(60, 77)) && device.receive(burst) != 0; }));
  burst.clear();
  EXPECT_TRUE(all_return(device));
}

TEST_F(XdpTest, deleted_interface_is_a_failure_for_who_only_waits) {
  const Opened opened = open_lanes({}, 3);
  run("ip link delete s0");
  for (const std::size_t lane : {0U, 2U}) {  // With a queue and without.
    Xdp& device = *opened.lanes[lane];
    EXPECT_EQ(device.failure(), 0);
    EXPECT_TRUE(eventually([&] {
      device.wait(1ms, -1);
      return device.failure() != 0;
    }));
    const auto before = std::chrono::steady_clock::now();
    device.wait(20ms, -1);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
    link::Burst burst;
    EXPECT_EQ(device.receive(burst), 0u);
  }
}

TEST_F(XdpTest, deleted_interface_is_a_failure_for_who_transmits) {
  const Opened opened = open_lanes({}, 3);
  run("ip link delete s0");
  for (const std::size_t lane : {0U, 2U}) {
    Xdp& device = *opened.lanes[lane];
    send(device, make_frame(device, 60, 1));
    device.flush();
    EXPECT_NE(device.failure(), 0);
    // From then on frames are dropped, and their chunks are free at once.
    const std::size_t free = device.arena().free_count();
    const std::uint64_t dropped = device.stats().transmit_dropped;
    send(device, make_frame(device, 60, 2));
    EXPECT_EQ(device.stats().transmit_dropped, dropped + 1);
    EXPECT_EQ(device.arena().free_count(), free);
  }
}

TEST_F(XdpTest, two_queues_feed_one_lane) {
  const Opened opened = open_lanes();
  ASSERT_EQ(opened.queue_count, 2u);
  Xdp& device = *opened.lanes[0];
  ASSERT_EQ(device.sockets().size(), 2u);
  const Peer peer("c0", kIpv4);
  // The sender's queue follows from the flow.
  for (std::uint32_t number = 0; number < 200; ++number)
    ASSERT_TRUE(peer.send(packet(60, number, static_cast<std::uint8_t>(2 + number))));
  std::vector<std::uint32_t> got = receive(device, 200);
  std::ranges::sort(got);
  EXPECT_EQ(got, numbers(0, 200));
}

TEST_F(XdpTest, two_queues_feed_two_lanes) {
  const Opened opened = open_lanes({}, 2);
  const Peer peer("c0", kIpv4);
  for (std::uint32_t number = 0; number < 200; ++number)
    ASSERT_TRUE(peer.send(packet(60, number, static_cast<std::uint8_t>(2 + number))));
  std::vector<std::uint32_t> got;
  link::Burst burst;
  EXPECT_TRUE(eventually([&] {
    for (const auto& lane : opened.lanes) {
      lane->receive(burst);
      for (const Frame& frame : burst.frames()) got.push_back(number_if_intact(frame.bytes()));
      burst.clear();
    }
    return got.size() == 200;
  }));
  std::ranges::sort(got);
  EXPECT_EQ(got, numbers(0, 200));
  EXPECT_GT(opened.lanes[0]->stats().received_frames, 0u);
  EXPECT_GT(opened.lanes[1]->stats().received_frames, 0u);
}

TEST_F(XdpTest, lane_without_a_queue_sends_through_the_packet_socket) {
  Config config;
  config.queue_count = 1;
  const Opened opened = open_lanes(config, 2);
  Xdp& device = *opened.lanes[1];
  EXPECT_TRUE(device.sockets().empty());
  EXPECT_EQ(device.caps().headroom, 0);
  EXPECT_TRUE(device.caps().transmit_gso);
  Peer peer("c0", kIpv4);
  send(device, make_gathered(device, 1514, 1, 54, 400));
  send(device, make_partial(device, 700, 100));
  EXPECT_TRUE(device.flush());
  EXPECT_EQ(receive(peer, 1), std::vector<std::uint32_t>{1});
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kPartial);
  EXPECT_EQ(device.arena().free_count(), device.arena().shape().frame_count);
  link::Burst burst;
  EXPECT_EQ(device.receive(burst), 0u);
}

TEST_F(XdpTest, wait_ends_with_a_frame_and_with_the_eventfd) {
  const Opened opened = open_lanes();
  Xdp& device = *opened.lanes[0];
  const Peer peer("c0", kIpv4);
  ASSERT_TRUE(peer.send(packet(60, 1)));
  device.wait(1h, -1);
  EXPECT_EQ(receive(device, 1), std::vector<std::uint32_t>{1});
  const host::File bell(eventfd(1, EFD_CLOEXEC));
  device.wait(1h, bell.fd());
  link::Burst burst;
  device.receive(burst);
  ASSERT_TRUE(burst.empty());
  device.pass(make_frame(device, 60, 1));
  EXPECT_EQ(device.stats().passed_frames, 1u);
  EXPECT_EQ(device.arena().free_count(), device.arena().shape().frame_count);
}

}  // namespace
}  // namespace windhover::backends::xdp
