#pragma once
// Ethernet II frames with at most one 802.1Q tag.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::wire {

/// A 48-bit link address, in the order it has on the wire.
struct MacAddress {
  static constexpr std::size_t kSize = 6;

  std::array<std::uint8_t, kSize> octets{};

  /// Precondition: at.size() >= kSize.
  static MacAddress load(base::Bytes at) {
    MacAddress address;
    std::copy_n(at.begin(), kSize, address.octets.begin());
    return address;
  }
  /// Precondition: to.size() >= kSize.
  void store(base::MutableBytes to) const { std::copy_n(octets.begin(), kSize, to.begin()); }

  /// "02:00:5e:10:00:01", either case; nothing for anything else.
  static std::optional<MacAddress> parse(std::string_view text);
  std::string to_string() const;

  /// A group address; the broadcast address is one.
  bool is_multicast() const { return (octets[0] & 1) != 0; }
  bool is_zero() const { return *this == MacAddress{}; }
  /// One that a single station can have.
  bool is_station() const { return !is_multicast() && !is_zero(); }

  bool operator==(const MacAddress&) const = default;
};

inline constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// The EtherTypes that mean something here; any other value may occur.
enum class EtherType : std::uint16_t { kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86dd };

/// Tag control information of IEEE 802.1Q.
struct VlanTag {
  std::uint16_t control = 0;

  std::uint16_t id() const { return control & 0x0fff; }
  bool operator==(const VlanTag&) const = default;
};

/// A frame in place. Borrows the bytes.
class EthernetView {
 public:
  static constexpr std::size_t kUntaggedSize = 14;
  static constexpr std::size_t kTaggedSize = 18;

  /// Nothing when the frame is shorter than its header. A second tag is left as the EtherType kVlan.
  static std::optional<EthernetView> parse(base::Bytes frame) {
    if (frame.size() < kUntaggedSize) return std::nullopt;
    if (base::load_be<std::uint16_t>(&frame[12]) != static_cast<std::uint16_t>(EtherType::kVlan))
      return EthernetView(frame, kUntaggedSize);
    if (frame.size() < kTaggedSize) return std::nullopt;
    return EthernetView(frame, kTaggedSize);
  }

  MacAddress destination() const { return MacAddress::load(frame_); }
  MacAddress source() const { return MacAddress::load(frame_.subspan(6)); }
  std::optional<VlanTag> tag() const {
    if (header_size_ == kUntaggedSize) return std::nullopt;
    return VlanTag{base::load_be<std::uint16_t>(&frame_[14])};
  }
  /// What the payload is, behind the tag.
  EtherType ether_type() const {
    return static_cast<EtherType>(base::load_be<std::uint16_t>(frame_.data() + header_size_ - 2));
  }
  std::size_t header_size() const { return header_size_; }
  /// Everything behind the header, padding included.
  base::Bytes payload() const { return frame_.subspan(header_size_); }

 private:
  EthernetView(base::Bytes frame, std::size_t header_size) : frame_(frame), header_size_(header_size) {}

  base::Bytes frame_;
  std::size_t header_size_;
};

/// A header to write.
struct EthernetHeader {
  MacAddress destination{};
  MacAddress source{};
  std::optional<VlanTag> tag{};
  EtherType ether_type{};

  std::size_t size() const { return tag ? EthernetView::kTaggedSize : EthernetView::kUntaggedSize; }

  /// Precondition: to.size() >= size().
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= size());
    destination.store(to);
    source.store(to.subspan(6));
    std::uint8_t* at = to.data() + 12;
    if (tag) {
      base::store_be(at, static_cast<std::uint16_t>(EtherType::kVlan));
      base::store_be(at + 2, tag->control);
      at += 4;
    }
    base::store_be(at, static_cast<std::uint16_t>(ether_type));
  }
};

}  // namespace windhover::stack::wire
