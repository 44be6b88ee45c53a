#include "stack/wire/ipv6.h"

#include <algorithm>

namespace windhover::stack::wire {
namespace {

/// Looks through the options in [begin, end) of `packet` for what stops the walk.
std::optional<Ipv6Chain> stopped_by_option(base::Bytes packet, std::size_t begin, std::size_t end, Ipv6Chain chain) {
  constexpr std::uint8_t kPad1 = 0;
  constexpr std::uint8_t kActionIfUnknown = 0xc0;
  while (begin < end) {
    const std::uint8_t type = packet[begin];
    if (type == kPad1) {
      ++begin;
      continue;
    }
    chain.offset = static_cast<std::uint32_t>(begin);
    if (end - begin < 2 || end - begin - 2 < packet[begin + 1]) {
      chain.end = Ipv6Chain::End::kTruncated;
      return chain;
    }
    if ((type & kActionIfUnknown) != 0) {
      chain.end = Ipv6Chain::End::kUnknownOption;
      return chain;
    }
    begin += 2u + packet[begin + 1];
  }
  return std::nullopt;
}

}  // namespace

std::optional<Ipv6View> Ipv6View::parse_quoted(base::Bytes quotation) {
  if (quotation.size() < kHeaderSize || quotation[0] >> 4 != 6) return std::nullopt;
  const std::size_t payload_length = base::load_be<std::uint16_t>(&quotation[4]);
  const Ipv6View view(quotation.data(), std::min(payload_length, quotation.size() - kHeaderSize));
  if (view.source().is_v4() || view.destination().is_v4()) return std::nullopt;
  return view;
}

Ipv6Chain Ipv6View::walk() const {
  using End = Ipv6Chain::End;
  const base::Bytes packet{data_, total_length()};
  Ipv6Chain chain{End::kUpper, next_header(), kHeaderSize, 6};
  const auto stop = [&chain](End end) {
    chain.end = end;
    return chain;
  };
  for (std::size_t headers = 0;; ++headers) {
    const bool routing = chain.protocol == kProtocolRouting;
    if (chain.protocol == kProtocolFragment) return stop(End::kFragment);
    if (chain.protocol == kProtocolHopByHop && headers != 0) return stop(End::kMisplaced);
    if (chain.protocol != kProtocolHopByHop && chain.protocol != kProtocolDestinationOptions && !routing) return chain;
    if (headers == kExtensionHeadersMax) return stop(End::kTooMany);

    const std::size_t left = packet.size() - chain.offset;
    if (left < 8) return stop(End::kTruncated);
    const std::size_t size = 8 + std::size_t{packet[chain.offset + 1]} * 8;
    if (size > left) return stop(End::kTruncated);
    if (routing) {
      // With no segments left a routing header of any type is to be passed over (RFC 8200 §4.4).
      if (packet[chain.offset + 3] != 0) return stop(End::kRouting);
    } else if (const auto stopped = stopped_by_option(packet, chain.offset + 2, chain.offset + size, chain)) {
      return *stopped;
    }
    chain.protocol = packet[chain.offset];
    chain.named_at = chain.offset;
    chain.offset += static_cast<std::uint32_t>(size);
  }
}

}  // namespace windhover::stack::wire
