// The device against the Linux kernel, in a network namespace of the test's own.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/host/netlink.h"
#include "backends/tun/tun.h"
#include "stack/base/setup_error.h"
#include "stack/wire/checksum.h"

namespace windhover::backends::tun {
namespace {

namespace base = stack::base;
namespace link = stack::link;
namespace wire = stack::wire;
using base::load_be;
using base::SetupError;
using base::store_be;
using wire::Address;
using namespace std::chrono_literals;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr int kTries = 200;  // Of at most 50 ms each.

Address address(const char* text) {
  std::array<std::uint8_t, 16> octets{};
  if (inet_pton(AF_INET, text, octets.data()) == 1) return Address::v4(base::Bytes(octets));
  EXPECT_EQ(inet_pton(AF_INET6, text, octets.data()), 1) << text;
  return Address::v6(octets);
}

/// The two sides of the device in one family.
struct Family {
  Address host;
  Address peer;
  std::size_t ip_header = 0;
  link::Gso gso{};
};

Family v4() { return {address("10.66.0.1"), address("10.66.0.2"), 20, link::Gso::kTcp4}; }
Family v6() { return {address("fd66::1"), address("fd66::2"), 40, link::Gso::kTcp6}; }

/// A socket of the kernel on the host's side.
class KernelSocket {
 public:
  KernelSocket(int type, const Address& host, std::uint16_t port)
      : file_(socket(host.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0)) {
    const auto [storage, size] = to_socket_address(host, port);
    EXPECT_EQ(bind(fd(), reinterpret_cast<const sockaddr*>(&storage), size), 0) << std::strerror(errno);
  }
  explicit KernelSocket(int fd) : file_(fd) {}

  int fd() const { return file_.fd(); }

  ssize_t send_to(const Address& peer, std::uint16_t port, std::string_view text) const {
    const auto [storage, size] = to_socket_address(peer, port);
    return sendto(fd(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&storage), size);
  }
  /// What arrives within five seconds; empty when nothing does.
  std::string receive(std::size_t most) const {
    pollfd waiting{fd(), POLLIN, 0};
    if (poll(&waiting, 1, 5000) != 1) return {};
    std::string text(most, '\0');
    const ssize_t got = recv(fd(), text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

 private:
  static std::pair<sockaddr_storage, socklen_t> to_socket_address(const Address& ip, std::uint16_t port) {
    sockaddr_storage storage{};
    if (ip.is_v4()) {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_port = htons(port);
      std::memcpy(&in.sin_addr, ip.octets().data(), 4);
      std::memcpy(&storage, &in, sizeof in);
      return {storage, sizeof in};
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.octets().data(), 16);
    std::memcpy(&storage, &in, sizeof in);
    return {storage, sizeof in};
  }

  host::File file_;
};

class OpenTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* const ci = std::getenv("CI");
    const bool must_run = ci != nullptr && std::string_view(ci) == "true" && geteuid() == 0;
    if (unshare(CLONE_NEWNET) != 0) {
      ASSERT_FALSE(must_run) << "unshare(CLONE_NEWNET): " << std::strerror(errno);
      GTEST_SKIP() << "a network namespace needs root: " << std::strerror(errno);
    }
    const host::File probe(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (probe.fd() < 0) {
      ASSERT_FALSE(must_run) << "/dev/net/tun: " << std::strerror(errno);
      GTEST_SKIP() << "/dev/net/tun: " << std::strerror(errno);
    }
  }

  static Config both_families() {
    Config config;
    config.host_addresses = {{address("10.66.0.1"), 24}, {address("fd66::1"), 64}};
    return config;
  }

  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

  /// The error with which open() refuses a configuration.
  static SetupError refusal(const Config& config, std::size_t queues = 1) {
    try {
      const Opened opened = open(config, queues);
    } catch (const SetupError& error) {
      return error;
    }
    ADD_FAILURE() << "no exception";
    return {"", 0, ""};
  }

  /// The first frame that `wanted` accepts; an empty one when none comes.
  static link::Frame receive(link::Device& device, const std::function<bool(base::Bytes)>& wanted) {
    link::Burst burst;
    for (int tries = 0; tries < kTries; ++tries) {
      if (device.receive(burst) == 0) device.wait(50ms, -1);
      for (link::Frame& frame : burst.frames()) {
        if (wanted(frame.bytes())) return std::move(frame);
      }
      burst.clear();
    }
    return {};
  }

  static std::function<bool(base::Bytes)> carries(const Family& family, std::uint8_t protocol) {
    return [family, protocol](base::Bytes packet) {
      const bool v4 = packet[0] >> 4 == 4;
      return v4 == family.host.is_v4() && packet.size() > family.ip_header && packet[v4 ? 9 : 6] == protocol;
    };
  }

  /// Puts an IP header in front of `frame`, and its pseudo-header's sum where the partial checksum belongs.
  static void finish_packet(link::Frame& frame, const Family& family, std::uint8_t protocol, std::uint16_t field) {
    const std::size_t length = frame.total_size();
    const wire::Sum pseudo = wire::pseudo_header_sum(family.peer, family.host, protocol, length);
    store_be(frame.bytes().data() + field, pseudo.fold());
    std::uint8_t* const ip = frame.prepend(family.ip_header).data();
    std::memset(ip, 0, family.ip_header);
    if (family.host.is_v4()) {
      ip[0] = 0x45;
      store_be(ip + 2, static_cast<std::uint16_t>(length + 20));
      ip[8] = 64;
      ip[9] = protocol;
      std::ranges::copy(family.peer.octets(), ip + 12);
      std::ranges::copy(family.host.octets(), ip + 16);
      store_be(ip + 10, wire::sum({ip, 20}).finish());
    } else {
      ip[0] = 0x60;
      store_be(ip + 4, static_cast<std::uint16_t>(length));
      ip[6] = protocol;
      ip[7] = 64;
      std::ranges::copy(family.peer.octets(), ip + 8);
      std::ranges::copy(family.host.octets(), ip + 24);
    }
    frame.offload().checksum = link::Checksum::kPartial;
    frame.offload().csum_start = static_cast<std::uint16_t>(family.ip_header);
    frame.offload().csum_offset = field;
  }

  void udp_crosses_both_ways(const Family& family);
  void tcp_super_frames_cross_both_ways(const Family& family);
};

/// Our end of one TCP connection, driven by hand.
struct TcpPeer {
  Family family;
  std::uint16_t port = 40000;
  std::uint16_t host_port = 9000;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledge = 0;

  link::Frame segment(link::Device& device, std::uint8_t flags) const {
    link::Frame frame = device.arena().allocate();
    std::uint8_t* const tcp = frame.append(20).data();
    std::memset(tcp, 0, 20);
    store_be(tcp, port);
    store_be(tcp + 2, host_port);
    store_be(tcp + 4, sequence);
    store_be(tcp + 8, acknowledge);
    tcp[12] = 0x50;
    tcp[13] = flags;
    store_be(tcp + 14, std::uint16_t{65535});
    return frame;
  }
};

void OpenTest::udp_crosses_both_ways(const Family& family) {
  const Opened opened = open(both_families());
  Tun& device = *opened.queues[0];
  const KernelSocket kernel(SOCK_DGRAM, family.host, 5000);  // At once: no duplicate address detection.
  ASSERT_EQ(kernel.send_to(family.peer, 7000, "from the kernel"), 15);

  const link::Frame got = receive(device, carries(family, kUdp));
  ASSERT_TRUE(got);
  const base::Bytes udp = got.bytes().subspan(family.ip_header);
  EXPECT_EQ(load_be<std::uint16_t>(udp.data() + 2), 7000);
  EXPECT_EQ(base::as_text(udp.subspan(8)), "from the kernel");
  EXPECT_EQ(got.offload().checksum, link::Checksum::kPartial);
  EXPECT_EQ(got.offload().csum_start, family.ip_header);
  EXPECT_EQ(got.offload().csum_offset, 6);
  const wire::Sum pseudo = wire::pseudo_header_sum(family.host, family.peer, kUdp, udp.size());
  EXPECT_EQ(load_be<std::uint16_t>(udp.data() + 6), pseudo.fold());

  link::Frame reply = device.arena().allocate();
  std::uint8_t* const header = reply.append(8).data();
  store_be(header, std::uint16_t{7000});
  store_be(header + 2, std::uint16_t{5000});
  store_be(header + 4, std::uint16_t{8 + 10});
  std::ranges::copy(base::as_bytes("from a lan"), reply.append(10).begin());
  finish_packet(reply, family, kUdp, 6);
  ASSERT_EQ(device.transmit({&reply, 1}), 1u);
  EXPECT_EQ(kernel.receive(100), "from a lan");
}

TEST_F(OpenTest, udp_over_ipv4_crosses_both_ways) { udp_crosses_both_ways(v4()); }
TEST_F(OpenTest, udp_over_ipv6_crosses_both_ways_at_once) { udp_crosses_both_ways(v6()); }

void OpenTest::tcp_super_frames_cross_both_ways(const Family& family) {
  const Opened opened = open(both_families());
  EXPECT_TRUE(opened.notes.empty()) << opened.notes[0];
  Tun& device = *opened.queues[0];
  ASSERT_TRUE(device.caps().transmit_gso);
  TcpPeer peer{.family = family};
  const KernelSocket listener(SOCK_STREAM, family.host, peer.host_port);
  ASSERT_EQ(listen(listener.fd(), 1), 0);

  const auto send = [&](std::uint8_t flags) {
    link::Frame frame = peer.segment(device, flags);
    finish_packet(frame, family, kTcp, 16);
    ASSERT_EQ(device.transmit({&frame, 1}), 1u);
  };
  send(kSyn);
  const link::Frame answer = receive(device, carries(family, kTcp));
  ASSERT_TRUE(answer);
  const base::Bytes header = answer.bytes().subspan(family.ip_header);
  ASSERT_EQ(header[13], kSyn | kAck);
  peer.sequence += 1;
  peer.acknowledge = load_be<std::uint32_t>(header.data() + 4) + 1;
  send(kAck);
  const KernelSocket accepted(accept(listener.fd(), nullptr, nullptr));
  ASSERT_GE(accepted.fd(), 0);

  // 30 KB in one write, the payload gathered from two shared buffers.
  std::string upload(30000, '\0');
  std::iota(upload.begin(), upload.end(), '\0');
  link::Frame frame = peer.segment(device, kAck);
  const base::Slice body = base::copy_to_heap(base::as_bytes(upload));
  ASSERT_TRUE(frame.attach(body.part(0, 10001)));
  ASSERT_TRUE(frame.attach(body.part(10001, upload.size() - 10001)));
  finish_packet(frame, family, kTcp, 16);
  frame.offload().gso = family.gso;
  frame.offload().gso_size = 1400;
  frame.offload().header_size = static_cast<std::uint16_t>(family.ip_header + 20);
  ASSERT_EQ(device.transmit({&frame, 1}), 1u);
  peer.sequence += static_cast<std::uint32_t>(upload.size());
  std::string read;
  while (read.size() < upload.size()) {
    const std::string part = accepted.receive(upload.size());
    ASSERT_FALSE(part.empty());
    read += part;
  }
  EXPECT_EQ(read, upload);
  EXPECT_EQ(device.stats().transmit_dropped, 0u);

  // And back: what the initial window lets out arrives as one frame.
  std::string download(5000, 'd');
  ASSERT_EQ(::send(accepted.fd(), download.data(), download.size(), 0), 5000);
  const link::Frame super = receive(device, [&](base::Bytes packet) {
    return carries(family, kTcp)(packet) && packet.size() > family.ip_header + 20 + 1500;
  });
  ASSERT_TRUE(super);
  EXPECT_EQ(super.offload().gso, family.gso);
  EXPECT_EQ(super.offload().checksum, link::Checksum::kPartial);
  EXPECT_EQ(super.offload().header_size, family.ip_header + 20);
  EXPECT_GT(super.offload().gso_size, 0);
  EXPECT_LE(super.offload().gso_size, 1460);
  const base::Bytes payload = super.bytes().subspan(super.offload().header_size);
  EXPECT_EQ(base::as_text(payload), download.substr(0, payload.size()));
}

TEST_F(OpenTest, tcp_super_frames_over_ipv4_cross_both_ways) { tcp_super_frames_cross_both_ways(v4()); }
TEST_F(OpenTest, tcp_super_frames_over_ipv6_cross_both_ways) { tcp_super_frames_cross_both_ways(v6()); }

TEST_F(OpenTest, largest_super_frame_is_taken) {
  const Opened opened = open(both_families());
  Tun& device = *opened.queues[0];
  const Family family = v4();
  link::Frame frame = TcpPeer{.family = family}.segment(device, kAck);
  const std::size_t payload = device.caps().gso_size_max - family.ip_header - 20;
  ASSERT_TRUE(frame.attach(base::copy_to_heap(std::vector<std::uint8_t>(payload))));
  finish_packet(frame, family, kTcp, 16);
  frame.offload().gso = family.gso;
  frame.offload().gso_size = 1460;
  frame.offload().header_size = 40;
  EXPECT_EQ(frame.total_size(), 65535u);
  ASSERT_EQ(device.transmit({&frame, 1}), 1u);
  EXPECT_EQ(device.stats().transmitted_frames, 1u);
  EXPECT_EQ(device.stats().transmit_dropped, 0u);
}

TEST_F(OpenTest, host_side_gets_its_addresses_mtu_and_queue_and_is_up) {
  Config config = both_families();
  config.mtu = 9000;
  const Opened opened = open(config);
  host::RouteSocket route;
  const auto [error, state] = route.find_link("wh0");
  ASSERT_EQ(error, 0);
  EXPECT_EQ(state.mtu, 9000u);
  EXPECT_GE(state.queue_length, 1000u);
  EXPECT_TRUE(state.up);
  EXPECT_TRUE(route.has_address(state.index, address("10.66.0.1"), 24));
  EXPECT_TRUE(route.has_address(state.index, address("fd66::1"), 64));
  EXPECT_FALSE(route.has_address(state.index, address("10.66.0.1"), 16));
  EXPECT_FALSE(route.has_address(state.index, address("10.66.0.3"), 24));
  EXPECT_EQ(opened.queues[0]->name(), "wh0");
  EXPECT_EQ(opened.queues[0]->caps().mtu, 9000);
  EXPECT_EQ(opened.queues[0]->caps().medium, link::Medium::kIp);
}

TEST_F(OpenTest, created_device_goes_with_its_queues) {
  host::RouteSocket route;
  {
    const Opened opened = open(both_families());
    EXPECT_EQ(route.find_link("wh0").error, 0);
  }
  EXPECT_EQ(route.find_link("wh0").error, ENODEV);
  const Opened again = open(both_families());
  EXPECT_EQ(route.find_link("wh0").error, 0);
}

TEST_F(OpenTest, persistent_device_keeps_what_its_owner_gave_it) {
  run("ip tuntap add wh7 mode tun && ip address add 10.77.0.1/24 dev wh7 && ip link set wh7 mtu 1400 txqueuelen 2000 "
      "up");
  host::RouteSocket route;
  {
    const Opened opened = open({.name = "wh7", .existing = Existing::kRequire, .mtu = 1400});
    EXPECT_TRUE(opened.queues[0]->caps().transmit_gso);
  }
  const auto [error, state] = route.find_link("wh7");
  ASSERT_EQ(error, 0);
  EXPECT_EQ(state.mtu, 1400u);
  EXPECT_EQ(state.queue_length, 2000u);
  EXPECT_TRUE(route.has_address(state.index, address("10.77.0.1"), 24));
}

TEST_F(OpenTest, address_that_is_there_already_is_left_alone) {
  run("ip tuntap add wh0 mode tun && ip address add 10.66.0.1/24 dev wh0 && ip link set wh0 up");
  const Opened opened = open(both_families());
  host::RouteSocket route;
  const int index = route.find_link("wh0").link.index;
  EXPECT_TRUE(route.has_address(index, address("10.66.0.1"), 24));
  EXPECT_TRUE(route.has_address(index, address("fd66::1"), 64));
}

TEST_F(OpenTest, two_queues_share_the_flows) {
  const Opened opened = open(both_families(), 2);
  ASSERT_EQ(opened.queues.size(), 2u);
  constexpr int kFlows = 64;
  for (int at = 0; at < kFlows; ++at) {
    const KernelSocket kernel(SOCK_DGRAM, v4().host, static_cast<std::uint16_t>(20000 + at));
    ASSERT_EQ(kernel.send_to(v4().peer, 7000, "x"), 1);
  }
  std::array<int, 2> received{};
  for (std::size_t queue = 0; queue < 2; ++queue) {
    link::Burst burst;
    for (int round = 0; round < kFlows; ++round) {
      opened.queues[queue]->receive(burst);
      for (const link::Frame& frame : burst.frames()) received[queue] += carries(v4(), kUdp)(frame.bytes());
      burst.clear();
    }
  }
  EXPECT_EQ(received[0] + received[1], kFlows);
  EXPECT_GT(received[0], 0);
  EXPECT_GT(received[1], 0);
}

TEST_F(OpenTest, tap_carries_ethernet_frames) {
  Config config = both_families();
  config.layer = Layer::kEthernet;
  const Opened opened = open(config);
  Tun& device = *opened.queues[0];
  EXPECT_EQ(device.caps().medium, link::Medium::kEthernet);
  const KernelSocket kernel(SOCK_DGRAM, v4().host, 5000);
  kernel.send_to(v4().peer, 7000, "who has it?");
  const link::Frame request = receive(device, [](base::Bytes frame) {
    return frame.size() >= 42 && load_be<std::uint16_t>(frame.data() + 12) == 0x0806;
  });
  ASSERT_TRUE(request);
  const base::Bytes bytes = request.bytes();
  EXPECT_TRUE(std::ranges::all_of(bytes.first(6), [](std::uint8_t octet) { return octet == 0xff; }));
  EXPECT_TRUE(std::ranges::equal(bytes.subspan(28, 4), v4().host.octets()));
  EXPECT_TRUE(std::ranges::equal(bytes.subspan(38, 4), v4().peer.octets()));
}

TEST_F(OpenTest, without_offload_checksums_arrive_complete) {
  Config config = both_families();
  config.offload = false;
  const Opened opened = open(config);
  Tun& device = *opened.queues[0];
  EXPECT_FALSE(device.caps().transmit_gso);
  const KernelSocket kernel(SOCK_DGRAM, v4().host, 5000);
  ASSERT_EQ(kernel.send_to(v4().peer, 7000, "complete"), 8);
  const link::Frame got = receive(device, carries(v4(), kUdp));
  ASSERT_TRUE(got);
  EXPECT_EQ(got.offload().checksum, link::Checksum::kNone);
  const base::Bytes udp = got.bytes().subspan(20);
  EXPECT_TRUE((wire::pseudo_header_sum(v4().host, v4().peer, kUdp, udp.size()) + wire::sum(udp)).valid());
}

TEST_F(OpenTest, device_that_is_down_drops_and_counts) {
  const Opened opened = open(both_families());
  Tun& device = *opened.queues[0];
  run("ip link set wh0 down");
  link::Frame frame = TcpPeer{.family = v4()}.segment(device, kSyn);
  finish_packet(frame, v4(), kTcp, 16);
  EXPECT_EQ(device.transmit({&frame, 1}), 1u);
  EXPECT_EQ(device.stats().transmit_dropped, 1u);
  EXPECT_EQ(device.failure(), 0);
}

TEST_F(OpenTest, deleted_device_is_a_failure_that_does_not_spin) {
  const Opened opened = open(both_families());
  Tun& device = *opened.queues[0];
  run("ip link delete wh0");
  link::Burst burst;
  for (int tries = 0; tries < kTries && device.failure() == 0; ++tries) device.receive(burst);
  EXPECT_EQ(device.failure(), EBADFD);
  burst.clear();
  EXPECT_EQ(device.receive(burst), 0u);
  device.wait(1ms, -1);
  link::Frame frame = TcpPeer{.family = v4()}.segment(device, kSyn);
  finish_packet(frame, v4(), kTcp, 16);
  EXPECT_EQ(device.transmit({&frame, 1}), 1u);
  EXPECT_EQ(device.stats().transmit_dropped, 1u);
}

TEST_F(OpenTest, name_in_use_by_another_process_says_who_to_stop) {
  const Opened opened = open(both_families());
  const SetupError error = refusal(both_families());
  EXPECT_EQ(error.error(), EBUSY);
  EXPECT_NE(error.remedy().find("Another process uses wh0"), std::string::npos);
}

TEST_F(OpenTest, name_of_another_kind_of_device_is_refused) {
  EXPECT_EQ(refusal({.name = "lo"}).error(), EINVAL);
  run("ip tuntap add wh0 mode tap");
  const SetupError error = refusal({});
  EXPECT_EQ(error.error(), EINVAL);
  EXPECT_NE(error.remedy().find("not a tun device"), std::string::npos);
}

TEST_F(OpenTest, policy_about_an_existing_device_is_obeyed) {
  const SetupError absent = refusal({.existing = Existing::kRequire});
  EXPECT_EQ(absent.error(), ENODEV);
  EXPECT_NE(absent.remedy().find("ip tuntap add wh0 mode tun"), std::string::npos);
  run("ip tuntap add wh0 mode tun");
  EXPECT_EQ(refusal({.existing = Existing::kRefuse}).error(), EEXIST);
}

TEST_F(OpenTest, ipv6_switched_off_is_explained) {
  run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
  const SetupError error = refusal(both_families());
  EXPECT_EQ(error.error(), EACCES);
  EXPECT_NE(error.call().find("fd66::1/64"), std::string::npos);
  EXPECT_NE(error.remedy().find("disable_ipv6=0"), std::string::npos);
}

TEST_F(OpenTest, missing_privilege_is_explained) {
  ASSERT_EQ(seteuid(65534), 0);
  const SetupError error = refusal(both_families());
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(error.error() == EACCES || error.error() == EPERM) << error.what();
  EXPECT_NE(error.remedy().find("root"), std::string::npos);
}

TEST(OpenConfigTest, impossible_settings_are_refused_before_anything_is_opened) {
  const auto refused = [](const Config& config) {
    try {
      open(config);
    } catch (const SetupError& error) {
      return error.error() == 0 && !error.remedy().empty();
    }
    return false;
  };
  EXPECT_TRUE(refused({.name = ""}));
  EXPECT_TRUE(refused({.name = "sixteen-letters!"}));
  EXPECT_TRUE(refused({.name = "a/b"}));
  EXPECT_TRUE(refused({.name = "tun%d"}));
  EXPECT_TRUE(refused({.mtu = 575}));
  EXPECT_TRUE(refused({.mtu = 65522}));
  EXPECT_TRUE(refused({.receive_frames = 0}));
  EXPECT_TRUE(refused({.host_addresses = {{v4().host, 33}}}));
  EXPECT_TRUE(refused({.host_addresses = {{v4().host, 0}}}));
  EXPECT_TRUE(refused({.host_addresses = {{v6().host, 129}}}));
  EXPECT_TRUE(refused({.host_addresses = {{v6().host, 64}}, .mtu = 1279}));
}

}  // namespace
}  // namespace windhover::backends::tun
