#pragma once
// What an operator can say about frames in UDP datagrams.

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/wire/address.h"
#include "stack/wire/vxlan.h"

namespace windhover::backends::udp {

/// Addresses of which the first bits are given.
struct Network {
  stack::wire::Address address;
  std::uint8_t prefix_length = 32;  ///< 1..32 for IPv4, 1..128 for IPv6.
};

/// What to make of the checksum of a received TCP segment.
enum class ReceiveChecksum : std::uint8_t {
  kAuto,           ///< kAcceptPartial from peers on loopback or behind a virtual interface, else kVerify.
  kVerify,         ///< It must be right.
  kAcceptPartial,  ///< A bare pseudo-header sum will do: what Linux leaves in a frame that never meets a card.
};

/// Sizes in bytes.
struct Config {
  /// Where datagrams arrive, and leave from. Unspecified: every address of that family; "::" serves IPv4 too. Port 0
  /// takes a free one.
  stack::wire::Endpoint listen{stack::wire::Address::v4(0), stack::wire::kVxlanPort};
  std::uint32_t vni = 1;  ///< 0..kVniMax. Other networks' frames are dropped.

  /// Who may speak, and where answers go: a peer's address and the port that its VXLAN listens on. At most kPeersMax.
  std::vector<stack::wire::Endpoint> peers{};
  /// Whoever speaks from one of these becomes a peer too. Empty: nobody does.
  std::vector<Network> learn_from{};
  std::uint16_t learnt_port = stack::wire::kVxlanPort;  ///< The port that such a peer's VXLAN listens on.
  std::uint32_t learnt_max = 256;                       ///< As many at a time, at most kPeersMax.

  /// Largest inner IP packet. Nothing: what fits into 1500 bytes, 1450 over IPv4 and 1430 where a peer may have IPv6.
  std::optional<std::uint16_t> mtu{};
  /// Receive frames of any size: Linux's device sends TCP super-frames of up to 64 KiB unless its tso is off. false:
  /// buffers of one MTU, and what is larger is dropped as truncated.
  bool super_frames = true;
  bool segmentation = true;                 ///< UDP_SEGMENT: equal frames to one peer leave as one, and UDP_GRO.
  std::uint32_t receive_buffer = 8U << 20;  ///< SO_RCVBUF, per lane; the kernel may give less.
  std::uint32_t receive_frames = 256;  ///< Buffers of 64 KiB (of one MTU without super_frames), per lane; at least 128.
  std::uint32_t transmit_frames = 4096;  ///< Buffers that hold one MTU each, per lane.
  ReceiveChecksum receive_checksum = ReceiveChecksum::kAuto;
};

/// Peers that can be configured, and peers that can be learnt.
inline constexpr std::uint32_t kPeersMax = 1024;

}  // namespace windhover::backends::udp
