#pragma once
// One fragment of a packet, read and found possible by itself.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stack/base/bytes.h"
#include "stack/ip/arrival.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// Bytes in front of a fragment's payload that are put up with: the largest IPv4 header, or an IPv6 header, the
/// fragment header, and 80 bytes of extension headers between them (RFC 8504 5.3 allows a limit).
inline constexpr std::size_t kFragmentHeadMax = 128;

/// The largest packet that fragments make: 65535 bytes in IPv4; in IPv6 so many behind the fixed header.
inline constexpr std::size_t kPayloadMaxV6 = 65535;
inline constexpr std::size_t kPacketMaxV4 = 65535;

/// Borrows the packet's bytes. Fragments of one packet have the first four fields in common (RFC 791 3.2, RFC 8200
/// 4.5).
struct Fragment {
  wire::Address source;
  wire::Address destination;
  std::uint32_t identification = 0;
  std::uint8_t protocol = 0;  ///< IPv4; 0 in IPv6, where fragments of one packet may name different ones.

  std::uint8_t ecn = 0;
  bool more = false;         ///< Others follow behind this one.
  std::size_t offset = 0;    ///< Bytes into the original packet's payload, a multiple of eight.
  base::Bytes head{};        ///< All in front of the payload, at most kFragmentHeadMax; IPv6: the fragment header too.
  base::Bytes payload{};     ///< Not empty; a multiple of eight bytes where more follow.
  std::size_t named_at = 0;  ///< IPv6: of the octet in `head` that names the fragment header.
  wire::MacAddress link_source{};

  std::size_t end() const { return offset + payload.size(); }
};

/// The fragment that `packet` is, whole from its IP header to its payload's last byte, and of which `arrival` has the
/// verdict kFragment. Nothing when it is none that may be put together with others; `arrival` then says kDrop or
/// kProblem. Refused are impossible lengths and offsets, first fragments that show too little of what they begin, and
/// IPv4 fragments that would only replace the middle of a TCP header (RFC 1858, RFC 3128).
std::optional<Fragment> read_fragment(base::Bytes packet, Arrival& arrival);

}  // namespace windhover::stack::ip
