#include "stack/wire/ipv4.h"

#include <algorithm>

namespace windhover::stack::wire {

std::optional<Ipv4View> Ipv4View::parse_quoted(base::Bytes quotation) {
  if (quotation.size() < kHeaderSizeMin || quotation[0] >> 4 != 4) return std::nullopt;
  const std::size_t header_size = (quotation[0] & 0xfu) * 4;
  const std::size_t total_length = base::load_be<std::uint16_t>(&quotation[2]);
  if (header_size < kHeaderSizeMin || header_size > total_length || header_size > quotation.size()) return std::nullopt;
  return Ipv4View(quotation.data(), header_size, std::min(total_length, quotation.size()));
}

}  // namespace windhover::stack::wire
