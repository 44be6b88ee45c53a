// Any frame: its owner is a lane, and the one that the strict parsers and the flow's hash name where they read a flow.
//
// Input: one byte for medium and number of lanes, then the frame.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/link/flow_hash.h"
#include "stack/link/steering.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/protocol.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

namespace {

using windhover::stack::base::Bytes;
using windhover::stack::link::Medium;
namespace link = windhover::stack::link;
namespace wire = windhover::stack::wire;

constexpr std::uint32_t kLanesMax = 64;

template <typename View>
std::optional<std::uint32_t> hash_of(const std::optional<View>& view, const wire::Address& source,
                                     const wire::Address& destination) {
  if (!view) return std::nullopt;
  return link::flow_hash({source, view->source_port()}, {destination, view->destination_port()});
}

std::optional<std::uint32_t> hash_of(Bytes bytes, std::uint8_t protocol, const wire::Address& source,
                                     const wire::Address& destination) {
  if (protocol == wire::kProtocolTcp) return hash_of(wire::TcpView::parse(bytes), source, destination);
  if (protocol == wire::kProtocolUdp) return hash_of(wire::UdpView::parse(bytes), source, destination);
  return std::nullopt;
}

/// The hash of a whole, unfragmented TCP or UDP packet.
std::optional<std::uint32_t> hash_of(Bytes packet) {
  if (const auto v4 = wire::Ipv4View::parse(packet)) {
    if (v4->is_fragment()) return std::nullopt;
    return hash_of(v4->payload(), v4->protocol(), v4->source(), v4->destination());
  }
  const auto v6 = wire::Ipv6View::parse(packet);
  if (!v6) return std::nullopt;
  const wire::Ipv6Chain chain = v6->chain();
  if (chain.end != wire::Ipv6Chain::End::kUpper) return std::nullopt;
  return hash_of(packet.first(v6->total_length()).subspan(chain.offset), chain.protocol, v6->source(),
                 v6->destination());
}

std::optional<std::uint32_t> hash_of_frame(Bytes frame, Medium medium) {
  if (medium == Medium::kIp) return hash_of(frame);
  const auto view = wire::EthernetView::parse(frame);
  if (!view) return std::nullopt;
  const bool ip = view->ether_type() == wire::EtherType::kIpv4 || view->ether_type() == wire::EtherType::kIpv6;
  return ip ? hash_of(view->payload()) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Medium medium = (data[0] & 0x80) != 0 ? Medium::kIp : Medium::kEthernet;
  const std::uint32_t lanes = 1 + data[0] % kLanesMax;
  const Bytes frame(data + 1, size - 1);
  const std::uint32_t owner = link::owner_of(frame, medium, lanes);
  CHECK(owner < lanes || owner == link::kEveryLane);
  if (const auto hash = hash_of_frame(frame, medium)) CHECK(owner == link::lane_of(*hash, lanes));
  return 0;
}
