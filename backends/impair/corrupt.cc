#include "backends/impair/corrupt.h"

#include "stack/wire/checksum.h"

namespace windhover::backends::impair {
namespace {

namespace base = stack::base;
namespace link = stack::link;

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kEtherTypeAt = 12;
constexpr std::size_t kVlanTag = 4;
constexpr std::uint16_t kEtherTypeVlan = 0x8100;
constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

/// The IP packet of a frame; empty when there is none.
base::MutableBytes packet_of(const link::Frame& frame, link::Medium medium) {
  const base::MutableBytes bytes = frame.bytes();
  if (medium == link::Medium::kIp) return bytes;
  std::size_t begin = kEthernetHeader;
  if (bytes.size() < begin) return {};
  auto type = base::load_be<std::uint16_t>(bytes.data() + kEtherTypeAt);
  if (type == kEtherTypeVlan && bytes.size() >= begin + kVlanTag) {
    type = base::load_be<std::uint16_t>(bytes.data() + kEtherTypeAt + kVlanTag);
    begin += kVlanTag;
  }
  return type == kEtherTypeIpv4 || type == kEtherTypeIpv6 ? bytes.subspan(begin) : base::MutableBytes{};
}

}  // namespace

void complete_checksum(link::Frame& frame) {
  const link::Offload offload = frame.offload();
  frame.offload() = {};
  if (offload.checksum != link::Checksum::kPartial) return;
  const base::MutableBytes bytes = frame.bytes();
  const std::size_t field = std::size_t{offload.csum_start} + offload.csum_offset;
  if (field + sizeof(std::uint16_t) > bytes.size()) return;
  // The field holds the pseudo-header's sum, so summing it with the rest gives the whole.
  const std::uint16_t checksum = stack::wire::sum(bytes.subspan(offload.csum_start)).finish();
  // A UDP checksum of zero would mean that there is none (RFC 768); for TCP the two are equal.
  base::store_be<std::uint16_t>(bytes.data() + field, checksum == 0 ? 0xffff : checksum);
}

bool corrupt(link::Frame& frame, link::Medium medium, Random& random) {
  const base::MutableBytes packet = packet_of(frame, medium);
  if (packet.empty()) return false;
  complete_checksum(frame);
  const std::uint64_t bit = random.below(packet.size() * 8);
  packet[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  return true;
}

}  // namespace windhover::backends::impair
