#include "tests/sim/liar.h"

#include <algorithm>
#include <array>
#include <utility>

#include "stack/wire/checksum.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/tcp.h"

namespace windhover::sim {
namespace {

using stack::base::load_be;
using stack::base::MutableBytes;
using stack::base::store_be;

// Offsets into a TCP header (RFC 9293 §3.1).
constexpr std::size_t kAckOffset = 8;
constexpr std::size_t kDataOffset = 12;
constexpr std::size_t kFlagsOffset = 13;
constexpr std::size_t kWindowOffset = 14;
constexpr std::size_t kChecksumOffset = 16;
constexpr std::size_t kHeaderSize = 20;
constexpr std::uint8_t kSynOrRst = 0x06;
constexpr std::uint8_t kAckFlag = 0x10;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionSack = 5;

/// The TCP header of an unfragmented packet without extension headers; empty when it is something else.
MutableBytes tcp_header(MutableBytes frame, stack::link::Medium medium) {
  std::size_t at = medium == stack::link::Medium::kEthernet ? stack::wire::EthernetView::kUntaggedSize : 0;
  if (frame.size() < at + kHeaderSize) return {};
  const std::uint8_t version = frame[at] >> 4;
  std::size_t protocol = 0;
  std::size_t network = 0;
  if (version == 4) {
    protocol = at + 9;
    network = std::size_t{4} * (frame[at] & 0x0fU);
  } else if (version == 6) {
    protocol = at + 6;
    network = 40;
  }
  if (network == 0 || frame.size() < at + network + kHeaderSize || frame[protocol] != kProtocolTcp) return {};
  at += network;
  return frame.subspan(at, std::min(frame.size() - at, std::size_t{4} * (frame[at + kDataOffset] >> 4)));
}

/// Options other than padding, as they lie one after the other. Returns how many bytes they are.
std::size_t gather_options(MutableBytes options, std::array<std::uint8_t, 40>& gathered) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < options.size() && options[at] != 0;) {
    if (options[at] == kOptionNop) {
      ++at;
      continue;
    }
    const std::size_t length = options[at + 1];
    std::copy_n(options.begin() + static_cast<std::ptrdiff_t>(at), length,
                gathered.begin() + static_cast<std::ptrdiff_t>(size));
    size += length;
    at += length;
  }
  return size;
}

}  // namespace

std::size_t Liar::transmit(std::span<stack::link::Frame> frames) {
  for (stack::link::Frame& frame : frames) lie(frame);
  return below_.transmit(frames);
}

void Liar::lie(stack::link::Frame& frame) {
  const MutableBytes header = tcp_header(frame.bytes(), caps().medium);
  if (header.empty() || (header[kFlagsOffset] & kSynOrRst) != 0 || (header[kFlagsOffset] & kAckFlag) == 0) return;
  const std::uint16_t before = stack::wire::sum(header).fold();
  change(header);
  if (frame.offload().checksum == stack::link::Checksum::kPartial) return;
  // RFC 1624, equation 3, for the whole header at once. `before` held the checksum too.
  const std::uint16_t after = stack::wire::sum(header).fold();
  std::uint32_t sum = std::uint32_t{static_cast<std::uint16_t>(~load_be<std::uint16_t>(&header[kChecksumOffset]))} +
                      static_cast<std::uint16_t>(~before) + after;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  store_be(&header[kChecksumOffset], static_cast<std::uint16_t>(~sum));
}

void Liar::change(MutableBytes header) {
  std::uint32_t ack = load_be<std::uint32_t>(&header[kAckOffset]);
  if (random_.chance(lies_.stale_ack)) ack -= static_cast<std::uint32_t>(random_.below(1U << 17));
  if (random_.chance(lies_.early_ack)) ack += static_cast<std::uint32_t>(random_.below(1U << 15));
  store_be(&header[kAckOffset], ack);
  if (random_.chance(lies_.shrunk_window)) {
    const auto window = load_be<std::uint16_t>(&header[kWindowOffset]);
    store_be(&header[kWindowOffset], static_cast<std::uint16_t>(random_.below(window + 1U)));
  }
  change_options(header.subspan(kHeaderSize), ack);
}

void Liar::change_options(MutableBytes options, std::uint32_t ack) {
  for (std::size_t at = 0; at + 1 < options.size() && options[at] != 0;) {
    if (options[at] == kOptionNop) {
      ++at;
      continue;
    }
    const std::size_t length = options[at + 1];
    if (options[at] == kOptionSack && random_.chance(lies_.wild_sack)) {
      for (std::size_t edge = at + 2; edge + 4 <= at + length; edge += 4) {
        store_be(&options[edge], ack + static_cast<std::uint32_t>(random_.below(1U << 18)) - (1U << 16));
      }
    }
    at += length;
  }
  if (!random_.chance(lies_.split_options)) return;
  std::array<std::uint8_t, 40> gathered{};
  const std::size_t size = gather_options(options, gathered);
  const std::size_t front = random_.below(options.size() - size + 1);
  std::fill(options.begin(), options.end(), kOptionNop);
  std::copy_n(gathered.begin(), size, options.begin() + static_cast<std::ptrdiff_t>(front));
}

}  // namespace windhover::sim
