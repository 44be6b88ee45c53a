#pragma once
// TCP segments (RFC 9293 §3.1) and their options: MSS, window scale and timestamps (RFC 7323), SACK (RFC 2018).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"
#include "stack/wire/seq.h"

namespace windhover::stack::wire {

/// The eight control bits.
struct TcpFlags {
  std::uint8_t bits = 0;

  constexpr bool fin() const { return (bits & 0x01) != 0; }
  constexpr bool syn() const { return (bits & 0x02) != 0; }
  constexpr bool rst() const { return (bits & 0x04) != 0; }
  constexpr bool psh() const { return (bits & 0x08) != 0; }
  constexpr bool ack() const { return (bits & 0x10) != 0; }
  constexpr bool urg() const { return (bits & 0x20) != 0; }
  constexpr bool ece() const { return (bits & 0x40) != 0; }
  constexpr bool cwr() const { return (bits & 0x80) != 0; }

  /// At least one of `others` is set.
  constexpr bool any(TcpFlags others) const { return (bits & others.bits) != 0; }
  /// Every one of `others` is set.
  constexpr bool all(TcpFlags others) const { return (bits & others.bits) == others.bits; }

  friend constexpr TcpFlags operator|(TcpFlags a, TcpFlags b) { return {static_cast<std::uint8_t>(a.bits | b.bits)}; }
  friend constexpr TcpFlags operator&(TcpFlags a, TcpFlags b) { return {static_cast<std::uint8_t>(a.bits & b.bits)}; }
  constexpr TcpFlags& operator|=(TcpFlags other) { return *this = *this | other; }
  bool operator==(const TcpFlags&) const = default;
};

inline constexpr TcpFlags kTcpFin{0x01};
inline constexpr TcpFlags kTcpSyn{0x02};
inline constexpr TcpFlags kTcpRst{0x04};
inline constexpr TcpFlags kTcpPsh{0x08};
inline constexpr TcpFlags kTcpAck{0x10};
inline constexpr TcpFlags kTcpUrg{0x20};
inline constexpr TcpFlags kTcpEce{0x40};
inline constexpr TcpFlags kTcpCwr{0x80};

struct TcpTimestamps {
  std::uint32_t value = 0;  ///< TSval.
  std::uint32_t echo = 0;   ///< TSecr.

  bool operator==(const TcpTimestamps&) const = default;
};

/// Bytes [left, right) that the receiver holds, as the wire says: not yet checked against any window.
struct SackBlock {
  Seq left{};
  Seq right{};

  bool operator==(const SackBlock&) const = default;
};

/// The options of one segment, read or to be written.
struct TcpOptions {
  static constexpr std::size_t kSizeMax = 40;          ///< Bytes of options that a header can hold.
  static constexpr std::size_t kSackBlocksMax = 4;     ///< That fit without timestamps; three fit beside them.
  static constexpr std::uint8_t kWindowScaleMax = 14;  ///< RFC 7323 §2.3: a larger shift is read as this.

  std::optional<TcpTimestamps> timestamps{};
  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_scale{};
  bool sack_permitted = false;
  std::uint8_t sack_count = 0;
  std::array<SackBlock, kSackBlocksMax> sack{};  ///< The first `sack_count` are meant.

  /// Reads what lies between the fixed header and the payload. Nothing when an option's length is impossible: below
  /// two, beyond the end, or wrong for an option known here. Options not known are skipped; of one given twice the last
  /// counts.
  static std::optional<TcpOptions> parse(base::Bytes options) {
    if (options.size() == kAlignedSize && base::load_be<std::uint32_t>(options.data()) == kAlignedTimestamps) {
      TcpOptions result;
      result.timestamps = load_timestamps(options.data() + 4);
      return result;
    }
    if (options.empty()) return TcpOptions{};
    return parse_any(options);
  }

  /// How many bytes write() takes; a multiple of four, at most kSizeMax. MSS, window scale and SACK-permitted go out on
  /// SYN only, SACK blocks only without it.
  std::size_t size(TcpFlags flags) const {
    if (flags.syn()) return (mss ? 4u : 0u) + (timestamps ? 12u : sack_permitted ? 4u : 0u) + (window_scale ? 4u : 0u);
    return (timestamps ? kAlignedSize : 0) + (sack_count == 0 ? 0 : 4 + 8 * sack_written());
  }

  /// Writes in the order of Linux, padded with NOP: on SYN mss,sackOK,TS,nop,wscale or mss,nop,nop,sackOK,nop,wscale;
  /// else nop,nop,TS then nop,nop,SACK. Precondition: to.size() >= size(flags).
  void write(base::MutableBytes to, TcpFlags flags) const {
    CHECK(to.size() >= size(flags));
    put(to.data(), flags);
  }

 private:
  friend class TcpView;
  friend struct TcpHeader;

  /// NOP, NOP, kind 8, length 10: how every stack of today begins a segment that carries nothing but timestamps.
  static constexpr std::uint32_t kAlignedTimestamps = 0x0101080a;
  static constexpr std::size_t kAlignedSize = 12;

  /// write() without the check.
  void put(std::uint8_t* at, TcpFlags flags) const {
    if (flags.syn()) return write_syn(at);
    if (timestamps) {
      base::store_be(at, kAlignedTimestamps);
      base::store_be(at + 4, timestamps->value);
      base::store_be(at + 8, timestamps->echo);
      at += kAlignedSize;
    }
    if (sack_count != 0) write_sack(at);
  }
  static TcpTimestamps load_timestamps(const std::uint8_t* at) {
    return {base::load_be<std::uint32_t>(at), base::load_be<std::uint32_t>(at + 4)};
  }
  static std::optional<TcpOptions> parse_any(base::Bytes options);
  bool take(std::uint8_t kind, base::Bytes value);
  bool take_sack(base::Bytes value);
  std::size_t sack_written() const {
    const std::size_t room = timestamps ? kSackBlocksMax - 1 : kSackBlocksMax;
    return sack_count < room ? sack_count : room;
  }
  void write_syn(std::uint8_t* at) const;
  void write_sack(std::uint8_t* at) const;
};

/// A segment in place: the data offset has been checked, the checksum has not. Borrows the bytes.
class TcpView {
 public:
  static constexpr std::size_t kHeaderSizeMin = 20;
  static constexpr std::size_t kHeaderSizeMax = 60;

  /// Nothing unless 20 <= data offset <= segment.size().
  static std::optional<TcpView> parse(base::Bytes segment) {
    if (segment.size() < kHeaderSizeMin) return std::nullopt;
    const std::size_t header_size = segment[12] / 16u * 4;
    if (header_size < kHeaderSizeMin || header_size > segment.size()) return std::nullopt;
    return TcpView(segment, header_size);
  }

  std::uint16_t source_port() const { return base::load_be<std::uint16_t>(data()); }
  std::uint16_t destination_port() const { return base::load_be<std::uint16_t>(data() + 2); }
  Seq seq() const { return Seq(base::load_be<std::uint32_t>(data() + 4)); }
  /// Meaningless unless flags().ack().
  Seq ack() const { return Seq(base::load_be<std::uint32_t>(data() + 8)); }
  TcpFlags flags() const { return {data()[13]}; }
  /// As on the wire, not scaled.
  std::uint16_t window() const { return base::load_be<std::uint16_t>(data() + 14); }
  std::uint16_t checksum() const { return base::load_be<std::uint16_t>(data() + 16); }
  std::uint16_t urgent_pointer() const { return base::load_be<std::uint16_t>(data() + 18); }

  std::size_t header_size() const { return header_size_; }
  base::Bytes options() const { return segment_.subspan(kHeaderSizeMin, header_size_ - kHeaderSizeMin); }
  base::Bytes payload() const { return segment_.subspan(header_size_); }
  /// SEG.LEN: payload, SYN and FIN.
  std::uint32_t sequence_length() const {
    return static_cast<std::uint32_t>(segment_.size() - header_size_) + flags().syn() + flags().fin();
  }

  std::optional<TcpOptions> parse_options() const { return TcpOptions::parse(options()); }

  /// The timestamps of a segment whose options are exactly nop,nop,TS: the fast path's question. Nothing says only that
  /// the options have to be parsed.
  std::optional<TcpTimestamps> aligned_timestamps() const {
    if (header_size_ != kHeaderSizeMin + TcpOptions::kAlignedSize ||
        base::load_be<std::uint32_t>(data() + kHeaderSizeMin) != TcpOptions::kAlignedTimestamps)
      return std::nullopt;
    return TcpOptions::load_timestamps(data() + kHeaderSizeMin + 4);
  }

  bool checksum_ok(const Address& source, const Address& destination) const {
    return (pseudo_header_sum(source, destination, kProtocolTcp, segment_.size()) + sum(segment_)).valid();
  }
  /// The field holds the pseudo-header's sum alone: a device was to complete it. No payload is read.
  bool checksum_begun(const Address& source, const Address& destination) const {
    return checksum() == pseudo_header_sum(source, destination, kProtocolTcp, segment_.size()).fold();
  }

 private:
  TcpView(base::Bytes segment, std::size_t header_size) : segment_(segment), header_size_(header_size) {}

  const std::uint8_t* data() const { return segment_.data(); }

  base::Bytes segment_;
  std::size_t header_size_;
};

/// A header to write.
///
/// write() leaves the checksum field zero. To complete it, add the pseudo-header's sum, the header's and the payload's,
/// and store finish() at kChecksumOffset; for a device that completes checksums store fold() of the pseudo-header's sum
/// there.
struct TcpHeader {
  static constexpr std::size_t kSize = 20;  ///< Without options.
  static constexpr std::size_t kChecksumOffset = 16;

  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Seq seq{};
  Seq ack{};
  TcpFlags flags{};
  std::uint16_t window = 0;  ///< Already scaled down.
  std::uint16_t urgent_pointer = 0;

  /// Bytes that write() takes with these options.
  std::size_t size(const TcpOptions& options) const { return kSize + options.size(flags); }

  /// Writes header and options and returns their size. Precondition: to.size() >= size(options).
  std::size_t write(base::MutableBytes to, const TcpOptions& options) const {
    const std::size_t header_size = size(options);
    CHECK(to.size() >= header_size);
    std::uint8_t* at = to.data();
    base::store_be(at, std::uint32_t{source_port} << 16 | destination_port);
    base::store_be(at + 4, seq.value());
    base::store_be(at + 8, ack.value());
    base::store_be(at + 12,
                   static_cast<std::uint32_t>(header_size / 4) << 28 | std::uint32_t{flags.bits} << 16 | window);
    base::store_be(at + 16, std::uint32_t{urgent_pointer});
    options.put(at + kSize, flags);
    return header_size;
  }
};

}  // namespace windhover::stack::wire
