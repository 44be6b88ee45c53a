#pragma once
// One open queue of /dev/net/tun, and what the kernel agreed to when it was opened.

#include <string>
#include <vector>

#include "backends/host/file.h"

namespace windhover::backends::tun {

/// What the kernel agreed to, rung by rung.
struct Offered {
  bool vnet_header = false;  ///< Packets carry a virtio-net header: we may send super-frames and partial checksums.
  bool receive_checksum = false;  ///< The kernel sends us partial checksums (TUN_F_CSUM).
  bool receive_gso = false;       ///< The kernel sends us super-frames (TUN_F_TSO4 and TUN_F_TSO6).
};

struct QueueRequest {
  std::string name;  ///< Of the device; created when there is none.
  bool ethernet = false;
  bool multi_queue = false;
  bool offload = true;
};

struct Queue {
  host::File file;
  Offered offered;
};

/// Opens a non-blocking queue and takes the highest rung of offload that the kernel allows; each rung it refuses adds a
/// sentence to `notes`. Throws SetupError when there can be no queue at all.
Queue open_queue(const QueueRequest& request, std::vector<std::string>& notes);

}  // namespace windhover::backends::tun
