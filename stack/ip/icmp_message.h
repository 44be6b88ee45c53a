#pragma once
// ICMP messages on their way out: the header written, the checksum completed or left to the device.

#include "stack/link/device.h"
#include "stack/link/frame.h"
#include "stack/wire/address.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/icmpv6.h"

namespace windhover::stack::ip {

/// `frame` holds the whole message; its first eight bytes, the header, are still to be written. Where `caps` says that
/// the device completes checksums, the frame asks for that, with offsets from the ICMP header.
void seal_icmpv4(link::Frame& frame, const link::Caps& caps, const wire::Icmpv4Header& header);

/// The same; the addresses are part of the sum.
void seal_icmpv6(link::Frame& frame, const link::Caps& caps, const wire::Icmpv6Header& header,
                 const wire::Address& source, const wire::Address& destination);

}  // namespace windhover::stack::ip
