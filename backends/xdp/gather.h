#pragma once
// A frame with pieces, made into one or several frames without.

#include <cstdint>
#include <span>

#include "stack/link/frame.h"

namespace windhover::backends::xdp {

/// How many frames after the first gather() will need. `capacity`: payload bytes of a continuing frame, not 0.
std::uint32_t continuations(const stack::link::Frame& frame, std::uint32_t capacity);

/// Copies the frame's pieces behind its linear bytes, and what its tailroom cannot hold into `more`, which are empty
/// frames with all their room behind. With `complete`, the partial checksum is completed on the way: the field holds
/// the pseudo-header's sum, and csum_start and csum_offset say where. The pieces stay attached; they are spent.
/// Precondition: `more` holds what continuations() said.
void gather(stack::link::Frame& frame, std::span<stack::link::Frame> more, bool complete);

}  // namespace windhover::backends::xdp
