#pragma once
// What an operator can say about an AF_XDP interface.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/wire/address.h"

namespace windhover::backends::xdp {

/// The rungs of the ladder, best first. kAuto takes the highest that the machine allows and says why the ones above
/// were refused; a rung named by the operator is never replaced by another.
enum class Mode : std::uint8_t {
  kAuto,
  kZeroCopy,    ///< Native XDP, the driver works on our memory.
  kNativeCopy,  ///< Native XDP, the kernel copies.
  kGeneric,     ///< XDP behind the kernel's own receive path, the kernel copies.
};

/// What to make of the checksum of a received TCP segment.
enum class ReceiveChecksum : std::uint8_t {
  kAuto,           ///< kAcceptPartial on virtual drivers (veth, virtio, tun), else kVerify.
  kVerify,         ///< It must be right.
  kAcceptPartial,  ///< A bare pseudo-header sum will do: what a sender leaves whose device was to complete it.
};

/// The bulk path: super-frames through a packet socket, which the kernel or the card segments.
enum class Bulk : std::uint8_t {
  kAuto,  ///< On in copy mode where the interface has TCP segmentation offload, else off.
  kOff,
};

/// Sizes of rings are powers of two.
struct Config {
  std::string interface {};
  Mode mode = Mode::kAuto;
  std::optional<std::uint32_t> queue_count{};  ///< The first so many of the interface's queues; nothing: all of them.
  std::optional<std::uint32_t> chunk_size{};  ///< UMEM chunk, 2048 or 4096; nothing: 2048 when a frame fits, else 4096.
  std::uint32_t ring_size = 2048;             ///< Descriptors in each ring of a queue (fill, completion, RX, TX).
  std::uint32_t receive_frames = 4096;        ///< UMEM chunks to receive into, per queue.
  std::uint32_t transmit_frames = 4096;       ///< UMEM chunks to transmit from, per lane.
  bool huge_pages = true;                     ///< Tried first; ordinary pages serve too, and a note says so.
  bool transmit_checksum = true;              ///< Ask the kernel for checksums (TX metadata); else we compute them.
  bool busy_poll = false;  ///< Drive the driver from the lane (SO_PREFER_BUSY_POLL), where it can be.
  ReceiveChecksum receive_checksum = ReceiveChecksum::kAuto;
  Bulk bulk = Bulk::kAuto;
};

}  // namespace windhover::backends::xdp
