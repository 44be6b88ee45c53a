#include "stack/ip/icmp_message.h"

#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

constexpr std::uint16_t kChecksumOffset = 2;

void write_partial(link::Frame& frame, std::uint8_t type, std::uint8_t code, std::uint32_t rest, std::uint16_t pseudo) {
  const base::MutableBytes message = frame.bytes();
  message[0] = type;
  message[1] = code;
  base::store_be(&message[kChecksumOffset], pseudo);
  base::store_be(&message[4], rest);
  frame.offload().checksum = link::Checksum::kPartial;
  frame.offload().csum_start = 0;
  frame.offload().csum_offset = kChecksumOffset;
}

}  // namespace

void seal_icmpv4(link::Frame& frame, const link::Caps& caps, const wire::Icmpv4Header& header) {
  if (!caps.transmit_checksum) return header.write(frame.bytes());
  write_partial(frame, static_cast<std::uint8_t>(header.type), header.code, header.rest, 0);
}

void seal_icmpv6(link::Frame& frame, const link::Caps& caps, const wire::Icmpv6Header& header,
                 const wire::Address& source, const wire::Address& destination) {
  if (!caps.transmit_checksum) return header.write(frame.bytes(), source, destination);
  const wire::Sum pseudo = wire::pseudo_header_sum(source, destination, wire::kProtocolIcmpv6, frame.size());
  write_partial(frame, static_cast<std::uint8_t>(header.type), header.code, header.rest, pseudo.fold());
}

}  // namespace windhover::stack::ip
