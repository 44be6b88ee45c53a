#include "stack/wire/router.h"

#include "stack/base/check.h"

namespace windhover::stack::wire {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kOptionsAt = 16;  // Of an advertisement.

constexpr std::uint8_t kSourceMacOption = 1;
constexpr std::uint8_t kPrefixOption = 3;
constexpr std::uint8_t kMtuOption = 5;

constexpr std::size_t kMacOptionSize = 8;
constexpr std::size_t kPrefixOptionSize = 32;
constexpr std::size_t kMtuOptionSize = 8;

constexpr std::uint8_t kOnLinkFlag = 0x80;

RouterPreference preference_of(std::uint8_t flags) {
  switch (flags >> 3 & 3) {
    case 1:
      return RouterPreference::kHigh;
    case 3:
      return RouterPreference::kLow;
    default:
      return RouterPreference::kMedium;  // RFC 4191 2.2: the reserved value counts as this one.
  }
}

void take_prefix(base::Bytes option, RouterAdvertisement& told) {
  if ((option[3] & kOnLinkFlag) == 0 || told.prefix_count == RouterAdvertisement::kPrefixesMax) return;
  const OnLinkPrefix prefix{.prefix = Address::v6(option.subspan(16)),
                            .length = option[2],
                            .valid_lifetime_s = base::load_be<std::uint32_t>(&option[4])};
  if (prefix.length == 0 || prefix.length > 128) return;
  if (prefix.prefix.is_multicast() || prefix.prefix.is_link_local() || prefix.prefix.is_v4()) return;
  told.prefixes[told.prefix_count++] = prefix;
}

void take_option(base::Bytes option, RouterAdvertisement& told) {
  if (option[0] == kSourceMacOption && option.size() == kMacOptionSize) {
    told.source_mac = MacAddress::load(option.subspan(2));
  } else if (option[0] == kMtuOption && option.size() == kMtuOptionSize) {
    told.mtu = base::load_be<std::uint32_t>(&option[4]);
  } else if (option[0] == kPrefixOption && option.size() == kPrefixOptionSize) {
    take_prefix(option, told);
  }
}

}  // namespace

Address all_routers() {
  return Address::v6(std::array<std::uint8_t, 16>{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
}

void RouterSolicitation::write(base::MutableBytes message, const Address& source, const Address& destination) const {
  CHECK(message.size() == size());
  if (source_mac) {
    message[kHeaderSize] = kSourceMacOption;
    message[kHeaderSize + 1] = kMacOptionSize / 8;
    source_mac->store(message.subspan(kHeaderSize + 2));
  }
  Icmpv6Header{Icmpv6Type::kRouterSolicitation, 0, 0}.write(message, source, destination);
}

std::optional<RouterAdvertisement> RouterAdvertisement::parse(base::Bytes message, const NdpEnvelope& envelope) {
  if (envelope.hop_limit != kNdpHopLimit || !envelope.source.is_link_local() || message.size() < kOptionsAt) return {};
  if (message[0] != static_cast<std::uint8_t>(Icmpv6Type::kRouterAdvertisement) || message[1] != 0) return {};
  RouterAdvertisement told;
  told.preference = preference_of(message[5]);
  told.lifetime_s = base::load_be<std::uint16_t>(&message[6]);
  told.reachable_ms = base::load_be<std::uint32_t>(&message[8]);
  told.retransmit_ms = base::load_be<std::uint32_t>(&message[12]);
  for (base::Bytes rest = message.subspan(kOptionsAt); !rest.empty();) {
    if (rest.size() < 2) return {};
    const std::size_t size = std::size_t{rest[1]} * 8;
    if (size == 0 || size > rest.size()) return {};
    take_option(rest.first(size), told);
    rest = rest.subspan(size);
  }
  return told;
}

}  // namespace windhover::stack::wire
