#pragma once
// Damages a frame so that an honest receiver can notice.

#include "backends/impair/random.h"
#include "stack/link/device.h"

namespace windhover::backends::impair {

/// Completes a partial checksum in place and clears every offload mark: the frame becomes what a wire would carry.
/// Precondition: the frame is linear. A checksum that would lie outside the frame is left alone.
void complete_checksum(stack::link::Frame& frame);

/// Flips one bit of the IP packet, after complete_checksum(). Returns false, with the frame unchanged, for a frame that
/// no checksum protects: one that is not IP, or has no byte behind its link header.
bool corrupt(stack::link::Frame& frame, stack::link::Medium medium, Random& random);

}  // namespace windhover::backends::impair
