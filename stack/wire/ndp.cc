#include "stack/wire/ndp.h"

#include <algorithm>

#include "stack/base/check.h"

namespace windhover::stack::wire {
namespace {

// Offsets and sizes common to both messages: type, code, checksum, a word, the target, then options.
constexpr std::size_t kTargetAt = 8;
constexpr std::size_t kOptionsAt = 24;
constexpr std::size_t kMacOptionSize = 8;

constexpr std::uint8_t kSourceMacOption = 1;
constexpr std::uint8_t kTargetMacOption = 2;

constexpr std::uint32_t kRouterFlag = 0x80000000;
constexpr std::uint32_t kSolicitedFlag = 0x40000000;
constexpr std::uint32_t kOverrideFlag = 0x20000000;

struct Options {
  std::optional<MacAddress> source_mac;
  std::optional<MacAddress> target_mac;
};

/// Nothing when an option's length is zero or runs past the end. Unknown options, and link-layer addresses of another
/// size than ours, are passed over.
std::optional<Options> parse_options(base::Bytes bytes) {
  Options options;
  while (!bytes.empty()) {
    if (bytes.size() < 2) return std::nullopt;
    const std::size_t size = std::size_t{bytes[1]} * 8;
    if (size == 0 || size > bytes.size()) return std::nullopt;
    if (size == kMacOptionSize) {
      if (bytes[0] == kSourceMacOption) options.source_mac = MacAddress::load(bytes.subspan(2));
      if (bytes[0] == kTargetMacOption) options.target_mac = MacAddress::load(bytes.subspan(2));
    }
    bytes = bytes.subspan(size);
  }
  return options;
}

/// The checks that RFC 4861 §7.1.1 and §7.1.2 share.
bool plausible(base::Bytes message, Icmpv6Type type, const NdpEnvelope& envelope) {
  if (envelope.hop_limit != kNdpHopLimit || message.size() < kOptionsAt) return false;
  if (message[0] != static_cast<std::uint8_t>(type) || message[1] != 0) return false;
  const Address target = Address::v6(message.subspan(kTargetAt));
  return !target.is_multicast() && !target.is_v4();
}

bool is_solicited_node(const Address& address) { return address == solicited_node(address); }

void write_message(base::MutableBytes message, const Icmpv6Header& header, const Address& target,
                   std::uint8_t option_type, const std::optional<MacAddress>& mac, const Address& source,
                   const Address& destination) {
  CHECK(message.size() == kOptionsAt + (mac ? kMacOptionSize : 0));
  std::copy(target.mapped().begin(), target.mapped().end(), message.begin() + kTargetAt);
  if (mac) {
    message[kOptionsAt] = option_type;
    message[kOptionsAt + 1] = kMacOptionSize / 8;
    mac->store(message.subspan(kOptionsAt + 2));
  }
  header.write(message, source, destination);
}

}  // namespace

Address solicited_node(const Address& target) {
  std::array<std::uint8_t, Address::kSize> octets{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::copy_n(target.mapped().begin() + 13, 3, octets.begin() + 13);
  return Address::v6(octets);
}

MacAddress multicast_mac(const Address& group) {
  const auto& octets = group.mapped();
  return {{0x33, 0x33, octets[12], octets[13], octets[14], octets[15]}};
}

Address all_nodes() {
  return Address::v6(std::array<std::uint8_t, 16>{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

std::optional<NeighbourSolicitation> NeighbourSolicitation::parse(base::Bytes message, const NdpEnvelope& envelope) {
  if (!plausible(message, Icmpv6Type::kNeighbourSolicitation, envelope)) return std::nullopt;
  const auto options = parse_options(message.subspan(kOptionsAt));
  if (!options) return std::nullopt;
  // Duplicate address detection: nobody to answer yet, so no link-layer address, and only to the solicited-node group.
  if (envelope.source.is_unspecified() && (options->source_mac || !is_solicited_node(envelope.destination)))
    return std::nullopt;
  return NeighbourSolicitation{Address::v6(message.subspan(kTargetAt)), options->source_mac};
}

void NeighbourSolicitation::write(base::MutableBytes message, const Address& source, const Address& destination) const {
  const Icmpv6Header header{Icmpv6Type::kNeighbourSolicitation, 0, 0};
  write_message(message, header, target, kSourceMacOption, source_mac, source, destination);
}

std::optional<NeighbourAdvertisement> NeighbourAdvertisement::parse(base::Bytes message, const NdpEnvelope& envelope) {
  if (!plausible(message, Icmpv6Type::kNeighbourAdvertisement, envelope)) return std::nullopt;
  const auto options = parse_options(message.subspan(kOptionsAt));
  if (!options) return std::nullopt;
  const auto flags = base::load_be<std::uint32_t>(&message[4]);
  const bool solicited = (flags & kSolicitedFlag) != 0;
  if (solicited && envelope.destination.is_multicast()) return std::nullopt;
  return NeighbourAdvertisement{Address::v6(message.subspan(kTargetAt)), (flags & kRouterFlag) != 0, solicited,
                                (flags & kOverrideFlag) != 0, options->target_mac};
}

void NeighbourAdvertisement::write(base::MutableBytes message, const Address& source,
                                   const Address& destination) const {
  const std::uint32_t flags =
      (router ? kRouterFlag : 0) | (solicited ? kSolicitedFlag : 0) | (override_cached ? kOverrideFlag : 0);
  const Icmpv6Header header{Icmpv6Type::kNeighbourAdvertisement, 0, flags};
  write_message(message, header, target, kTargetMacOption, target_mac, source, destination);
}

}  // namespace windhover::stack::wire
