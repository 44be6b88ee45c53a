#pragma once
// ICMP for IPv6 (RFC 4443).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::wire {

/// The types that mean something here; any other value may occur.
enum class Icmpv6Type : std::uint8_t {
  kUnreachable = 1,
  kPacketTooBig = 2,
  kTimeExceeded = 3,
  kParameterProblem = 4,
  kEchoRequest = 128,
  kEchoReply = 129,
  kMldQuery = 130,
  kRouterSolicitation = 133,
  kRouterAdvertisement = 134,
  kNeighbourSolicitation = 135,
  kNeighbourAdvertisement = 136,
  kMldReport = 143,  ///< Version 2.
  kRedirect = 137,
};

/// Codes of kUnreachable.
inline constexpr std::uint8_t kIcmpv6NoRoute = 0;
inline constexpr std::uint8_t kIcmpv6Prohibited = 1;
inline constexpr std::uint8_t kIcmpv6AddressUnreachable = 3;
inline constexpr std::uint8_t kIcmpv6PortUnreachable = 4;
/// Code of kTimeExceeded: fragments of a packet did not all come in time.
inline constexpr std::uint8_t kIcmpv6ReassemblyTime = 1;
/// Codes of kParameterProblem.
inline constexpr std::uint8_t kIcmpv6BadHeaderField = 0;
inline constexpr std::uint8_t kIcmpv6UnknownNextHeader = 1;
inline constexpr std::uint8_t kIcmpv6UnknownOption = 2;
inline constexpr std::uint8_t kIcmpv6IncompleteChain = 3;  ///< A first fragment shows no upper header (RFC 7112).

/// A message in place; the checksum has not been checked. Borrows the bytes.
class Icmpv6View {
 public:
  static constexpr std::size_t kHeaderSize = 8;

  /// Nothing when there are fewer than eight bytes: no message that means something here is shorter.
  static std::optional<Icmpv6View> parse(base::Bytes message) {
    if (message.size() < kHeaderSize) return std::nullopt;
    return Icmpv6View(message);
  }

  Icmpv6Type type() const { return static_cast<Icmpv6Type>(message_[0]); }
  std::uint8_t code() const { return message_[1]; }
  /// The pseudo-header is part of the sum.
  bool checksum_ok(const Address& source, const Address& destination) const {
    return (pseudo_header_sum(source, destination, kProtocolIcmpv6, message_.size()) + sum(message_)).valid();
  }
  /// The field holds the pseudo-header's sum alone: a device was to complete it.
  bool checksum_begun(const Address& source, const Address& destination) const {
    return base::load_be<std::uint16_t>(&message_[2]) ==
           pseudo_header_sum(source, destination, kProtocolIcmpv6, message_.size()).fold();
  }

  /// Types below 128, known here or not, are errors that quote the packet they are about. Never answer one with
  /// another.
  bool is_error() const { return message_[0] < 128; }

  /// The second word of the header, whose meaning depends on the type.
  std::uint32_t rest() const { return base::load_be<std::uint32_t>(&message_[4]); }
  /// Of an echo.
  std::uint16_t identifier() const { return base::load_be<std::uint16_t>(&message_[4]); }
  std::uint16_t sequence() const { return base::load_be<std::uint16_t>(&message_[6]); }
  /// Of kPacketTooBig.
  std::uint32_t mtu() const { return rest(); }

  /// Echo data, or as much of the quoted packet as the sender had room for.
  base::Bytes body() const { return message_.subspan(kHeaderSize); }

 private:
  explicit Icmpv6View(base::Bytes message) : message_(message) {}

  base::Bytes message_;
};

/// A header to write in front of a body.
struct Icmpv6Header {
  static constexpr std::size_t kSize = Icmpv6View::kHeaderSize;

  Icmpv6Type type{};
  std::uint8_t code = 0;
  std::uint32_t rest =
      0;  ///< Identifier and sequence of an echo; MTU; pointer of a parameter problem; NDP's flags; else 0.

  /// Writes the header into the first eight bytes of `message`, with the checksum over all of it and the pseudo-header;
  /// the body must already lie behind. Precondition: message.size() >= kSize.
  void write(base::MutableBytes message, const Address& source, const Address& destination) const {
    CHECK(message.size() >= kSize);
    message[0] = static_cast<std::uint8_t>(type);
    message[1] = code;
    base::store_be(&message[2], std::uint16_t{0});
    base::store_be(&message[4], rest);
    const Sum pseudo = pseudo_header_sum(source, destination, kProtocolIcmpv6, message.size());
    base::store_be(&message[2], (pseudo + sum(message)).finish());
  }
};

}  // namespace windhover::stack::wire
