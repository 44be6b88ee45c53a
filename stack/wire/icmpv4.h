#pragma once
// ICMP for IPv4 (RFC 792, RFC 1191 for the next hop's MTU).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/checksum.h"

namespace windhover::stack::wire {

/// The types that mean something here; any other value may occur.
enum class Icmpv4Type : std::uint8_t {
  kEchoReply = 0,
  kUnreachable = 3,
  kSourceQuench = 4,
  kRedirect = 5,
  kEchoRequest = 8,
  kTimeExceeded = 11,
  kParameterProblem = 12,
};

/// Codes of kUnreachable.
inline constexpr std::uint8_t kIcmpv4NetUnreachable = 0;
inline constexpr std::uint8_t kIcmpv4HostUnreachable = 1;
inline constexpr std::uint8_t kIcmpv4ProtocolUnreachable = 2;
inline constexpr std::uint8_t kIcmpv4PortUnreachable = 3;
inline constexpr std::uint8_t kIcmpv4FragmentationNeeded = 4;
inline constexpr std::uint8_t kIcmpv4NetProhibited = 9;
inline constexpr std::uint8_t kIcmpv4HostProhibited = 10;
inline constexpr std::uint8_t kIcmpv4CommunicationProhibited = 13;
/// Code of kTimeExceeded: fragments of a packet did not all come in time.
inline constexpr std::uint8_t kIcmpv4ReassemblyTime = 1;

/// A message in place; the checksum has not been checked. Borrows the bytes.
class Icmpv4View {
 public:
  static constexpr std::size_t kHeaderSize = 8;

  /// Nothing when there are fewer than eight bytes.
  static std::optional<Icmpv4View> parse(base::Bytes message) {
    if (message.size() < kHeaderSize) return std::nullopt;
    return Icmpv4View(message);
  }

  Icmpv4Type type() const { return static_cast<Icmpv4Type>(message_[0]); }
  std::uint8_t code() const { return message_[1]; }
  bool checksum_ok() const { return sum(message_).valid(); }
  /// The field is zero, the sum of no pseudo-header: a device was to complete it.
  bool checksum_begun() const { return base::load_be<std::uint16_t>(&message_[2]) == 0; }

  /// One of the errors, which quote the packet they are about. Never answer one with another (RFC 1122 §3.2.2).
  bool is_error() const {
    return type() == Icmpv4Type::kUnreachable || type() == Icmpv4Type::kTimeExceeded ||
           type() == Icmpv4Type::kParameterProblem;
  }

  /// The second word of the header, whose meaning depends on the type.
  std::uint32_t rest() const { return base::load_be<std::uint32_t>(&message_[4]); }
  /// Of an echo.
  std::uint16_t identifier() const { return base::load_be<std::uint16_t>(&message_[4]); }
  std::uint16_t sequence() const { return base::load_be<std::uint16_t>(&message_[6]); }
  /// Of kIcmpv4FragmentationNeeded: 0 when the router did not say.
  std::uint16_t next_hop_mtu() const { return base::load_be<std::uint16_t>(&message_[6]); }

  /// Echo data, or the quoted packet's beginning (its IP header and at least eight bytes, if the sender obeys).
  base::Bytes body() const { return message_.subspan(kHeaderSize); }

 private:
  explicit Icmpv4View(base::Bytes message) : message_(message) {}

  base::Bytes message_;
};

/// A header to write in front of a body.
struct Icmpv4Header {
  static constexpr std::size_t kSize = Icmpv4View::kHeaderSize;

  Icmpv4Type type{};
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< Identifier and sequence of an echo; the MTU of "fragmentation needed"; else 0.

  /// Writes the header into the first eight bytes of `message`, with the checksum over all of it; the body must already
  /// lie behind. Precondition: message.size() >= kSize.
  void write(base::MutableBytes message) const {
    CHECK(message.size() >= kSize);
    message[0] = static_cast<std::uint8_t>(type);
    message[1] = code;
    base::store_be(&message[2], std::uint16_t{0});
    base::store_be(&message[4], rest);
    base::store_be(&message[2], sum(message).finish());
  }
};

}  // namespace windhover::stack::wire
