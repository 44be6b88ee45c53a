#include "stack/ip/fragment.h"

#include "stack/wire/icmpv6.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ipv6_fragment.h"
#include "stack/wire/protocol.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

namespace windhover::stack::ip {
namespace {

using base::Bytes;
using base::Drop;
using Verdict = Arrival::Verdict;
using End = wire::Ipv6Chain::End;

constexpr std::size_t kUnit = 8;  // Offsets count these.

/// RFC 1858 3.2.1: up to TCP's flags all must be in the first fragment; and the second, at one unit, would bring new
/// ones.
constexpr std::size_t kTcpShownMin = 16;

constexpr std::uint32_t kPayloadLengthAt = 4;  // RFC 8200 3.

std::nullopt_t refuse(Arrival& arrival, Drop reason) {
  arrival.verdict = Verdict::kDrop;
  arrival.reason = reason;
  return std::nullopt;
}

std::nullopt_t refuse(Arrival& arrival, Drop reason, const Problem& problem) {
  arrival.verdict = Verdict::kProblem;
  arrival.reason = reason;
  arrival.problem = problem;
  return std::nullopt;
}

std::optional<Fragment> read_v4(Bytes packet, Arrival& arrival) {
  const auto view = wire::Ipv4View::parse(packet);
  CHECK(view);
  const Fragment fragment{.source = arrival.source,
                          .destination = arrival.destination,
                          .identification = view->identification(),
                          .protocol = view->protocol(),
                          .ecn = static_cast<std::uint8_t>(view->traffic_class() & 3),
                          .more = view->more_fragments(),
                          .offset = view->fragment_offset(),
                          .head = view->header(),
                          .payload = view->payload(),
                          .link_source = arrival.link_source};
  const std::size_t size = fragment.payload.size();
  if (size == 0 || (fragment.more && size % kUnit != 0) || fragment.head.size() + fragment.end() > kPacketMaxV4) {
    return refuse(arrival, Drop::kFragmentMalformed);
  }
  if (fragment.protocol == wire::kProtocolTcp &&
      (fragment.offset == kUnit || (fragment.offset == 0 && size < kTcpShownMin))) {
    return refuse(arrival, Drop::kFragmentTiny);
  }
  return fragment;
}

/// What of an upper header a first fragment must show.
std::size_t upper_header_size(std::uint8_t protocol) {
  switch (protocol) {
    case wire::kProtocolTcp:
      return wire::TcpView::kHeaderSizeMin;
    case wire::kProtocolUdp:
      return wire::UdpView::kHeaderSize;
    case wire::kProtocolIcmpv6:
      return wire::Icmpv6View::kHeaderSize;
    default:
      return 0;
  }
}

/// RFC 7112 5: a first fragment shows all headers, the upper one included.
bool shows_all_headers(const wire::Ipv6Chain& chain, std::size_t packet_size) {
  if (chain.end == End::kTruncated) return false;
  return chain.end != End::kUpper || packet_size - chain.offset >= upper_header_size(chain.protocol);
}

std::optional<Fragment> read_v6(Bytes packet, Arrival& arrival) {
  const auto view = wire::Ipv6View::parse(packet);
  CHECK(view && arrival.chain.end == End::kFragment);
  const wire::Ipv6Chain& chain = arrival.chain;
  const auto header = wire::Ipv6FragmentHeader::parse(packet.subspan(chain.offset));
  CHECK(header);
  const std::size_t head_size = chain.offset + wire::Ipv6FragmentHeader::kSize;
  if (head_size > kFragmentHeadMax) return refuse(arrival, Drop::kIpv6ExtensionHeader);
  const Fragment fragment{.source = arrival.source,
                          .destination = arrival.destination,
                          .identification = header->identification,
                          .protocol = 0,
                          .ecn = static_cast<std::uint8_t>(view->traffic_class() & 3),
                          .more = header->more,
                          .offset = header->offset,
                          .head = packet.first(head_size),
                          .payload = packet.subspan(head_size),
                          .named_at = chain.named_at,
                          .link_source = arrival.link_source};
  if (fragment.payload.empty()) return refuse(arrival, Drop::kFragmentMalformed);
  if (fragment.more && fragment.payload.size() % kUnit != 0) {
    return refuse(arrival, Drop::kFragmentMalformed, {.code = wire::kIcmpv6BadHeaderField, .at = kPayloadLengthAt});
  }
  if (chain.offset - wire::Ipv6View::kHeaderSize + fragment.end() > kPayloadMaxV6) {
    const auto at = static_cast<std::uint32_t>(chain.offset + wire::Ipv6FragmentHeader::kOffsetAt);
    return refuse(arrival, Drop::kFragmentMalformed, {.code = wire::kIcmpv6BadHeaderField, .at = at});
  }
  if (fragment.offset == 0) {
    const wire::Ipv6Chain behind = view->chain_behind(chain);
    if (!shows_all_headers(behind, packet.size())) {
      return refuse(arrival, Drop::kFragmentTiny, {.code = wire::kIcmpv6IncompleteChain, .at = 0});
    }
    if (behind.end == End::kTooMany) return refuse(arrival, Drop::kIpv6ExtensionHeader);
  }
  return fragment;
}

}  // namespace

std::optional<Fragment> read_fragment(Bytes packet, Arrival& arrival) {
  return arrival.source.is_v4() ? read_v4(packet, arrival) : read_v6(packet, arrival);
}

}  // namespace windhover::stack::ip
