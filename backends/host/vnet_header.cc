#include "backends/host/vnet_header.h"

namespace windhover::backends::host {
namespace {

namespace link = stack::link;

constexpr std::size_t kTcpHeaderMin = 20;
constexpr std::size_t kTcpDataOffsetAt = 12;

std::uint16_t field(const std::uint8_t* at) {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Fills in the segmentation fields; false when they cannot be true.
bool read_segmentation(const std::uint8_t* header, stack::base::Bytes packet, link::Offload& offload) {
  switch (header[1] & ~kVnetGsoEcn) {
    case kVnetGsoTcp4:
      offload.gso = link::Gso::kTcp4;
      break;
    case kVnetGsoTcp6:
      offload.gso = link::Gso::kTcp6;
      break;
    default:
      return false;
  }
  offload.gso_size = field(header + 4);
  const std::size_t transport = offload.csum_start;
  if (offload.checksum != link::Checksum::kPartial || offload.gso_size == 0) return false;
  if (packet.size() < transport + kTcpHeaderMin) return false;
  const std::size_t header_size = transport + std::size_t{packet[transport + kTcpDataOffsetAt]} / 16 * 4;
  if (header_size < transport + kTcpHeaderMin || header_size > packet.size()) return false;
  offload.header_size = static_cast<std::uint16_t>(header_size);
  return header_size <= UINT16_MAX;
}

}  // namespace

std::optional<link::Offload> read_vnet_header(const std::uint8_t* header, stack::base::Bytes packet) {
  link::Offload offload;
  if ((header[0] & kVnetNeedsChecksum) != 0) {
    offload.checksum = link::Checksum::kPartial;
    offload.csum_start = field(header + 6);
    offload.csum_offset = field(header + 8);
    if (std::size_t{offload.csum_start} + offload.csum_offset + 2 > packet.size()) return {};
  } else if ((header[0] & kVnetDataValid) != 0) {
    offload.checksum = link::Checksum::kVerified;
  }
  if (header[1] != kVnetGsoNone && !read_segmentation(header, packet, offload)) return {};
  return offload;
}

}  // namespace windhover::backends::host
