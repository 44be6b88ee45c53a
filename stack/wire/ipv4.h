#pragma once
// IPv4 packets (RFC 791), with DSCP and ECN as RFC 2474 and RFC 3168 read the second octet.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/checksum.h"

namespace windhover::stack::wire {

/// A packet in place: version, header length and total length have been checked, the header checksum has not (a device
/// may have done it). Bytes behind the total length, the padding of short Ethernet frames, are cut off. Borrows the
/// bytes.
class Ipv4View {
 public:
  static constexpr std::size_t kHeaderSizeMin = 20;

  /// Nothing unless version is 4, 20 <= header length <= total length <= bytes.size().
  static std::optional<Ipv4View> parse(base::Bytes bytes) {
    if (bytes.size() < kHeaderSizeMin || bytes[0] >> 4 != 4) return std::nullopt;
    const std::size_t header_size = (bytes[0] & 0xfu) * 4;
    const std::size_t total_length = base::load_be<std::uint16_t>(&bytes[2]);
    if (header_size < kHeaderSizeMin || header_size > total_length || total_length > bytes.size()) return std::nullopt;
    return Ipv4View(bytes.data(), header_size, total_length);
  }

  /// The same for a packet that an ICMP error quotes and may have cut off: its payload is what the quotation holds of
  /// it.
  static std::optional<Ipv4View> parse_quoted(base::Bytes quotation);

  std::size_t header_size() const { return header_size_; }
  std::size_t total_length() const { return total_length_; }
  bool has_options() const { return header_size_ != kHeaderSizeMin; }

  /// DSCP (upper six bits) and ECN (lower two).
  std::uint8_t traffic_class() const { return data_[1]; }
  std::uint16_t identification() const { return base::load_be<std::uint16_t>(data_ + 4); }
  bool dont_fragment() const { return (data_[6] & 0x40) != 0; }
  bool more_fragments() const { return (data_[6] & 0x20) != 0; }
  /// In bytes.
  std::size_t fragment_offset() const { return (base::load_be<std::uint16_t>(data_ + 6) & 0x1fffu) * 8; }
  /// More fragments follow, or this is not the first.
  bool is_fragment() const { return (base::load_be<std::uint16_t>(data_ + 6) & 0x3fff) != 0; }
  std::uint8_t ttl() const { return data_[8]; }
  std::uint8_t protocol() const { return data_[9]; }
  std::uint16_t checksum() const { return base::load_be<std::uint16_t>(data_ + 10); }
  Address source() const { return Address::v4(base::Bytes{data_ + 12, 4}); }
  Address destination() const { return Address::v4(base::Bytes{data_ + 16, 4}); }

  bool checksum_ok() const {
    const Sum fixed = sum_fixed<kHeaderSizeMin>(data_);
    if (!has_options()) return fixed.valid();
    return (fixed + sum({data_ + kHeaderSizeMin, header_size_ - kHeaderSizeMin})).valid();
  }

  base::Bytes header() const { return {data_, header_size_}; }
  base::Bytes payload() const { return {data_ + header_size_, total_length_ - header_size_}; }

 private:
  Ipv4View(const std::uint8_t* data, std::size_t header_size, std::size_t total_length)
      : data_(data), header_size_(header_size), total_length_(total_length) {}

  const std::uint8_t* data_;
  std::size_t header_size_;
  std::size_t total_length_;
};

/// A header without options to write, checksum included. Both addresses must be IPv4.
struct Ipv4Header {
  static constexpr std::size_t kSize = 20;

  std::uint8_t traffic_class = 0;
  std::uint16_t payload_size = 0;  ///< Bytes; at most 65515.
  std::uint16_t identification = 0;
  bool dont_fragment = true;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  ///< Bytes, a multiple of eight.
  std::uint8_t ttl = 64;
  std::uint8_t protocol = 0;
  Address source{};
  Address destination{};

  /// Precondition: to.size() >= kSize, payload_size <= 65515.
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= kSize && payload_size <= 0xffff - kSize);
    std::uint8_t* at = to.data();
    at[0] = 0x45;
    at[1] = traffic_class;
    base::store_be(at + 2, static_cast<std::uint16_t>(payload_size + kSize));
    base::store_be(at + 4, identification);
    base::store_be(at + 6, static_cast<std::uint16_t>((dont_fragment ? 0x4000 : 0) | (more_fragments ? 0x2000 : 0) |
                                                      fragment_offset / 8));
    at[8] = ttl;
    at[9] = protocol;
    base::store_be(at + 10, std::uint16_t{0});
    base::store_be(at + 12, source.v4_value());
    base::store_be(at + 16, destination.v4_value());
    base::store_be(at + 10, sum_fixed<kSize>(at).finish());
  }
};

}  // namespace windhover::stack::wire
