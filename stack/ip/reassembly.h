#pragma once
// Packets put together from fragments, of both families (RFC 791 3.2, RFC 8200 4.5).
//
// Where the bytes lie. A fragment is copied out of its device frame at once, into *blocks* of one kibibyte by its place
// in the packet. So what an unfinished packet holds grows with what has come of it, and four mebibytes hold more than a
// thousand packets of two Ethernet frames; had each a buffer for 64 KiB they would hold sixty, and a hostile sender
// could take those with sixty small frames. Which octets are there is said by a bit for each eight of them that lies
// beside the block, as in RFC 791's own procedure. RFC 815's list of holes came to need less memory than one large
// table of bits; here the bits are a sixty-fourth of the block they belong to, and there is no list to walk: the cost
// of a fragment is that of its own bytes, whatever came before.
//
// What is handed up. A packet that is complete becomes one linear frame of an arena of the reassembler's own, with the
// IP header that it would have had unfragmented. Devices hand up large packets likewise: the largest from TUN lie in
// its own large frames, XDP's chains are copied into one. So nothing above needs to know about pieces of received data,
// for the price of a second copy, which only fragmented packets pay. The arena is small: a frame is given back when its
// packet has been taken.
//
// Checksums. The frame's checksum is to be verified (kNone), whatever the device said of the fragments. A device can
// speak for the transport checksum of a whole packet only; and a sender that leaves checksums to a virtual device
// completes them itself before it makes fragments, since no device could do that for a part.
//
// Overlaps. All of a packet is given up, both families: when a fragment overlaps another (RFC 5722; RFC 8900 and Linux
// for IPv4), two say different ends, or one lies behind the end. Fragments of it that come later are dropped until its
// time is over (RFC 5722). Only an exact duplicate, the same octets at the same place, is dropped by itself.
//
// Bounds. Memory, packets under way, fragments of one packet, and the share of one source (IPv4 address or IPv6 /64
// prefix), so that one cannot push out all others. Under pressure the oldest gives way: of the source when it is at its
// share, else of all. Tables are found by keyed hashes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "stack/base/counters.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/ip/fragment.h"
#include "stack/ip/path_mtu.h"
#include "stack/link/frame.h"

namespace windhover::stack::ip {

/// How long fragments wait for the others, from the one that came first: as Linux (RFC 1122 3.3.2 says 60 to 120 s,
/// which is longer than identifications last today: RFC 4963), and RFC 8200 4.5.
inline constexpr base::Duration kReassemblyTimeV4 = std::chrono::seconds(30);
inline constexpr base::Duration kReassemblyTimeV6 = std::chrono::seconds(60);

/// A source may have this part of the memory, and of the packets under way.
inline constexpr std::uint32_t kReassemblySourceShare = 4;

/// Memory that one packet can need, and four times that: less would let one packet push itself out.
inline constexpr std::size_t kReassemblyMemoryMin = 512 * 1024;

/// No table of unfinished packets is larger.
inline constexpr std::uint32_t kReassemblyPacketsMax = 65536;

/// Room in front of a packet that was put together, for a link header.
inline constexpr std::size_t kReassembledHeadroom = 32;

/// Thread: one lane. Memory is taken at construction and touched when it is first used.
class Reassembly {
 public:
  struct Limits {
    std::size_t memory = 0;           ///< Bytes for fragments, at least kReassemblyMemoryMin.
    std::uint32_t packets_max = 0;    ///< Under way at once; at least kReassemblySourceShare.
    std::uint32_t fragments_max = 0;  ///< Of one packet, duplicates included.
    std::uint32_t frames = 0;         ///< Packets handed up and not yet let go.
  };

  /// What is to be told of a packet that was never complete: its first fragment had come. `quote` is that fragment from
  /// its IP header, up to kMtuMinV6 bytes, and lies here until the next call.
  struct Expired {
    base::Bytes quote;
    wire::Address source;
    wire::Address destination;
    wire::MacAddress link_source{};
  };

  /// Precondition: limits as they say. `counters` must outlive this.
  Reassembly(const Limits& limits, const base::SipKey& key, base::Counters& counters);
  /// Precondition: every frame has been let go.
  ~Reassembly();
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;

  /// Takes a fragment and counts its end. When it was the last one missing that is for the taker of the packet to
  /// count: the result is the packet, from its IP header, with kReassembledHeadroom in front.
  link::Frame input(base::Instant now, const Fragment& fragment);

  /// Forgets packets whose time is over, oldest first, up to one that is to be told of. To be called until it returns
  /// nothing.
  std::optional<Expired> expire(base::Instant now);
  /// When expire() has something to do; kNever when nothing is under way.
  base::Instant next_deadline() const;

  /// Packets under way, those given up and not yet forgotten included.
  std::size_t size() const { return in_use_; }
  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kUnit = 8;
  static constexpr std::size_t kBlockSize = 1024;
  static constexpr std::size_t kBlocksPerPacket = (kPayloadMaxV6 + kBlockSize - 1) / kBlockSize;

  using UnitSet = std::array<std::uint64_t, kBlockSize / kUnit / 64>;

  struct Block {
    UnitSet present;  ///< By units of eight bytes.
    UnitSet starts;   ///< Where fragments begin: what tells a duplicate from an overlap with the same bytes.
    std::array<std::uint8_t, kBlockSize> bytes;
  };

  /// Neighbours in a list that is in order of age.
  struct Links {
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;
  };
  struct List {
    std::uint32_t oldest = kNone;
    std::uint32_t newest = kNone;
  };
  struct Source {
    List packets;
    std::uint32_t packet_count = 0;
    std::uint32_t block_count = 0;
  };

  struct Unfinished {
    wire::Address source;
    wire::Address destination;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;
    std::uint8_t ecn_seen = 0;  ///< Bit E: a fragment with codepoint E has come.
    bool abandoned = false;     ///< Holds nothing any more.
    std::uint32_t next_in_bucket = kNone;
    std::uint32_t bucket = 0;
    std::uint32_t source_at = 0;
    Links by_age;
    Links by_source;
    base::Instant began{};
    std::uint32_t received = 0;    ///< Bytes of payload, as are the next three.
    std::uint32_t total = 0;       ///< 0 until the last fragment has come.
    std::uint32_t furthest = 0;    ///< The largest end of any fragment.
    std::uint32_t first_size = 0;  ///< Of the first fragment; 0 until it has come.
    std::uint32_t fragment_count = 0;
    std::uint16_t block_count = 0;
    std::uint16_t head_size = 0;
    std::uint16_t named_at = 0;
    wire::MacAddress link_source{};
    std::array<std::uint8_t, kFragmentHeadMax> head{};  ///< Of the first fragment.
    std::array<std::uint32_t, kBlocksPerPacket> blocks{};
  };

  enum class Fit : std::uint8_t { kNew, kDuplicate, kOverlap };

  std::uint32_t bucket_of(const Fragment& fragment) const;
  std::uint32_t source_of(const wire::Address& address) const;
  std::uint32_t find(const Fragment& fragment, std::uint32_t bucket) const;
  std::uint32_t start(base::Instant now, const Fragment& fragment, std::uint32_t bucket);
  Fit fit(const Unfinished& packet, const Fragment& fragment) const;
  bool is_present(const Unfinished& packet, std::size_t unit) const;
  bool is_start(const Unfinished& packet, std::size_t unit) const;
  bool is_duplicate(const Unfinished& packet, const Fragment& fragment) const;
  bool make_room(std::uint32_t index, const Fragment& fragment);
  bool evict(std::uint32_t oldest, std::uint32_t keep);
  void store(Unfinished& packet, const Fragment& fragment);
  link::Frame join(const Unfinished& packet);
  /// The payload from its beginning.
  void copy_out(const Unfinished& packet, base::MutableBytes to) const;

  /// Lets go of what it holds, but not of its place.
  void empty(Unfinished& packet);
  void abandon(std::uint32_t index);
  void forget(std::uint32_t index);

  List& by_age(const Unfinished& packet) { return packet.source.is_v4() ? by_age_v4_ : by_age_v6_; }
  void append(List& list, Links Unfinished::*links, std::uint32_t index);
  void remove(List& list, Links Unfinished::*links, std::uint32_t index);
  std::uint32_t oldest() const;
  base::Instant deadline(const List& list) const;

  Limits limits_;
  base::SipKey key_;
  base::Counters& counters_;
  std::uint32_t block_count_;
  std::unique_ptr<Block[]> blocks_;  // Uninitialised: pages are touched when they are first used.
  std::vector<std::uint32_t> free_blocks_;
  std::vector<Unfinished> packets_;
  std::vector<std::uint32_t> free_packets_;
  std::vector<std::uint32_t> buckets_;
  std::vector<Source> sources_;
  List by_age_v4_;  // One for each time to live, so that the first to be forgotten is always in front.
  List by_age_v6_;
  std::size_t in_use_ = 0;
  link::FrameArena arena_;
  std::array<std::uint8_t, kMtuMinV6> quote_{};
};

}  // namespace windhover::stack::ip
