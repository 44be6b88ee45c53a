#pragma once
// The bulk path: what AF_XDP cannot do, a packet socket on the same interface can.
//
// AF_PACKET with PACKET_VNET_HDR takes TCP super-frames, which the device segments (TSO); with PACKET_QDISC_BYPASS a
// frame is at the driver when sendmsg() returns. A super-frame that a device without TSO refuses goes again through the
// queueing discipline, where the kernel segments it: slower, and possibly behind what follows it. Header and body are
// gathered from where they lie. It receives nothing (protocol 0). It also joins link-layer groups, for addresses that
// the kernel does not know.

#include <cstdint>
#include <span>
#include <string>

#include "backends/host/file.h"
#include "stack/link/frame.h"
#include "stack/wire/ethernet.h"

namespace windhover::backends::xdp {

/// Thread: one at a time. A socket that runs into ENETDOWN goes on when the interface is up again.
class PacketSocket {
 public:
  /// Needs CAP_NET_RAW. Throws SetupError.
  PacketSocket(int interface_index, const std::string& interface_name);

  enum class Sent : std::uint8_t {
    kYes,
    kNotNow,   ///< The send buffer is full: again when poll() says POLLOUT.
    kDropped,  ///< The device refused it: its queue was full, it is down, or the frame is too large.
    kLost,     ///< The interface is gone.
  };
  /// Sends one frame with its pieces and offload; nothing is kept of it afterwards.
  Sent send(const stack::link::Frame& frame);

  /// Receives that group's frames on the interface, for as long as this lives. Returns the errno, 0 when it worked.
  int join(const stack::wire::MacAddress& group);

  int fd() const { return file_.fd(); }

 private:
  host::File file_;
  int interface_index_;
};

}  // namespace windhover::backends::xdp
