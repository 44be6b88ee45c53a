#pragma once
// IPv6 packets (RFC 8200), and the way through their extension headers.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/wire/address.h"
#include "stack/wire/protocol.h"

namespace windhover::stack::wire {

/// Where the chain of extension headers ends. Offsets in bytes from the first byte of the IPv6 header.
struct Ipv6Chain {
  enum class End : std::uint8_t {
    kUpper,          ///< `protocol` lies at `offset`; it may be one that nobody here speaks.
    kFragment,       ///< The header of a fragment lies at `offset`: more of the packet is elsewhere.
    kRouting,        ///< A routing header with segments left: we would have to forward.
    kUnknownOption,  ///< The option at `offset` demands to be recognised (RFC 8200 §4.2) and is not.
    kMisplaced,      ///< A hop-by-hop header that is not the first (RFC 8200 §4.1).
    kTruncated,      ///< A header runs past the packet's end.
    kTooMany,        ///< More headers, options or padding than Ipv6View's bounds, or a second fragment header.
  };
  End end{};
  std::uint8_t protocol = 0;   ///< The next-header value met last.
  std::uint32_t offset = 0;    ///< Of the header that `protocol` names, or of what stopped the walk.
  std::uint32_t named_at = 0;  ///< Of the octet that holds `protocol`: the pointer of a Parameter Problem.
  bool atomic = false;         ///< A fragment header was stepped over: the packet is its own only fragment (RFC 6946).
};

/// A packet in place: version and payload length have been checked. Bytes behind the payload are cut off. Borrows the
/// bytes.
class Ipv6View {
 public:
  static constexpr std::size_t kHeaderSize = 40;
  /// Extension headers walked in one packet. RFC 8200 §4.1 has use for seven.
  static constexpr std::size_t kExtensionHeadersMax = 8;
  /// Options in one header beside padding, and octets of padding in a row: RFC 8504 §5.3 allows limits, and these are
  /// Linux'.
  static constexpr std::size_t kOptionsMax = 8;
  static constexpr std::size_t kPaddingMax = 7;

  /// Nothing unless version is 6 and 40 + payload length <= bytes.size(). Jumbograms (RFC 2675) show an empty payload.
  /// Packets from or to ::ffff:0:0/96 are refused: that range stands for IPv4 in Address and never belongs on a wire.
  static std::optional<Ipv6View> parse(base::Bytes bytes) {
    if (bytes.size() < kHeaderSize || bytes[0] >> 4 != 6) return std::nullopt;
    const std::size_t payload_length = base::load_be<std::uint16_t>(&bytes[4]);
    if (payload_length > bytes.size() - kHeaderSize) return std::nullopt;
    const Ipv6View view(bytes.data(), payload_length);
    if (view.source().is_v4() || view.destination().is_v4()) return std::nullopt;
    return view;
  }

  /// The same for a packet that an ICMP error quotes and may have cut off: its payload is what the quotation holds of
  /// it.
  static std::optional<Ipv6View> parse_quoted(base::Bytes quotation);

  /// DSCP (upper six bits) and ECN (lower two).
  std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(base::load_be<std::uint16_t>(data_) >> 4 & 0xff);
  }
  std::uint32_t flow_label() const { return base::load_be<std::uint32_t>(data_) & 0xfffff; }
  std::size_t payload_length() const { return payload_length_; }
  std::size_t total_length() const { return kHeaderSize + payload_length_; }
  std::uint8_t next_header() const { return data_[6]; }
  std::uint8_t hop_limit() const { return data_[7]; }
  Address source() const { return Address::v6(base::Bytes{data_ + 8, 16}); }
  Address destination() const { return Address::v6(base::Bytes{data_ + 24, 16}); }

  base::Bytes header() const { return {data_, kHeaderSize}; }
  /// Extension headers included.
  base::Bytes payload() const { return {data_ + kHeaderSize, payload_length_}; }

  /// Follows the extension headers to the upper protocol. Bounded in headers and in bytes whatever the packet says. The
  /// authentication header counts as an upper protocol: nobody here could check what it claims.
  Ipv6Chain chain() const {
    switch (next_header()) {
      case kProtocolHopByHop:
      case kProtocolRouting:
      case kProtocolFragment:
      case kProtocolDestinationOptions:
        return walk({Ipv6Chain::End::kUpper, next_header(), kHeaderSize, 6}, 0);
      default:
        return {Ipv6Chain::End::kUpper, next_header(), kHeaderSize, 6};
    }
  }

  /// Goes on behind the fragment header at which chain() stopped: what a first fragment shows of the original packet.
  /// Another fragment header there is kTooMany. Precondition: at.end is kFragment.
  Ipv6Chain chain_behind(const Ipv6Chain& at) const;

 private:
  Ipv6View(const std::uint8_t* data, std::size_t payload_length) : data_(data), payload_length_(payload_length) {}

  /// From `chain`, which names the header at its offset; `headers` lie in front of it.
  Ipv6Chain walk(Ipv6Chain chain, std::size_t headers) const;

  const std::uint8_t* data_;
  std::size_t payload_length_;
};

/// A header to write. Both addresses must be IPv6.
struct Ipv6Header {
  static constexpr std::size_t kSize = 40;

  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;  ///< 20 bits.
  std::uint16_t payload_size = 0;
  std::uint8_t next_header = 0;
  std::uint8_t hop_limit = 64;
  Address source{};
  Address destination{};

  /// Precondition: to.size() >= kSize.
  void write(base::MutableBytes to) const {
    CHECK(to.size() >= kSize);
    std::uint8_t* at = to.data();
    base::store_be(at, std::uint32_t{6} << 28 | std::uint32_t{traffic_class} << 20 | (flow_label & 0xfffff));
    base::store_be(at + 4, payload_size);
    at[6] = next_header;
    at[7] = hop_limit;
    std::memcpy(at + 8, source.mapped().data(), Address::kSize);
    std::memcpy(at + 24, destination.mapped().data(), Address::kSize);
  }
};

}  // namespace windhover::stack::wire
