#pragma once
// An answer of ours that is larger than the path allows, cut into fragments (RFC 791 3.2, RFC 8200 4.5).
//
// Only echo replies come here: their size is the question's (RFC 1122 3.2.2.6, RFC 4443 4.2). TCP never sends what does
// not fit, and a UDP socket says so to its owner.

#include <cstddef>
#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/ip/output.h"

namespace windhover::stack::ip {

class Fragmenter {
 public:
  /// Identifications follow from `key` and cannot be foreseen without it (RFC 7739).
  Fragmenter(Output& output, const base::SipKey& key) : output_(output), key_(key) {}

  /// Sends `message`, transport header and payload with a complete checksum, in fragments of at most `mtu` bytes. When
  /// the frames do not suffice the rest is dropped under kTransmitNoFrame. Precondition: 576 <= mtu, and a packet of
  /// that size fits a frame; the whole packet is not larger than its family's can be.
  void answer(base::Instant now, base::Bytes message, const Ends& ends, std::uint8_t protocol, std::size_t mtu);

 private:
  Output& output_;
  base::SipKey key_;
  std::uint64_t count_ = 0;
};

}  // namespace windhover::stack::ip
