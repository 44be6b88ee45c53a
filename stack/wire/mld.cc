#include "stack/wire/mld.h"

#include <algorithm>

#include "stack/base/check.h"
#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::wire {
namespace {

constexpr std::size_t kQuerySize = 24;  // Of version 1; version 2 appends four bytes and the sources.
constexpr std::size_t kGroupAt = 8;

constexpr std::uint8_t kPadN = 1;
constexpr std::uint8_t kRouterAlert = 5;

/// RFC 3810 5.1.3: milliseconds, from 32768 on with an exponent of three bits and a mantissa of twelve.
base::Duration delay_of(std::uint16_t code) {
  const std::uint32_t exponent = code >> 12 & 7U;
  const std::uint32_t value = code < 0x8000 ? code : ((code & 0xfffU) | 0x1000U) << (exponent + 3);
  return std::chrono::milliseconds(value);
}

}  // namespace

Address all_mld_routers() {
  return Address::v6(std::array<std::uint8_t, 16>{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16});
}

std::optional<MldQuery> MldQuery::parse(base::Bytes message) {
  // RFC 3810 8.1: 24 bytes are version 1, 28 and more are version 2, and nothing else is a query.
  if (message.size() != kQuerySize && message.size() < kQuerySize + 4) return {};
  if (message[0] != static_cast<std::uint8_t>(Icmpv6Type::kMldQuery)) return {};
  const Address group = Address::v6(message.subspan(kGroupAt));
  if (!group.is_unspecified() && !group.is_multicast()) return {};
  const auto code = base::load_be<std::uint16_t>(&message[4]);
  // Version 1 knows no exponent.
  const bool plain = message.size() == kQuerySize;
  return MldQuery{plain ? base::Duration(std::chrono::milliseconds(code)) : delay_of(code), group};
}

void write_router_alert(base::MutableBytes to) {
  CHECK(to.size() >= kRouterAlertSize);
  constexpr std::uint8_t kHeader[kRouterAlertSize] = {kProtocolIcmpv6, 0, kRouterAlert, 2, 0, 0, kPadN, 0};
  std::copy(std::begin(kHeader), std::end(kHeader), to.begin());
}

bool has_mld_router_alert(base::Bytes packet) {
  constexpr std::size_t kAt = Ipv6View::kHeaderSize;
  if (packet.size() < kAt + 8 || packet[6] != kProtocolHopByHop) return false;
  const std::size_t end = kAt + 8 + std::size_t{packet[kAt + 1]} * 8;
  if (end > packet.size()) return false;
  for (std::size_t at = kAt + 2; at < end;) {
    if (packet[at] == 0) {  // Pad1.
      ++at;
      continue;
    }
    if (end - at < 2 || end - at - 2 < packet[at + 1]) return false;
    if (packet[at] == kRouterAlert) return packet[at + 1] == 2 && packet[at + 2] == 0 && packet[at + 3] == 0;
    at += 2U + packet[at + 1];
  }
  return false;
}

void MldReport::write(base::MutableBytes message, std::span<const Address> groups, MldRecord record,
                      const Address& source, const Address& destination) {
  CHECK(message.size() == size(groups.size()));
  std::uint8_t* at = message.data() + 8;
  for (const Address& group : groups) {
    *at = static_cast<std::uint8_t>(record);
    std::fill_n(at + 1, 3, std::uint8_t{0});  // No auxiliary data, no sources.
    std::copy(group.mapped().begin(), group.mapped().end(), at + 4);
    at += 20;
  }
  Icmpv6Header{Icmpv6Type::kMldReport, 0, static_cast<std::uint32_t>(groups.size())}.write(message, source,
                                                                                           destination);
}

}  // namespace windhover::stack::wire
