// The packet socket against the kernel, on veth.

#include "backends/xdp/packet_socket.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include "stack/base/setup_error.h"
#include "stack/wire/checksum.h"
#include "tests/backends/xdp/veth.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
namespace wire = stack::wire;
using base::store_be;
using Sent = PacketSocket::Sent;

constexpr std::size_t kLinkHeader = 14;
constexpr std::size_t kTcpHeader = 20;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint16_t kMss = 1400;

class PacketSocketTest : public VethTest {
 protected:
  link::Frame experimental(std::uint32_t number, std::size_t size = 60) {
    link::Frame frame = arena_.allocate();
    write_frame(frame.append(size), number);
    return frame;
  }
  /// Ethernet, IP and TCP headers for a payload, which is attached in two pieces; the checksum is left to the device.
  link::Frame super_frame(bool v4, const std::vector<std::uint8_t>& payload);
  /// What arrives at the peer must be that frame, whole.
  void super_frame_arrives_whole(bool v4);
  /// What arrives must be that frame in segments.
  void super_frame_arrives_in_segments(bool v4);

  static bool has_group(const std::string& octets) {
    std::ifstream file("/proc/net/dev_mcast");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.find(octets) != std::string::npos;
  }

  link::FrameArena arena_{{.frame_count = 16, .frame_size = 4096, .headroom = 64, .pieces = true}};
};

std::vector<std::uint8_t> counted_bytes(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

link::Frame PacketSocketTest::super_frame(bool v4, const std::vector<std::uint8_t>& payload) {
  const std::size_t ip_header = v4 ? 20 : 40;
  const auto tcp_size = static_cast<std::uint16_t>(kTcpHeader + payload.size());
  const wire::Address source = *wire::Address::parse(v4 ? "10.67.0.1" : "fd67::1");
  const wire::Address destination = *wire::Address::parse(v4 ? "10.67.0.2" : "fd67::2");

  link::Frame frame = arena_.allocate();
  const base::MutableBytes header = frame.append(kLinkHeader + ip_header + kTcpHeader);
  std::ranges::fill(header, std::uint8_t{0});
  std::ranges::fill(header.first(12), std::uint8_t{2});
  store_be(header.data() + 12, static_cast<std::uint16_t>(v4 ? ETH_P_IP : ETH_P_IPV6));
  std::uint8_t* const ip = header.data() + kLinkHeader;
  if (v4) {
    ip[0] = 0x45;
    store_be(ip + 2, static_cast<std::uint16_t>(ip_header + tcp_size));
    ip[8] = 64;
    ip[9] = kTcp;
    std::ranges::copy(source.octets(), ip + 12);
    std::ranges::copy(destination.octets(), ip + 16);
    store_be(ip + 10, wire::sum({ip, ip_header}).finish());
  } else {
    ip[0] = 0x60;
    store_be(ip + 4, tcp_size);
    ip[6] = kTcp;
    ip[7] = 64;
    std::ranges::copy(source.octets(), ip + 8);
    std::ranges::copy(destination.octets(), ip + 24);
  }
  std::uint8_t* const tcp = ip + ip_header;
  tcp[12] = 0x50;
  store_be(tcp + 16, wire::pseudo_header_sum(source, destination, kTcp, tcp_size).fold());

  const base::Slice body = base::copy_to_heap(payload);
  EXPECT_TRUE(frame.attach(body.part(0, payload.size() / 3)));
  EXPECT_TRUE(frame.attach(body.part(payload.size() / 3, payload.size() - payload.size() / 3)));
  link::Offload& offload = frame.offload();
  offload.checksum = link::Checksum::kPartial;
  offload.csum_start = static_cast<std::uint16_t>(kLinkHeader + ip_header);
  offload.csum_offset = 16;
  offload.gso = v4 ? link::Gso::kTcp4 : link::Gso::kTcp6;
  offload.gso_size = kMss;
  offload.header_size = static_cast<std::uint16_t>(header.size());
  return frame;
}

TEST_F(PacketSocketTest, frame_is_gathered_from_its_pieces) {
  Peer peer;
  PacketSocket socket(index_, "s0");
  link::Frame frame = experimental(5);
  const std::vector<std::uint8_t> bytes = counted_bytes(200);
  const base::Slice body = base::copy_to_heap(bytes);
  for (std::size_t i = 0; i < link::kPiecesMax; ++i) ASSERT_TRUE(frame.attach(body.part(i * 10, 10)));
  ASSERT_EQ(socket.send(frame), Sent::kYes);
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->bytes.size(), 60 + 10 * link::kPiecesMax);
  EXPECT_EQ(number_of(seen->bytes), 5u);
  EXPECT_TRUE(std::equal(seen->bytes.begin() + 60, seen->bytes.end(), bytes.begin()));
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kNone);
  EXPECT_EQ(frame.total_size(), 60 + 10 * link::kPiecesMax);  // Still the caller's, as it was.
}

TEST_F(PacketSocketTest, partial_checksum_is_left_to_the_device) {
  Peer peer;
  PacketSocket socket(index_, "s0");
  link::Frame frame = experimental(6);
  frame.offload().checksum = link::Checksum::kPartial;
  frame.offload().csum_start = 34;
  frame.offload().csum_offset = 6;
  ASSERT_EQ(socket.send(frame), Sent::kYes);
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kPartial);
  EXPECT_EQ(seen->offload.csum_start, 34);
  EXPECT_EQ(seen->offload.csum_offset, 6);
}

void PacketSocketTest::super_frame_arrives_whole(bool v4) {
  Peer peer("c0", v4 ? ETH_P_IP : ETH_P_IPV6);
  PacketSocket socket(index_, "s0");
  const std::vector<std::uint8_t> payload = counted_bytes(50000);
  const link::Frame frame = super_frame(v4, payload);
  ASSERT_EQ(socket.send(frame), Sent::kYes);
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  const std::size_t header_size = frame.size();
  ASSERT_EQ(seen->bytes.size(), header_size + payload.size());
  EXPECT_TRUE(
      std::equal(payload.begin(), payload.end(), seen->bytes.begin() + static_cast<std::ptrdiff_t>(header_size)));
  EXPECT_EQ(seen->offload.gso, frame.offload().gso);
  EXPECT_EQ(seen->offload.gso_size, kMss);
  EXPECT_EQ(seen->offload.header_size, header_size);
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kPartial);
}

TEST_F(PacketSocketTest, ipv4_super_frame_arrives_whole) { super_frame_arrives_whole(true); }
TEST_F(PacketSocketTest, ipv6_super_frame_arrives_whole) { super_frame_arrives_whole(false); }

void PacketSocketTest::super_frame_arrives_in_segments(bool v4) {
  run("ethtool -K s0 tso off tx off >/dev/null");
  Peer peer("c0", v4 ? ETH_P_IP : ETH_P_IPV6);
  PacketSocket socket(index_, "s0");
  const std::vector<std::uint8_t> payload = counted_bytes(50000);
  const link::Frame frame = super_frame(v4, payload);
  ASSERT_EQ(socket.send(frame), Sent::kYes);
  const std::size_t header_size = frame.size();
  std::vector<std::uint8_t> arrived;
  while (arrived.size() < payload.size()) {
    const auto seen = peer.receive();
    ASSERT_TRUE(seen) << arrived.size() << " of " << payload.size();
    ASSERT_GT(seen->bytes.size(), header_size);
    ASSERT_LE(seen->bytes.size(), header_size + kMss);
    EXPECT_EQ(seen->offload.gso, link::Gso::kNone);
    const base::Bytes tcp = base::Bytes(seen->bytes).subspan(header_size - kTcpHeader);
    EXPECT_EQ(base::load_be<std::uint32_t>(tcp.data() + 4), arrived.size());
    arrived.insert(arrived.end(), seen->bytes.begin() + static_cast<std::ptrdiff_t>(header_size), seen->bytes.end());
  }
  EXPECT_EQ(arrived, payload);
}

TEST_F(PacketSocketTest, without_tso_the_kernel_segments_ipv4) { super_frame_arrives_in_segments(true); }
TEST_F(PacketSocketTest, without_tso_the_kernel_segments_ipv6) { super_frame_arrives_in_segments(false); }

TEST_F(PacketSocketTest, frame_beyond_the_mtu_is_dropped) {
  PacketSocket socket(index_, "s0");
  link::Frame frame = experimental(1, 1600);
  EXPECT_EQ(socket.send(frame), Sent::kDropped);
}

TEST_F(PacketSocketTest, interface_down_drops_and_up_sends_again) {
  Peer peer;
  PacketSocket socket(index_, "s0");
  const link::Frame frame = experimental(1);
  run("ip link set s0 down");
  EXPECT_EQ(socket.send(frame), Sent::kDropped);
  run("ip link set s0 up");
  EXPECT_TRUE(eventually([&] { return socket.send(frame) == Sent::kYes; }));
  EXPECT_TRUE(peer.receive());
}

TEST_F(PacketSocketTest, interface_that_goes_away_loses_the_socket) {
  PacketSocket socket(index_, "s0");
  const link::Frame frame = experimental(1);
  run("ip link del s0");
  EXPECT_EQ(socket.send(frame), Sent::kLost);
}

TEST_F(PacketSocketTest, device_without_room_drops) {
  hold_peer_back();
  Peer peer;
  PacketSocket socket(index_, "s0");
  std::size_t sent = 0;
  Sent last = Sent::kYes;
  for (std::uint32_t number = 0; number < 1000 && last == Sent::kYes; ++number) {
    last = socket.send(experimental(number));
    if (last == Sent::kYes) ++sent;
  }
  EXPECT_EQ(last, Sent::kDropped);
  EXPECT_GE(sent, 256u);  // What veth's ring holds.
  for (std::uint32_t number = 0; number < sent; ++number) {
    const auto seen = peer.receive();
    ASSERT_TRUE(seen) << number;
    EXPECT_EQ(number_of(seen->bytes), number);
  }
  EXPECT_FALSE(peer.try_receive());
}

TEST_F(PacketSocketTest, full_send_buffer_is_a_matter_of_time) {
  hold_peer_back();
  Peer peer;
  PacketSocket socket(index_, "s0");
  const int size = 32768;
  ASSERT_EQ(setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  Sent last = Sent::kYes;
  for (std::uint32_t number = 0; number < 200 && last == Sent::kYes; ++number) {
    last = socket.send(experimental(number, 1500));
  }
  EXPECT_EQ(last, Sent::kNotNow);
  pollfd waiting{socket.fd(), POLLOUT, 0};
  ASSERT_EQ(poll(&waiting, 1, kTries), 1);
  EXPECT_EQ(socket.send(experimental(999)), Sent::kYes);
}

TEST_F(PacketSocketTest, nothing_is_received) {
  PacketSocket socket(index_, "s0");
  Peer reader("s0");
  const Peer peer;
  std::vector<std::uint8_t> frame(60);
  write_frame(frame, 1);
  ASSERT_TRUE(peer.send(frame));
  ASSERT_TRUE(reader.receive());  // It has passed.
  pollfd waiting{socket.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
}

TEST_F(PacketSocketTest, group_is_joined_as_long_as_the_socket_lives) {
  const wire::MacAddress group = *wire::MacAddress::parse("33:33:ff:12:34:56");
  {
    PacketSocket socket(index_, "s0");
    EXPECT_FALSE(has_group("3333ff123456"));
    EXPECT_EQ(socket.join(group), 0);
    EXPECT_TRUE(has_group("3333ff123456"));
  }
  EXPECT_TRUE(eventually([] { return !has_group("3333ff123456"); }));
}

TEST_F(PacketSocketTest, group_on_an_interface_that_is_gone_is_an_error) {
  PacketSocket socket(index_, "s0");
  run("ip link del s0");
  EXPECT_EQ(socket.join(*wire::MacAddress::parse("33:33:ff:12:34:56")), ENODEV);
}

TEST_F(PacketSocketTest, interface_that_does_not_exist_is_refused) {
  try {
    const PacketSocket socket(9999, "nowhere");
    FAIL() << "no exception";
  } catch (const base::SetupError& error) {
    EXPECT_EQ(error.error(), ENODEV);
    EXPECT_NE(error.call().find("nowhere"), std::string::npos);
  }
}

}  // namespace
}  // namespace windhover::backends::xdp
