#pragma once
// ARP for IPv4 over Ethernet (RFC 826), the only pair of spaces there is.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::wire {

enum class ArpOperation : std::uint16_t { kRequest = 1, kReply = 2 };

/// A message in place: both spaces, both address lengths and the operation have been checked. Borrows the bytes.
class ArpView {
 public:
  static constexpr std::size_t kSize = 28;

  /// Nothing unless it is a whole request or reply about IPv4 on Ethernet. Padding may follow.
  static std::optional<ArpView> parse(base::Bytes bytes) {
    if (bytes.size() < kSize || base::load_be<std::uint64_t>(bytes.data()) >> 16 != kSpaces) return std::nullopt;
    const ArpView view(bytes.first(kSize));
    if (view.operation() != ArpOperation::kRequest && view.operation() != ArpOperation::kReply) return std::nullopt;
    return view;
  }

  ArpOperation operation() const { return static_cast<ArpOperation>(base::load_be<std::uint16_t>(&bytes_[6])); }
  MacAddress sender_mac() const { return MacAddress::load(bytes_.subspan(8)); }
  Address sender_address() const { return Address::v4(bytes_.subspan(14)); }
  MacAddress target_mac() const { return MacAddress::load(bytes_.subspan(18)); }
  Address target_address() const { return Address::v4(bytes_.subspan(24)); }

 private:
  friend struct ArpMessage;

  /// Hardware type 1, protocol type 0x0800, lengths 6 and 4.
  static constexpr std::uint64_t kSpaces = 0x0001'0800'0604;

  explicit ArpView(base::Bytes bytes) : bytes_(bytes) {}

  base::Bytes bytes_;
};

/// A message to write. Both addresses must be IPv4.
struct ArpMessage {
  static constexpr std::size_t kSize = ArpView::kSize;

  ArpOperation operation{};
  MacAddress sender_mac{};
  Address sender_address{};
  MacAddress target_mac{};
  Address target_address{};

  /// Precondition: to.size() >= kSize.
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= kSize);
    base::store_be(to.data(), ArpView::kSpaces << 16 | static_cast<std::uint16_t>(operation));
    sender_mac.store(to.subspan(8));
    base::store_be(&to[14], sender_address.v4_value());
    target_mac.store(to.subspan(18));
    base::store_be(&to[24], target_address.v4_value());
  }
};

}  // namespace windhover::stack::wire
