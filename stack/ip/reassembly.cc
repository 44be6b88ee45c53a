#include "stack/ip/reassembly.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "stack/wire/checksum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ipv6_fragment.h"

namespace windhover::stack::ip {
namespace {

using base::Bytes;
using base::Drop;
using base::MutableBytes;
using link::Frame;
using wire::Address;

// An odd number of cache lines, so that the headers of several frames do not compete for the same places of the cache.
constexpr std::uint32_t kFrameSize = 65536 + 3 * 64;
static_assert(kFrameSize >= kReassembledHeadroom + wire::Ipv6Header::kSize + kPayloadMaxV6);

constexpr std::uint8_t kNotEct = 0;
constexpr std::uint8_t kCe = 3;

bool test(const auto& units, std::size_t at) { return (units[at / 64] >> at % 64 & 1) != 0; }
void set(auto& units, std::size_t at) { units[at / 64] |= std::uint64_t{1} << at % 64; }

/// The congestion codepoint of the whole (RFC 3168 5.3); nothing when a mark meets a fragment that could not be marked.
/// `first` is the first fragment's, which stands where there is no mark.
std::optional<std::uint8_t> joined_ecn(std::uint8_t seen, std::uint8_t first) {
  if ((seen & 1U << kCe) == 0) return first;
  if ((seen & 1U << kNotEct) != 0) return std::nullopt;
  return kCe;
}

/// An IPv4 header of a fragment into that of the whole.
void complete_v4(MutableBytes header, std::size_t total_size, std::uint8_t ecn) {
  header[1] = static_cast<std::uint8_t>((header[1] & ~3U) | ecn);
  base::store_be(&header[2], static_cast<std::uint16_t>(total_size));
  base::store_be(&header[6], std::uint16_t{0});
  base::store_be(&header[10], std::uint16_t{0});
  base::store_be(&header[10], wire::sum(header).finish());
}

std::uint64_t word(const Address& address, std::size_t at) {
  return base::load_be<std::uint64_t>(address.mapped().data() + at);
}

base::Duration time_of(const Address& source) { return source.is_v4() ? kReassemblyTimeV4 : kReassemblyTimeV6; }

}  // namespace

Reassembly::Reassembly(const Limits& limits, const base::SipKey& key, base::Counters& counters)
    : limits_(limits),
      key_(key),
      counters_(counters),
      block_count_(static_cast<std::uint32_t>(limits.memory / sizeof(Block))),
      blocks_(new Block[block_count_]),
      packets_(limits.packets_max),
      buckets_(std::bit_ceil(std::size_t{limits.packets_max} * 2), kNone),
      sources_(buckets_.size()),
      arena_({limits.frames, kFrameSize, static_cast<std::uint32_t>(kReassembledHeadroom), false}) {
  CHECK(limits.memory >= kReassemblyMemoryMin && limits.packets_max >= kReassemblySourceShare);
  CHECK(limits.fragments_max > 0 && limits.frames > 0);
  free_blocks_.reserve(block_count_);
  for (std::uint32_t index = block_count_; index-- > 0;) free_blocks_.push_back(index);
  free_packets_.reserve(limits.packets_max);
  for (std::uint32_t index = limits.packets_max; index-- > 0;) free_packets_.push_back(index);
}

Reassembly::~Reassembly() = default;

Frame Reassembly::input(base::Instant now, const Fragment& fragment) {
  const auto drop = [this](Drop reason) {
    counters_.drop(reason);
    return Frame{};
  };
  const std::uint32_t bucket = bucket_of(fragment);
  std::uint32_t index = find(fragment, bucket);
  if (index == kNone) index = start(now, fragment, bucket);
  Unfinished& packet = packets_[index];
  if (packet.abandoned) return drop(Drop::kFragmentAbandoned);
  if (packet.fragment_count++ == limits_.fragments_max) {
    abandon(index);
    return drop(Drop::kFragmentTooMany);
  }
  switch (fit(packet, fragment)) {
    case Fit::kNew:
      break;
    case Fit::kDuplicate:
      return drop(Drop::kFragmentDuplicate);
    case Fit::kOverlap:
      abandon(index);
      return drop(Drop::kFragmentOverlap);
  }
  if (!make_room(index, fragment)) {
    counters_.drop(Drop::kReassemblyEvicted);
    forget(index);
    return drop(Drop::kFragmentNoRoom);
  }
  store(packet, fragment);
  if (packet.received != packet.total) {
    counters_.count(base::Event::kFramesConsumed);
    return {};
  }
  Frame whole = join(packet);
  forget(index);
  return whole;
}

// ---------------------------------------------------------------------------------------------------- finding packets

std::uint32_t Reassembly::bucket_of(const Fragment& fragment) const {
  const std::array<std::uint64_t, 5> words{word(fragment.source, 0), word(fragment.source, 8),
                                           word(fragment.destination, 0), word(fragment.destination, 8),
                                           std::uint64_t{fragment.identification} << 8 | fragment.protocol};
  return static_cast<std::uint32_t>(base::siphash(key_, words) & (buckets_.size() - 1));
}

/// Sources that share a place share its bounds, which an outsider who does not know the key cannot bring about.
std::uint32_t Reassembly::source_of(const Address& address) const {
  const std::array<std::uint64_t, 1> words{address.is_v4() ? address.v4_value() : word(address, 0)};
  return static_cast<std::uint32_t>(base::siphash(key_, words) & (sources_.size() - 1));
}

std::uint32_t Reassembly::find(const Fragment& fragment, std::uint32_t bucket) const {
  for (std::uint32_t index = buckets_[bucket]; index != kNone; index = packets_[index].next_in_bucket) {
    const Unfinished& packet = packets_[index];
    if (packet.identification == fragment.identification && packet.protocol == fragment.protocol &&
        packet.source == fragment.source && packet.destination == fragment.destination) {
      return index;
    }
  }
  return kNone;
}

std::uint32_t Reassembly::start(base::Instant now, const Fragment& fragment, std::uint32_t bucket) {
  const std::uint32_t source_at = source_of(fragment.source);
  Source& source = sources_[source_at];
  if (source.packet_count >= limits_.packets_max / kReassemblySourceShare) evict(source.packets.oldest, kNone);
  if (free_packets_.empty()) evict(oldest(), kNone);

  const std::uint32_t index = free_packets_.back();
  free_packets_.pop_back();
  Unfinished& packet = packets_[index];
  packet = {.source = fragment.source,
            .destination = fragment.destination,
            .identification = fragment.identification,
            .protocol = fragment.protocol,
            .next_in_bucket = buckets_[bucket],
            .bucket = bucket,
            .source_at = source_at,
            .by_age = {},
            .by_source = {},
            .began = now};
  packet.blocks.fill(kNone);
  buckets_[bucket] = index;
  append(by_age(packet), &Unfinished::by_age, index);
  append(source.packets, &Unfinished::by_source, index);
  ++source.packet_count;
  ++in_use_;
  return index;
}

// ---------------------------------------------------------------------------------------------------------- fragments

bool Reassembly::is_present(const Unfinished& packet, std::size_t unit) const {
  constexpr std::size_t kUnits = kBlockSize / kUnit;
  if (unit / kUnits >= kBlocksPerPacket) return false;
  const std::uint32_t block = packet.blocks[unit / kUnits];
  return block != kNone && test(blocks_[block].present, unit % kUnits);
}

bool Reassembly::is_start(const Unfinished& packet, std::size_t unit) const {
  constexpr std::size_t kUnits = kBlockSize / kUnit;
  return is_present(packet, unit) && test(blocks_[packet.blocks[unit / kUnits]].starts, unit % kUnits);
}

Reassembly::Fit Reassembly::fit(const Unfinished& packet, const Fragment& fragment) const {
  const std::size_t end = fragment.end();
  const bool contradicts = fragment.more ? packet.total != 0 && end >= packet.total
                                         : (packet.total != 0 && end != packet.total) || packet.furthest > end;
  if (contradicts) return Fit::kOverlap;
  std::size_t present = 0;
  const std::size_t first = fragment.offset / kUnit;
  const std::size_t last = (end - 1) / kUnit;
  for (std::size_t unit = first; unit <= last; ++unit) present += is_present(packet, unit) ? 1 : 0;
  if (present == 0) return Fit::kNew;
  return present == last - first + 1 && is_duplicate(packet, fragment) ? Fit::kDuplicate : Fit::kOverlap;
}

/// Precondition: all of its octets have come, from one fragment or from several.
bool Reassembly::is_duplicate(const Unfinished& packet, const Fragment& fragment) const {
  const std::size_t first = fragment.offset / kUnit;
  const std::size_t behind = (fragment.end() + kUnit - 1) / kUnit;
  if (!is_start(packet, first)) return false;
  for (std::size_t unit = first + 1; unit < behind; ++unit) {
    if (is_start(packet, unit)) return false;
  }
  if (is_present(packet, behind) && !is_start(packet, behind)) return false;
  for (std::size_t at = 0; at < fragment.payload.size();) {
    const std::size_t place = fragment.offset + at;
    const std::size_t count = std::min(kBlockSize - place % kBlockSize, fragment.payload.size() - at);
    const Block& block = blocks_[packet.blocks[place / kBlockSize]];
    if (std::memcmp(&block.bytes[place % kBlockSize], &fragment.payload[at], count) != 0) return false;
    at += count;
  }
  return true;
}

/// Takes the blocks that the fragment needs. False when the packet is itself the one to give way.
bool Reassembly::make_room(std::uint32_t index, const Fragment& fragment) {
  Unfinished& packet = packets_[index];
  Source& source = sources_[packet.source_at];
  const std::size_t first = fragment.offset / kBlockSize;
  const std::size_t last = (fragment.end() - 1) / kBlockSize;
  const auto missing = static_cast<std::uint32_t>(
      std::count(packet.blocks.begin() + static_cast<std::ptrdiff_t>(first),
                 packet.blocks.begin() + static_cast<std::ptrdiff_t>(last + 1), std::uint32_t{kNone}));
  while (source.block_count + missing > block_count_ / kReassemblySourceShare) {
    if (!evict(source.packets.oldest, index)) return false;
  }
  while (free_blocks_.size() < missing) {
    if (!evict(oldest(), index)) return false;
  }
  for (std::size_t at = first; at <= last; ++at) {
    if (packet.blocks[at] != kNone) continue;
    packet.blocks[at] = free_blocks_.back();
    free_blocks_.pop_back();
    blocks_[packet.blocks[at]].present = {};
    blocks_[packet.blocks[at]].starts = {};
  }
  packet.block_count = static_cast<std::uint16_t>(packet.block_count + missing);
  source.block_count += missing;
  return true;
}

void Reassembly::store(Unfinished& packet, const Fragment& fragment) {
  const std::size_t size = fragment.payload.size();
  for (std::size_t at = 0; at < size;) {
    const std::size_t place = fragment.offset + at;
    const std::size_t count = std::min(kBlockSize - place % kBlockSize, size - at);
    Block& block = blocks_[packet.blocks[place / kBlockSize]];
    std::memcpy(&block.bytes[place % kBlockSize], &fragment.payload[at], count);
    for (std::size_t unit = 0; unit < count; unit += kUnit) set(block.present, (place + unit) % kBlockSize / kUnit);
    if (at == 0) set(block.starts, place % kBlockSize / kUnit);
    at += count;
  }
  packet.received += static_cast<std::uint32_t>(size);
  packet.furthest = std::max(packet.furthest, static_cast<std::uint32_t>(fragment.end()));
  packet.ecn_seen = static_cast<std::uint8_t>(packet.ecn_seen | 1U << fragment.ecn);
  if (!fragment.more) packet.total = static_cast<std::uint32_t>(fragment.end());
  if (fragment.offset != 0) return;
  packet.first_size = static_cast<std::uint32_t>(size);
  packet.head_size = static_cast<std::uint16_t>(fragment.head.size());
  packet.named_at = static_cast<std::uint16_t>(fragment.named_at);
  packet.link_source = fragment.link_source;
  std::copy(fragment.head.begin(), fragment.head.end(), packet.head.begin());
}

void Reassembly::copy_out(const Unfinished& packet, MutableBytes to) const {
  for (std::size_t at = 0; at < to.size(); at += kBlockSize) {
    const std::size_t count = std::min(kBlockSize, to.size() - at);
    std::memcpy(&to[at], blocks_[packet.blocks[at / kBlockSize]].bytes.data(), count);
  }
}

Frame Reassembly::join(const Unfinished& packet) {
  const bool v4 = packet.source.is_v4();
  const Bytes head(packet.head.data(), packet.head_size);
  const std::size_t header_size = v4 ? head.size() : head.size() - wire::Ipv6FragmentHeader::kSize;
  const std::size_t payload_length =
      v4 ? header_size + packet.total : header_size - wire::Ipv6Header::kSize + packet.total;
  const auto drop = [this](Drop reason) {
    counters_.drop(reason);
    return Frame{};
  };
  // The headers of the others may have been shorter than the first's.
  static_assert(kPacketMaxV4 == kPayloadMaxV6);
  if (payload_length > kPacketMaxV4) return drop(Drop::kFragmentMalformed);
  const std::uint8_t first_ecn = static_cast<std::uint8_t>((v4 ? head[1] : head[1] >> 4) & 3);
  const auto ecn = joined_ecn(packet.ecn_seen, first_ecn);
  if (!ecn) return drop(Drop::kFragmentEcn);
  Frame frame = arena_.allocate();
  if (!frame) return drop(Drop::kFragmentNoRoom);

  const MutableBytes header = frame.append(header_size);
  std::copy_n(head.begin(), header_size, header.begin());
  if (v4) {
    complete_v4(header, payload_length, *ecn);
  } else {
    header[1] = static_cast<std::uint8_t>((header[1] & 0xcf) | *ecn << 4);
    base::store_be(&header[4], static_cast<std::uint16_t>(payload_length));
    header[packet.named_at] = head[header_size];  // What the fragment header names.
  }
  copy_out(packet, frame.append(packet.total));
  counters_.count(base::Event::kReassembled);
  return frame;
}

// -----------------------------------------------------------------------------------------------------------
// forgetting

bool Reassembly::evict(std::uint32_t oldest, std::uint32_t keep) {
  if (oldest == keep) return false;
  if (!packets_[oldest].abandoned) counters_.drop(Drop::kReassemblyEvicted);
  forget(oldest);
  return true;
}

void Reassembly::empty(Unfinished& packet) {
  for (std::uint32_t& block : packet.blocks) {
    if (block == kNone) continue;
    free_blocks_.push_back(block);
    block = kNone;
  }
  sources_[packet.source_at].block_count -= packet.block_count;
  packet.block_count = 0;
}

void Reassembly::abandon(std::uint32_t index) {
  empty(packets_[index]);
  packets_[index].abandoned = true;
}

void Reassembly::forget(std::uint32_t index) {
  Unfinished& packet = packets_[index];
  empty(packet);
  std::uint32_t* at = &buckets_[packet.bucket];
  while (*at != index) at = &packets_[*at].next_in_bucket;
  *at = packet.next_in_bucket;
  remove(by_age(packet), &Unfinished::by_age, index);
  Source& source = sources_[packet.source_at];
  remove(source.packets, &Unfinished::by_source, index);
  --source.packet_count;
  --in_use_;
  free_packets_.push_back(index);
}

std::optional<Reassembly::Expired> Reassembly::expire(base::Instant now) {
  for (const List* list : {&by_age_v4_, &by_age_v6_}) {
    while (deadline(*list) <= now) {
      const std::uint32_t index = list->oldest;
      const Unfinished& packet = packets_[index];
      if (packet.abandoned) {
        forget(index);
        continue;
      }
      counters_.drop(Drop::kReassemblyTimeout);
      Expired expired{
          .quote = {}, .source = packet.source, .destination = packet.destination, .link_source = packet.link_source};
      const bool told = packet.first_size != 0;
      if (told) {
        std::copy_n(packet.head.begin(), packet.head_size, quote_.begin());
        const std::size_t shown = std::min<std::size_t>(packet.first_size, quote_.size() - packet.head_size);
        copy_out(packet, MutableBytes(quote_).subspan(packet.head_size, shown));
        expired.quote = Bytes(quote_).first(packet.head_size + shown);
      }
      forget(index);
      if (told) return expired;
    }
  }
  return std::nullopt;
}

base::Instant Reassembly::deadline(const List& list) const {
  if (list.oldest == kNone) return base::kNever;
  const Unfinished& packet = packets_[list.oldest];
  return packet.began + time_of(packet.source);
}

base::Instant Reassembly::next_deadline() const { return std::min(deadline(by_age_v4_), deadline(by_age_v6_)); }

std::uint32_t Reassembly::oldest() const {
  if (by_age_v4_.oldest == kNone) return by_age_v6_.oldest;
  if (by_age_v6_.oldest == kNone) return by_age_v4_.oldest;
  return packets_[by_age_v4_.oldest].began <= packets_[by_age_v6_.oldest].began ? by_age_v4_.oldest : by_age_v6_.oldest;
}

void Reassembly::append(List& list, Links Unfinished::*links, std::uint32_t index) {
  (packets_[index].*links) = {.older = list.newest, .newer = kNone};
  (list.newest == kNone ? list.oldest : (packets_[list.newest].*links).newer) = index;
  list.newest = index;
}

void Reassembly::remove(List& list, Links Unfinished::*links, std::uint32_t index) {
  const Links at = packets_[index].*links;
  (at.older == kNone ? list.oldest : (packets_[at.older].*links).newer) = at.newer;
  (at.newer == kNone ? list.newest : (packets_[at.newer].*links).older) = at.older;
}

std::size_t Reassembly::memory_size() const {
  return sizeof(*this) + std::size_t{block_count_} * (sizeof(Block) + sizeof(std::uint32_t)) +
         packets_.size() * (sizeof(Unfinished) + sizeof(std::uint32_t)) + buckets_.size() * sizeof(std::uint32_t) +
         sources_.size() * sizeof(Source) + arena_.memory_size();
}

}  // namespace windhover::stack::ip
