#pragma once
// VXLAN (RFC 7348): Ethernet frames as the payload of UDP datagrams.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::wire {

/// The port that IANA has given it. Linux's own device uses another one unless it is told.
inline constexpr std::uint16_t kVxlanPort = 4789;

/// Largest VXLAN network identifier: 24 bits.
inline constexpr std::uint32_t kVniMax = 0xffffff;

/// A datagram's payload in place. Borrows the bytes.
class VxlanView {
 public:
  static constexpr std::size_t kHeaderSize = 8;

  /// Nothing when it is shorter than the header, or the header does not say that it has an identifier. All that is
  /// reserved is ignored (RFC 7348 section 5). What follows the header is not looked at, and may be nothing.
  static std::optional<VxlanView> parse(base::Bytes payload) {
    if (payload.size() < kHeaderSize || (payload[0] & kHasVni) == 0) return std::nullopt;
    return VxlanView(payload);
  }

  std::uint32_t vni() const { return base::load_be<std::uint32_t>(&payload_[4]) >> 8; }
  /// The Ethernet frame, without its frame check sequence.
  base::Bytes frame() const { return payload_.subspan(kHeaderSize); }

 private:
  friend struct VxlanHeader;

  static constexpr std::uint8_t kHasVni = 0x08;

  explicit VxlanView(base::Bytes payload) : payload_(payload) {}

  base::Bytes payload_;
};

/// A header to write.
struct VxlanHeader {
  static constexpr std::size_t kSize = VxlanView::kHeaderSize;

  std::uint32_t vni = 0;  ///< 0..kVniMax.

  /// Preconditions: to.size() >= kSize, vni <= kVniMax.
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= kSize && vni <= kVniMax);
    base::store_be(to.data(), std::uint64_t{VxlanView::kHasVni} << 56 | std::uint64_t{vni} << 8);
  }
};

}  // namespace windhover::stack::wire
