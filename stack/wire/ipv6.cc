#include "stack/wire/ipv6.h"

#include <algorithm>

#include "stack/wire/ipv6_fragment.h"

namespace windhover::stack::wire {
namespace {

/// Looks through the options in [begin, end) of `packet` for what stops the walk.
std::optional<Ipv6Chain> stopped_by_option(base::Bytes packet, std::size_t begin, std::size_t end, Ipv6Chain chain) {
  constexpr std::uint8_t kPad1 = 0;
  constexpr std::uint8_t kPadN = 1;
  constexpr std::uint8_t kActionIfUnknown = 0xc0;
  std::size_t options = 0;
  std::size_t padding = 0;
  while (begin < end) {
    const std::uint8_t type = packet[begin];
    chain.offset = static_cast<std::uint32_t>(begin);
    if (type != kPad1 && (end - begin < 2 || end - begin - 2 < packet[begin + 1])) {
      chain.end = Ipv6Chain::End::kTruncated;
      return chain;
    }
    if ((type & kActionIfUnknown) != 0) {
      chain.end = Ipv6Chain::End::kUnknownOption;
      return chain;
    }
    const std::size_t size = type == kPad1 ? 1 : 2u + packet[begin + 1];
    const bool pads = type == kPad1 || type == kPadN;
    padding = pads ? padding + size : 0;
    options += pads ? 0 : 1;
    if (padding > Ipv6View::kPaddingMax || options > Ipv6View::kOptionsMax) {
      chain.end = Ipv6Chain::End::kTooMany;
      return chain;
    }
    begin += size;
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

Ipv6Chain Ipv6View::chain_behind(const Ipv6Chain& at) const {
  Ipv6Chain chain = at;
  chain.end = Ipv6Chain::End::kUpper;
  chain.protocol = data_[at.offset];
  chain.named_at = at.offset;
  chain.offset = at.offset + static_cast<std::uint32_t>(Ipv6FragmentHeader::kSize);
  chain.atomic = true;
  return walk(chain, 1);
}

Ipv6Chain Ipv6View::walk(Ipv6Chain chain, std::size_t headers) const {
  using End = Ipv6Chain::End;
  const base::Bytes packet{data_, total_length()};
  const auto stop = [&chain](End end) {
    chain.end = end;
    return chain;
  };
  for (;; ++headers) {
    const bool routing = chain.protocol == kProtocolRouting;
    const bool fragment = chain.protocol == kProtocolFragment;
    if (chain.protocol == kProtocolHopByHop && headers != 0) return stop(End::kMisplaced);
    if (chain.protocol != kProtocolHopByHop && chain.protocol != kProtocolDestinationOptions && !routing && !fragment) {
      return chain;
    }
    if (headers == kExtensionHeadersMax || (fragment && chain.atomic)) return stop(End::kTooMany);

    const std::size_t left = packet.size() - chain.offset;
    if (left < 8) return stop(End::kTruncated);
    std::size_t size = 8 + std::size_t{packet[chain.offset + 1]} * 8;
    if (fragment) {
      if (!Ipv6FragmentHeader::parse(packet.subspan(chain.offset))->is_atomic()) return stop(End::kFragment);
      chain.atomic = true;
      size = Ipv6FragmentHeader::kSize;
    }
    if (size > left) return stop(End::kTruncated);
    if (routing) {
      // With no segments left a routing header of any type is to be passed over (RFC 8200 §4.4); with some, type 0 is
      // refused like an unknown one (RFC 5095).
      if (packet[chain.offset + 3] != 0) return stop(End::kRouting);
    } else if (!fragment) {
      if (const auto stopped = stopped_by_option(packet, chain.offset + 2, chain.offset + size, chain)) return *stopped;
    }
    chain.protocol = packet[chain.offset];
    chain.named_at = chain.offset;
    chain.offset += static_cast<std::uint32_t>(size);
  }
}

}  // namespace windhover::stack::wire
