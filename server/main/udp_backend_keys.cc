#include "server/main/udp_backend_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/main/settings_formats.h"

namespace windhover::server::main {
namespace {

using config::Reader;
using stack::wire::Address;
using UdpEndpoint = stack::wire::Endpoint;

constexpr std::uint16_t kIpv6MtuMin = 1280;  // RFC 8200 section 5.
constexpr std::uint16_t kMtuMax = 65450;     // What a datagram can hold.
constexpr std::uint32_t kReceiveFramesMin = 128;
constexpr std::uint32_t kReceiveFramesMax = 65536;

/// "192.0.2.7:4789", "[2001:db8::7]:4789"; without a port, VXLAN's.
std::optional<UdpEndpoint> parse_endpoint(std::string_view text) {
  std::string_view host = text;
  std::optional<std::string_view> port;
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    host = text.substr(1, end - 1);
    if (host.find(':') == std::string_view::npos) return {};
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return {};
    if (!rest.empty()) port = rest.substr(1);
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto address = Address::parse(host);
  if (!address) return {};
  std::uint16_t number = stack::wire::kVxlanPort;
  if (port) {
    const char* const end = port->data() + port->size();
    const auto read = std::from_chars(port->data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end || number == 0) return {};
  }
  return UdpEndpoint{*address, number};
}

constexpr config::TextFormat<UdpEndpoint> kUdpEndpoint = {
    "udpEndpoint", "an address with a port, such as 192.0.2.7:4789 or [2001:db8::7]:4789", &parse_endpoint,
    [](const UdpEndpoint& value) { return value.to_string(); }};

bool can_reach(const Address& listen, bool v4) {
  if (listen.is_v4()) return v4;
  return !v4 || listen.is_unspecified();
}

}  // namespace

void read_udp_backend(Reader& reader, backends::udp::Config& udp) {
  reader.formatted({"listen",
                    "udp: the address and port that datagrams arrive at and leave from. 0.0.0.0 is every IPv4 address "
                    "of this host, [::] every address of both kinds. Linux's own vxlan device occupies its port on all "
                    "addresses."},
                   udp.listen, kUdpEndpoint);
  reader.integer({"vni", "udp: the VXLAN network identifier. Other networks' frames are dropped."}, udp.vni,
                 {0, stack::wire::kVniMax});
  reader.list({"peers",
               "udp: who may speak, each an address and the port that its VXLAN listens on. What has a group address, "
               "or a receiver that has not been heard from, is sent to all of them."},
              udp.peers, kUdpEndpoint);
  reader.object({"learn", "udp: peers that nobody has listed."}, [&](Reader& inner) {
    inner.list({"from",
                "udp: whoever speaks from one of these networks becomes a peer. [], the default: nobody. Datagrams are "
                "easy to forge: list only networks whose hosts are trusted."},
               udp.learn_from, kNetwork<backends::udp::Network>);
    inner.integer({"port", "udp: the port that the VXLAN of such a peer listens on."}, udp.learnt_port, {1, 65535});
    inner.integer({"max",
                   "udp: as many at a time. When there are more, one that has been silent for five minutes makes room, "
                   "or the new one is not heard."},
                  udp.learnt_max, {1, backends::udp::kPeersMax});
  });
  reader.boolean({"superFrames",
                  "udp: receive TCP super-frames of up to 64 KiB, which Linux's vxlan device sends unless its tso is "
                  "off. false: buffers of one MTU; what is larger is dropped."},
                 udp.super_frames);
  reader.boolean({"segmentation",
                  "udp: let the kernel take frames of one size to one peer apart and put them together (UDP_SEGMENT, "
                  "UDP_GRO), where it can."},
                 udp.segmentation);
  reader.size({"receiveBuffer",
               "udp: datagrams that wait in the kernel, for each lane (SO_RCVBUF). Without CAP_NET_ADMIN the kernel "
               "gives no more than net.core.rmem_max, and a note says so."},
              udp.receive_buffer, {64 * 1024, 1 << 30});
}

void check_udp_backend(Reader& reader, const Settings& settings) {
  const backends::udp::Config& udp = settings.udp;
  if (settings.stack.ip.addresses.empty()) reader.problem("addresses", "the stack needs an address");
  if (udp.peers.empty() && udp.learn_from.empty())
    reader.problem("peers", "there is nobody to speak with: name peers, such as 192.0.2.7:4789, or set learn.from");
  if (udp.peers.size() > backends::udp::kPeersMax)
    reader.problem("peers", fmt::format("{} are more than {}", udp.peers.size(), backends::udp::kPeersMax));
  for (const UdpEndpoint& peer : udp.peers) {
    if (peer.address.is_unspecified() || peer.address.is_multicast()) {
      reader.problem("peers", fmt::format("{} is no single machine", peer.address.to_string()));
    } else if (peer.address.is_link_local() && !peer.address.is_v4()) {
      reader.problem("peers", fmt::format("{} is link-local: give another address of it", peer.address.to_string()));
    } else if (!can_reach(udp.listen.address, peer.address.is_v4())) {
      reader.problem("peers",
                     fmt::format("{} cannot be reached from {}: listen on [::], or on an address of its family",
                                 peer.to_string(), udp.listen.to_string()));
    }
  }
  const bool v6 =
      std::ranges::any_of(settings.stack.ip.addresses, [](const auto& ours) { return !ours.address.is_v4(); });
  if (udp.mtu && v6 && *udp.mtu < kIpv6MtuMin)
    reader.problem("mtu", fmt::format("mtu {} is too small for IPv6, which needs {}", *udp.mtu, kIpv6MtuMin));
  if (udp.mtu && *udp.mtu > kMtuMax)
    reader.problem("mtu", fmt::format("{} is out of range: 576 to {} with type udp", *udp.mtu, kMtuMax));
  if (udp.receive_frames < kReceiveFramesMin || udp.receive_frames > kReceiveFramesMax) {
    reader.problem("receiveFrames", fmt::format("{} is out of range: {} to {} with type udp", udp.receive_frames,
                                                kReceiveFramesMin, kReceiveFramesMax));
  }
}

}  // namespace windhover::server::main
