#pragma once
// How often one connection answers what it cannot accept.

#include "stack/base/time.h"

namespace windhover::stack::tcp {

/// The least time between two answers to segments of one connection that may be one of a storm (Linux's
/// tcp_invalid_ratelimit): two ends that have lost each other answer each acknowledgement with one.
inline constexpr base::Duration kAnswerInterval = std::chrono::milliseconds(500);

}  // namespace windhover::stack::tcp
