#pragma once
// What follows from a configuration and an interface before anything is opened.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/config.h"
#include "stack/link/device.h"

namespace windhover::backends::xdp {

/// Sizes in bytes.
struct Plan {
  std::uint32_t queue_count = 0;  ///< Of the interface, from queue 0 on.
  std::uint32_t chunk_size = 0;
  std::uint16_t mtu = 0;
  bool chains = false;  ///< A packet of the interface's MTU may need several chunks.
  bool accept_partial = false;
};

/// Throws SetupError when the configuration is impossible, or the interface is not fit: down, not Ethernet, too few
/// queues. What is possible and not what the operator likely wants becomes a note.
Plan make_plan(const Config& config, const host::Interface& interface, std::size_t lane_count,
               std::vector<std::string>& notes);

/// Largest frame that a chunk can receive: the kernel keeps the front of it for itself, and programs use it.
std::uint32_t receive_room(std::uint32_t chunk_size);

/// The largest packet of a mode that arrives in several chunks; 0 when none does. `mode` is not kAuto.
std::uint32_t gathered_size(const Plan& plan, Mode mode);

/// Super-frames go through the packet socket. `mode` is not kAuto.
bool has_bulk(const Config& config, const host::Interface& interface, Mode mode);

/// What a device of that mode can do, with its headroom and busy polling left open. `chunk_limited`: the kernel has no
/// multi-buffer AF_XDP, so that no packet may be larger than a chunk.
stack::link::Caps make_caps(const Plan& plan, Mode mode, bool gso, bool chunk_limited);

}  // namespace windhover::backends::xdp
