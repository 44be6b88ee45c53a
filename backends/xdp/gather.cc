#include "backends/xdp/gather.h"

#include <algorithm>
#include <cstring>

#include "stack/wire/checksum.h"

namespace windhover::backends::xdp {

namespace base = stack::base;
namespace wire = stack::wire;
using stack::link::Frame;

std::uint32_t continuations(const Frame& frame, std::uint32_t capacity) {
  const std::size_t size = frame.total_size() - frame.size();
  const std::size_t room = frame.tailroom();
  if (size <= room) return 0;
  return static_cast<std::uint32_t>((size - room + capacity - 1) / capacity);
}

void gather(Frame& frame, std::span<Frame> more, bool complete) {
  const std::size_t start = frame.offload().csum_start;
  wire::Sum sum;
  std::size_t summed = 0;
  if (complete) {
    const base::MutableBytes range = frame.bytes().subspan(start);
    sum = wire::sum(range);
    summed = range.size();
  }
  Frame* to = &frame;
  std::size_t next = 0;
  for (const base::Slice& piece : frame.pieces()) {
    base::Bytes left = piece.bytes();
    while (!left.empty()) {
      if (to->tailroom() == 0) to = &more[next++];
      const base::Bytes part = left.first(std::min(left.size(), to->tailroom()));
      const base::MutableBytes room = to->append(part.size());
      if (complete) {
        sum = wire::combine(sum, summed, wire::copy_and_sum(room, part));
        summed += part.size();
      } else {
        std::memcpy(room.data(), part.data(), part.size());
      }
      left = left.subspan(part.size());
    }
  }
  if (!complete) return;
  // Zero would say of a UDP datagram that it has no checksum (RFC 768); for the others both zeros are the same.
  const std::uint16_t checksum = sum.finish() == 0 ? std::uint16_t{0xffff} : sum.finish();
  base::store_be(frame.bytes().data() + start + frame.offload().csum_offset, checksum);
}

}  // namespace windhover::backends::xdp
