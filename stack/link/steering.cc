#include "stack/link/steering.h"

#include <optional>

#include "stack/link/flow_hash.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ndp.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::link {
namespace {

using base::Bytes;

constexpr std::size_t kPortsSize = 4;
constexpr std::size_t kIpv6HopLimitOffset = 7;

/// What lies behind the internet header.
struct Upper {
  std::uint64_t addresses = 0;                    ///< Exclusive or of both, a multiple of 16 bits wide.
  std::uint8_t protocol = wire::kProtocolNoNext;  ///< kProtocolFragment: a part of something.
  Bytes bytes{};                                  ///< The header that `protocol` names, and all behind it.
};

std::uint32_t lane_of_words(std::uint64_t words, std::uint32_t lane_count) {
  words ^= words >> 32;
  words ^= words >> 16;
  return lane_of(flow_hash(static_cast<std::uint16_t>(words)), lane_count);
}

std::uint64_t addresses_v6(const std::uint8_t* header) {
  return base::load_be<std::uint64_t>(header + 8) ^ base::load_be<std::uint64_t>(header + 16) ^
         base::load_be<std::uint64_t>(header + 24) ^ base::load_be<std::uint64_t>(header + 32);
}

/// `fragment_bits` of the flags and offset make it a fragment.
std::optional<Upper> behind_ipv4(Bytes packet, std::uint16_t fragment_bits) {
  const std::size_t header_size = (packet[0] & 0xfU) * 4;
  if (header_size < wire::Ipv4View::kHeaderSizeMin || packet.size() < header_size) return std::nullopt;
  const std::uint8_t* const header = packet.data();
  const std::uint32_t addresses = base::load_be<std::uint32_t>(header + 12) ^ base::load_be<std::uint32_t>(header + 16);
  const bool fragment = (base::load_be<std::uint16_t>(header + 6) & fragment_bits) != 0;
  return Upper{addresses, fragment ? wire::kProtocolFragment : header[9], packet.subspan(header_size)};
}

std::optional<Upper> behind_ipv6(Bytes packet) {
  if (packet.size() < wire::Ipv6View::kHeaderSize) return std::nullopt;
  const std::uint64_t addresses = addresses_v6(packet.data());
  const std::uint8_t next = packet[6];
  if (next == wire::kProtocolTcp || next == wire::kProtocolUdp) [[likely]] {
    return Upper{addresses, next, packet.subspan(wire::Ipv6View::kHeaderSize)};
  }
  const auto view = wire::Ipv6View::parse_quoted(packet);
  if (!view) return std::nullopt;
  const wire::Ipv6Chain chain = view->chain();
  if (chain.end == wire::Ipv6Chain::End::kTruncated) return std::nullopt;
  if (chain.end != wire::Ipv6Chain::End::kUpper) return Upper{addresses, wire::kProtocolFragment, {}};
  return Upper{addresses, chain.protocol, packet.subspan(chain.offset)};
}

std::optional<Upper> behind(Bytes packet, std::uint16_t fragment_bits) {
  if (packet.size() < wire::Ipv4View::kHeaderSizeMin) return std::nullopt;
  const unsigned version = packet[0] >> 4;
  if (version == 4) return behind_ipv4(packet, fragment_bits);
  return version == 6 ? behind_ipv6(packet) : std::nullopt;
}

bool has_ports(std::uint8_t protocol) { return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp; }

/// The lane of the flow that an error quotes, or that of its own addresses when it quotes none.
std::uint32_t owner_of_error(const Upper& error, std::uint32_t lane_count) {
  // The first fragment of a packet shows the ports, too.
  constexpr std::uint16_t kOffset = 0x1fff;
  const auto quoted = behind(error.bytes.subspan(wire::Icmpv4View::kHeaderSize), kOffset);
  if (!quoted || !has_ports(quoted->protocol) || quoted->bytes.size() < kPortsSize) {
    return lane_of_words(error.addresses, lane_count);
  }
  return lane_of_words(quoted->addresses ^ base::load_be<std::uint32_t>(quoted->bytes.data()), lane_count);
}

/// Of what is neither TCP nor UDP.
std::uint32_t owner_of_other(Bytes packet, const Upper& upper, std::uint32_t lane_count) {
  if (upper.protocol == wire::kProtocolIcmpv4) {
    const auto message = wire::Icmpv4View::parse(upper.bytes);
    if (!message) return 0;
    if (message->is_error()) return owner_of_error(upper, lane_count);
  } else if (upper.protocol == wire::kProtocolIcmpv6) {
    const auto message = wire::Icmpv6View::parse(upper.bytes);
    if (!message) return 0;
    if (message->is_error()) return owner_of_error(upper, lane_count);
    if (message->type() == wire::Icmpv6Type::kMldQuery) return 0;
    const bool ndp = message->type() == wire::Icmpv6Type::kNeighbourSolicitation ||
                     message->type() == wire::Icmpv6Type::kNeighbourAdvertisement ||
                     message->type() == wire::Icmpv6Type::kRouterAdvertisement;
    // RFC 4861 7.1: what has crossed a router is not Neighbour Discovery, and must not cost every lane a copy.
    if (ndp && packet[kIpv6HopLimitOffset] == wire::kNdpHopLimit) return kEveryLane;
  }
  return lane_of_words(upper.addresses, lane_count);
}

}  // namespace

std::uint32_t owner_of(Bytes frame, Medium medium, std::uint32_t lane_count) {
  Bytes packet = frame;
  if (medium == Medium::kEthernet) {
    const auto view = wire::EthernetView::parse(frame);
    if (!view) return 0;
    const wire::EtherType type = view->ether_type();
    if (type == wire::EtherType::kArp) return kEveryLane;
    if (type != wire::EtherType::kIpv4 && type != wire::EtherType::kIpv6) return 0;
    packet = view->payload();
  }
  constexpr std::uint16_t kMoreFragmentsAndOffset = 0x3fff;
  const auto upper = behind(packet, kMoreFragmentsAndOffset);
  if (!upper) return 0;
  if (!has_ports(upper->protocol)) [[unlikely]] {
    return owner_of_other(packet, *upper, lane_count);
  }
  if (upper->bytes.size() < kPortsSize) return 0;
  return lane_of_words(upper->addresses ^ base::load_be<std::uint32_t>(upper->bytes.data()), lane_count);
}

}  // namespace windhover::stack::link
