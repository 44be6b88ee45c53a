#pragma once
// The options of an IPv4 header (RFC 791 §3.1, RFC 1122 §3.2.1.8), as far as a host must look at them.

#include <cstdint>

#include "stack/base/bytes.h"

namespace windhover::stack::wire {

/// What was found in a header's options. Route recording and timestamps are sound and mean nothing here: a host that
/// does not forward only has to understand that they are there.
struct Ipv4Options {
  enum class Verdict : std::uint8_t {
    kSound,
    kSourceRoute,  ///< Loose or strict, used up or not.
    kMalformed,    ///< A length that is impossible, or a pointer before the option's data.
  };
  Verdict verdict = Verdict::kSound;
  std::uint8_t at = 0;  ///< Of the octet that is to blame, from the header's first: a Parameter Problem's pointer.
};

/// Looks through the options of a whole header. Precondition: 20 <= header.size() <= 60, a multiple of four.
Ipv4Options check_options(base::Bytes header);

}  // namespace windhover::stack::wire
