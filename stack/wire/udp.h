#pragma once
// UDP datagrams (RFC 768, RFC 8200 §8.1).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::wire {

/// A datagram in place: the length field has been checked, the checksum has not. Bytes behind it are cut off. Borrows.
class UdpView {
 public:
  static constexpr std::size_t kHeaderSize = 8;

  /// Nothing unless 8 <= length field <= bytes.size().
  static std::optional<UdpView> parse(base::Bytes bytes) {
    if (bytes.size() < kHeaderSize) return std::nullopt;
    const std::size_t length = base::load_be<std::uint16_t>(&bytes[4]);
    if (length < kHeaderSize || length > bytes.size()) return std::nullopt;
    return UdpView(bytes.first(length));
  }

  std::uint16_t source_port() const { return base::load_be<std::uint16_t>(datagram_.data()); }
  std::uint16_t destination_port() const { return base::load_be<std::uint16_t>(&datagram_[2]); }
  /// Zero: the sender made none.
  std::uint16_t checksum() const { return base::load_be<std::uint16_t>(&datagram_[6]); }
  base::Bytes payload() const { return datagram_.subspan(kHeaderSize); }

  /// A missing checksum is right over IPv4 and wrong over IPv6.
  bool checksum_ok(const Address& source, const Address& destination) const {
    if (checksum() == 0) return source.is_v4();
    return (pseudo_header_sum(source, destination, kProtocolUdp, datagram_.size()) + sum(datagram_)).valid();
  }
  /// The field holds the pseudo-header's sum alone: a device was to complete it.
  bool checksum_begun(const Address& source, const Address& destination) const {
    return checksum() == pseudo_header_sum(source, destination, kProtocolUdp, datagram_.size()).fold();
  }

 private:
  explicit UdpView(base::Bytes datagram) : datagram_(datagram) {}

  base::Bytes datagram_;
};

/// A header to write in front of a payload.
struct UdpHeader {
  static constexpr std::size_t kSize = UdpView::kHeaderSize;
  static constexpr std::size_t kChecksumOffset = 6;

  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  /// Writes the header into the first eight bytes of `datagram`, with the checksum over all of it and the
  /// pseudo-header; the payload must already lie behind. Precondition: kSize <= datagram.size() <= 65535.
  void write(base::MutableBytes datagram, const Address& source, const Address& destination) const {
    const Sum pseudo = write_all_but_checksum(datagram, source, destination);
    const std::uint16_t checksum = (pseudo + sum(datagram)).finish();
    // Zero would say that there is none; 0xffff is the same sum.
    base::store_be(&datagram[kChecksumOffset], checksum == 0 ? std::uint16_t{0xffff} : checksum);
  }

  /// The same, but for the checksum: its field holds the pseudo-header's sum, for a device to complete.
  void write_partial(base::MutableBytes datagram, const Address& source, const Address& destination) const {
    const Sum pseudo = write_all_but_checksum(datagram, source, destination);
    base::store_be(&datagram[kChecksumOffset], pseudo.fold());
  }

 private:
  /// Returns the pseudo-header's sum; the checksum is 0.
  Sum write_all_but_checksum(base::MutableBytes datagram, const Address& source, const Address& destination) const {
    CHECK(datagram.size() >= kSize && datagram.size() <= 0xffff);
    base::store_be(datagram.data(), source_port);
    base::store_be(&datagram[2], destination_port);
    base::store_be(&datagram[4], static_cast<std::uint16_t>(datagram.size()));
    base::store_be(&datagram[kChecksumOffset], std::uint16_t{0});
    return pseudo_header_sum(source, destination, kProtocolUdp, datagram.size());
  }
};

}  // namespace windhover::stack::wire
