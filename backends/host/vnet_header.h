#pragma once
// The virtio-net header that stands in front of every packet of a TUN device opened with IFF_VNET_HDR, and of a packet
// socket with PACKET_VNET_HDR (virtio 1.2 §5.1.6).
//
// Ten bytes, 16-bit fields in the host's byte order (the legacy layout, the default of both):
//   0 flags | 1 gso_type | 2 hdr_len | 4 gso_size | 6 csum_start | 8 csum_offset
// linux/virtio_net.h does not compile as C++, so the constants stand here.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "stack/link/frame.h"

namespace windhover::backends::host {

inline constexpr std::size_t kVnetHeaderSize = 10;

inline constexpr std::uint8_t kVnetNeedsChecksum = 1;
inline constexpr std::uint8_t kVnetDataValid = 2;
inline constexpr std::uint8_t kVnetGsoNone = 0;
inline constexpr std::uint8_t kVnetGsoTcp4 = 1;
inline constexpr std::uint8_t kVnetGsoTcp6 = 4;
inline constexpr std::uint8_t kVnetGsoEcn = 0x80;  ///< A bit beside the type: the first segment alone carries CWR.

/// Writes the header for a frame to transmit. Precondition: kVnetHeaderSize bytes are writable at `at`.
inline void write_vnet_header(const stack::link::Offload& offload, std::uint8_t* at) {
  std::memset(at, 0, kVnetHeaderSize);
  if (offload.checksum != stack::link::Checksum::kPartial) return;
  at[0] = kVnetNeedsChecksum;
  std::memcpy(at + 6, &offload.csum_start, 2);
  std::memcpy(at + 8, &offload.csum_offset, 2);
  if (offload.gso == stack::link::Gso::kNone) return;
  at[1] = offload.gso == stack::link::Gso::kTcp4 ? kVnetGsoTcp4 : kVnetGsoTcp6;
  // Without hdr_len the kernel would copy the whole super-frame into one linear buffer of its own.
  std::memcpy(at + 2, &offload.header_size, 2);
  std::memcpy(at + 4, &offload.gso_size, 2);
}

/// The offload of a received packet, or nothing when the header contradicts itself or the packet. `header_size` is
/// computed from the TCP header, because the kernel's hdr_len is only a hint. Precondition: kVnetHeaderSize bytes at
/// `header`.
std::optional<stack::link::Offload> read_vnet_header(const std::uint8_t* header, stack::base::Bytes packet);

}  // namespace windhover::backends::host
