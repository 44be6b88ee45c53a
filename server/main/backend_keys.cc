#include "server/main/backend_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "server/main/settings_formats.h"
#include "server/main/udp_backend_keys.h"

namespace windhover::server::main {
namespace {

using backends::xdp::Bulk;
using backends::xdp::Mode;
using backends::xdp::ReceiveChecksum;
using config::Reader;
using stack::wire::Address;

constexpr std::uint16_t kIpv6MtuMin = 1280;  // RFC 8200 section 5.
constexpr std::uint32_t kTunReceiveFramesMax = 65536;

/// A key that not every type has.
struct TypedKey {
  std::string_view key;
  std::string_view types;  ///< As an operator would list them.
};

constexpr TypedKey kTypedKeys[] = {
    {"name", "tun"},
    {"layer", "tun"},
    {"existing", "tun"},
    {"host", "tun"},
    {"offload", "tun"},
    {"mac", "tun or udp"},
    {"mtu", "tun or udp"},
    {"listen", "udp"},
    {"vni", "udp"},
    {"peers", "udp"},
    {"learn", "udp"},
    {"superFrames", "udp"},
    {"segmentation", "udp"},
    {"receiveBuffer", "udp"},
    {"rxChecksum", "udp or xdp"},
    {"interface", "xdp"},
    {"mode", "xdp"},
    {"queues", "xdp"},
    {"serviceAddresses", "xdp"},
    {"chunkSize", "xdp"},
    {"ringSize", "xdp"},
    {"hugePages", "xdp"},
    {"busyPoll", "xdp"},
    {"bulk", "xdp"},
    {"transmitChecksum", "xdp"},
};

void read_tun(Reader& reader, Settings& settings) {
  backends::tun::Config& tun = settings.tun;
  reader.formatted(
      {"name", "tun: the device's name. It is created unless it exists, and a created one goes with the server."},
      tun.name, kText);
  reader.choice<backends::tun::Layer>(
      {"layer", "tun: ip makes it a TUN device, IP packets; ethernet a TAP device, Ethernet frames."}, tun.layer,
      {{"ip", backends::tun::Layer::kIp}, {"ethernet", backends::tun::Layer::kEthernet}});
  reader.choice<backends::tun::Existing>({"existing",
                                          "tun: what to do about a device of that name: attach to it or else create "
                                          "it, refuse to start when it exists, or "
                                          "refuse to start when it does not."},
                                         tun.existing,
                                         {{"createOrAttach", backends::tun::Existing::kCreateOrAttach},
                                          {"refuse", backends::tun::Existing::kRefuse},
                                          {"require", backends::tun::Existing::kRequire}});
  reader.list({"host", "tun: addresses given to the host's side of the device."}, tun.host_addresses,
              kPrefixedAddress<backends::tun::HostAddress>);
  std::optional<stack::wire::MacAddress> mac;
  reader.formatted(
      {"mac",
       "tun with layer ethernet, and udp: the server's MAC address; null: made from its first address. With xdp it is "
       "always the interface's."},
      mac, kMacAddress);
  if (mac) settings.stack.ip.mac = *mac;
  reader.integer({"mtu",
                  "tun and udp: largest IP packet in bytes. With tun the host's side is given it too, and null means "
                  "1500. With udp null means what fits into 1500 bytes outside: 1450, or 1430 where a peer may have "
                  "IPv6. With xdp it is the interface's."},
                 settings.udp.mtu, {576, 65521});
  if (settings.udp.mtu) tun.mtu = *settings.udp.mtu;
  reader.boolean(
      {"offload",
       "tun: let super-frames and partial checksums cross the device. Off costs a factor of ten in large transfers."},
      tun.offload);
}

void read_xdp(Reader& reader, Settings& settings) {
  backends::xdp::Config& xdp = settings.xdp;
  std::optional<std::string> interface;
  reader.formatted({"interface", "xdp: the network interface, such as eth1; with xdp it must be given."}, interface,
                   kText);
  if (interface) xdp.interface = *interface;
  reader.choice<Mode>({"mode",
                       "xdp: how frames cross. zeroCopy: the driver works on the server's memory. nativeCopy: the "
                       "driver runs the program, the kernel copies. generic: any driver, slower. auto: the first of "
                       "these that works here; one that is named is never replaced by another."},
                      xdp.mode,
                      {{"auto", Mode::kAuto},
                       {"zeroCopy", Mode::kZeroCopy},
                       {"nativeCopy", Mode::kNativeCopy},
                       {"generic", Mode::kGeneric}});
  reader.integer({"queues", "xdp: the first so many of the interface's receive queues; null: all."}, xdp.queue_count,
                 {1, kLanesMax});
}

void read_addresses(Reader& reader, Settings& settings) {
  stack::ip::Config& ip = settings.stack.ip;
  reader.list({"addresses",
               "The server's own addresses, which no other station may have, the host included. With xdp none, the "
               "default there, means shared: the server answers on the interface's addresses, and the host keeps "
               "everything but the endpoints' TCP ports."},
              ip.addresses, kPrefixedAddress<stack::ip::InterfaceAddress>);
  reader.list({"serviceAddresses",
               "xdp: addresses behind a balancer that tunnels (direct server return): taken only out of IPIP or IP6IP6 "
               "that ends at one of the other addresses, and never announced."},
              settings.service_addresses, kAddress);
  reader.formatted({"gatewayV4", "Next hop for IPv4 packets that leave the link; null: none leave."}, ip.gateway_v4,
                   kAddress);
  reader.formatted({"gatewayV6", "Next hop for IPv6 packets that leave the link; null: none leave."}, ip.gateway_v6,
                   kAddress);
}

void read_memory(Reader& reader, Settings& settings) {
  backends::xdp::Config& xdp = settings.xdp;
  std::optional<std::uint32_t> receive_frames;
  reader.integer({"receiveFrames",
                  "Buffers for received frames. null: with tun 128 for each lane, 64 KiB each with offload; with udp "
                  "256 for each lane, 64 KiB each with superFrames; with xdp 4096 for each queue, of chunkSize."},
                 receive_frames, {16, 1 << 20});
  reader.integer({"transmitFrames",
                  "Buffers for frames to transmit, for each lane: of one MTU with tun and udp, of chunkSize with xdp."},
                 settings.tun.transmit_frames, {64, 1 << 20});
  xdp.transmit_frames = settings.udp.transmit_frames = settings.tun.transmit_frames;
  if (receive_frames) {
    settings.tun.receive_frames = settings.udp.receive_frames = xdp.receive_frames = *receive_frames;
  }
  reader.integer({"chunkSize", "xdp: bytes of a buffer, 2048 or 4096; null: 2048 when a frame fits, else 4096."},
                 xdp.chunk_size, {2048, 4096});
  reader.integer({"ringSize", "xdp: entries of each of a queue's rings. A power of two."}, xdp.ring_size, {64, 32768});
  reader.boolean({"hugePages", "xdp: take the buffers from huge pages, if there are any."}, xdp.huge_pages);
}

void read_offloads(Reader& reader, Settings& settings) {
  backends::xdp::Config& xdp = settings.xdp;
  reader.boolean({"transmitChecksum", "xdp: let the kernel or the card compute checksums, where it can."},
                 xdp.transmit_checksum);
  reader.choice<ReceiveChecksum>(
      {"rxChecksum",
       "udp, xdp: verify: a received TCP checksum must be right. acceptPartial: one that its sender left for its "
       "device "
       "to complete will do. auto: acceptPartial where no card is between (with xdp on virtual drivers: veth, virtio, "
       "tun; with udp from peers on loopback or by way of such a driver), else verify."},
      xdp.receive_checksum,
      {{"auto", ReceiveChecksum::kAuto},
       {"verify", ReceiveChecksum::kVerify},
       {"acceptPartial", ReceiveChecksum::kAcceptPartial}});
  using OfUdp = backends::udp::ReceiveChecksum;
  settings.udp.receive_checksum = xdp.receive_checksum == ReceiveChecksum::kAuto     ? OfUdp::kAuto
                                  : xdp.receive_checksum == ReceiveChecksum::kVerify ? OfUdp::kVerify
                                                                                     : OfUdp::kAcceptPartial;
  reader.choice<Bulk>({"bulk",
                       "xdp: send large answers as super-frames through a packet socket, for the kernel or the card to "
                       "segment. auto: in the copying modes where the interface has segmentation offload."},
                      xdp.bulk, {{"auto", Bulk::kAuto}, {"off", Bulk::kOff}});
  reader.boolean({"busyPoll", "xdp: drive the driver from the lanes, where it can be."}, xdp.busy_poll);
}

/// Every key that none of `types` has.
void refuse_keys(Reader& reader, std::initializer_list<std::string_view> types) {
  for (const TypedKey& typed : kTypedKeys) {
    const bool has = std::ranges::any_of(
        types, [&](std::string_view type) { return typed.types.find(type) != std::string_view::npos; });
    if (!has && reader.has(typed.key))
      reader.problem(typed.key, fmt::format("{} belongs to type {}", typed.key, typed.types));
  }
}

bool is_ours(const Address& address, const Settings& settings) {
  return std::any_of(settings.stack.ip.addresses.begin(), settings.stack.ip.addresses.end(),
                     [&](const stack::ip::InterfaceAddress& ours) { return ours.address == address; });
}

void check_gateway(Reader& reader, std::string_view key, const std::optional<Address>& gateway, bool v4,
                   const Settings& settings) {
  if (!gateway) return;
  if (settings.shares_addresses()) {
    return reader.problem(key,
                          "answers on shared addresses go back the way that the question came: take it out, or "
                          "give addresses");
  }
  const auto& addresses = settings.stack.ip.addresses;
  const bool on_link = std::any_of(addresses.begin(), addresses.end(), [&](const stack::ip::InterfaceAddress& ours) {
    return gateway->in_prefix(ours.address, ours.prefix_length);
  });
  if (gateway->is_v4() != v4) {
    reader.problem(key, fmt::format("{} is not an {} address", gateway->to_string(), v4 ? "IPv4" : "IPv6"));
  } else if (!on_link || is_ours(*gateway, settings)) {
    reader.problem(key, fmt::format("{} is not a neighbour: no prefix of addresses holds it", gateway->to_string()));
  }
}

void check_device_name(Reader& reader, std::string_view key, const std::string& name) {
  if (name.size() > 15 || name.find_first_of("/: \t%") != std::string::npos) {
    reader.problem(key, fmt::format("{} is not a device name: 1 to 15 letters and digits", config::in_quotes(name)));
  }
}

void check_addresses(Reader& reader, const Settings& settings) {
  const auto& addresses = settings.stack.ip.addresses;
  for (auto ours = addresses.begin(); ours != addresses.end(); ++ours) {
    const auto same = [&](const stack::ip::InterfaceAddress& other) { return other.address == ours->address; };
    if (std::any_of(addresses.begin(), ours, same)) {
      reader.problem("addresses", fmt::format("{} is given twice", ours->address.to_string()));
    }
  }
  const auto& services = settings.service_addresses;
  for (auto service = services.begin(); service != services.end(); ++service) {
    const std::string text = service->to_string();
    if (service->is_unspecified() || service->is_multicast() || service->is_loopback()) {
      reader.problem("serviceAddresses", fmt::format("{} is no station's address", text));
    } else if (std::find(services.begin(), service, *service) != service || is_ours(*service, settings)) {
      reader.problem("serviceAddresses", fmt::format("{} is given twice", text));
    }
  }
}

void check_tun(Reader& reader, const Settings& settings) {
  const backends::tun::Config& tun = settings.tun;
  if (settings.stack.ip.addresses.empty()) reader.problem("addresses", "the stack needs an address");
  for (const stack::ip::InterfaceAddress& ours : settings.stack.ip.addresses) {
    const auto same = [&](const backends::tun::HostAddress& host) { return host.address == ours.address; };
    if (std::any_of(tun.host_addresses.begin(), tun.host_addresses.end(), same)) {
      reader.problem("addresses", fmt::format("{} is the host's address too", ours.address.to_string()));
    }
    if (!ours.address.is_v4() && tun.mtu < kIpv6MtuMin) {
      reader.problem("mtu", fmt::format("mtu {} is too small for IPv6, which needs {}", tun.mtu, kIpv6MtuMin));
    }
  }
  check_device_name(reader, "name", tun.name);
  if (tun.receive_frames > kTunReceiveFramesMax) {
    reader.problem("receiveFrames",
                   fmt::format("{} is out of range: 16 to {} with type tun", tun.receive_frames, kTunReceiveFramesMax));
  }
}

void check_xdp(Reader& reader, const Settings& settings) {
  const backends::xdp::Config& xdp = settings.xdp;
  if (xdp.interface.empty()) return reader.problem("interface", "interface is missing: name one, such as eth1");
  check_device_name(reader, "interface", xdp.interface);
  if (xdp.chunk_size && !std::has_single_bit(*xdp.chunk_size)) {
    reader.problem("chunkSize", fmt::format("{} is neither 2048 nor 4096", *xdp.chunk_size));
  }
  if (!std::has_single_bit(xdp.ring_size)) {
    reader.problem("ringSize", fmt::format("{} is not a power of two", xdp.ring_size));
  }
}

}  // namespace

void set_defaults_of_tun(Settings& settings) {
  settings.tun.host_addresses = {*parse_prefixed<backends::tun::HostAddress>("10.66.0.1/24"),
                                 *parse_prefixed<backends::tun::HostAddress>("fd66::1/64")};
  settings.stack.ip.addresses = {*parse_prefixed<stack::ip::InterfaceAddress>("10.66.0.2/24"),
                                 *parse_prefixed<stack::ip::InterfaceAddress>("fd66::2/64")};
}

void read_backend(Reader& reader, Settings& settings) {
  reader.choice<BackendType>(
      {"type",
       "What carries the frames. tun: a TUN or TAP device of this host. udp: VXLAN over an ordinary UDP socket. xdp: "
       "AF_XDP on the queues of an interface. auto: xdp where an interface is named and it can be had, else tun where "
       "that can be had, and the portal in any case. A type that is named is never replaced by another."},
      settings.backend,
      {{"auto", BackendType::kAuto},
       {"tun", BackendType::kTun},
       {"udp", BackendType::kUdp},
       {"xdp", BackendType::kXdp}});
  if (settings.backend == BackendType::kUdp || settings.backend == BackendType::kXdp) {
    settings.stack.ip.addresses.clear();
  }
  settings.addresses_given = reader.has("addresses");
  read_tun(reader, settings);
  read_udp_backend(reader, settings.udp);
  read_xdp(reader, settings);
  read_addresses(reader, settings);
  read_memory(reader, settings);
  read_offloads(reader, settings);
}

void check_backend(Reader& reader, const Settings& settings) {
  switch (settings.backend) {
    case BackendType::kAuto:
      refuse_keys(reader, {"tun", "xdp"});
      check_tun(reader, settings);
      if (!settings.xdp.interface.empty()) check_xdp(reader, settings);
      break;
    case BackendType::kTun:
      refuse_keys(reader, {"tun"});
      check_tun(reader, settings);
      break;
    case BackendType::kUdp:
      refuse_keys(reader, {"udp"});
      check_udp_backend(reader, settings);
      break;
    case BackendType::kXdp:
      refuse_keys(reader, {"xdp"});
      check_xdp(reader, settings);
      break;
  }
  check_addresses(reader, settings);
  check_gateway(reader, "gatewayV4", settings.stack.ip.gateway_v4, true, settings);
  check_gateway(reader, "gatewayV6", settings.stack.ip.gateway_v6, false, settings);
}

}  // namespace windhover::server::main
