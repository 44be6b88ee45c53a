#include "stack/ip/fragmenter.h"

#include <algorithm>

#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ipv6_fragment.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::ip {
namespace {

constexpr std::size_t kUnit = 8;
constexpr std::size_t kHeadV6 = wire::Ipv6Header::kSize + wire::Ipv6FragmentHeader::kSize;

/// One fragment: what its headers say.
struct Part {
  const Ends& ends;
  std::uint8_t protocol;
  std::uint8_t ttl;
  std::uint32_t identification;
  std::uint16_t offset;
  std::uint16_t size;
  bool more;
};

void write_head(const Part& part, base::MutableBytes to) {
  if (part.ends.to.is_v4()) {
    return wire::Ipv4Header{.payload_size = part.size,
                            .identification = static_cast<std::uint16_t>(part.identification),
                            .dont_fragment = false,
                            .more_fragments = part.more,
                            .fragment_offset = part.offset,
                            .ttl = part.ttl,
                            .protocol = part.protocol,
                            .source = part.ends.from,
                            .destination = part.ends.to}
        .write(to);
  }
  wire::Ipv6Header{.payload_size = static_cast<std::uint16_t>(part.size + wire::Ipv6FragmentHeader::kSize),
                   .next_header = wire::kProtocolFragment,
                   .hop_limit = part.ttl,
                   .source = part.ends.from,
                   .destination = part.ends.to}
      .write(to);
  wire::Ipv6FragmentHeader{
      .next_header = part.protocol, .offset = part.offset, .more = part.more, .identification = part.identification}
      .write(to.subspan(wire::Ipv6Header::kSize));
}

}  // namespace

void Fragmenter::answer(base::Instant now, base::Bytes message, const Ends& ends, std::uint8_t protocol,
                        std::size_t mtu) {
  const std::size_t head = ends.to.is_v4() ? wire::Ipv4Header::kSize : kHeadV6;
  const std::size_t room = (mtu - head) / kUnit * kUnit;
  const auto drawn = static_cast<std::uint32_t>(base::siphash(key_, std::array<std::uint64_t, 1>{count_++}));
  for (std::size_t at = 0; at < message.size(); at += room) {
    const std::size_t size = std::min(room, message.size() - at);
    link::Frame frame = output_.make(output_.link_headroom(), head + size);
    if (!frame) return;
    const Part part{.ends = ends,
                    .protocol = protocol,
                    .ttl = output_.ttl(),
                    .identification = drawn,
                    .offset = static_cast<std::uint16_t>(at),
                    .size = static_cast<std::uint16_t>(size),
                    .more = at + size < message.size()};
    write_head(part, frame.bytes());
    std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(at), size,
                frame.bytes().begin() + static_cast<std::ptrdiff_t>(head));
    output_.answer_packet(now, std::move(frame), ends);
  }
}

}  // namespace windhover::stack::ip
