#pragma once
// Which lane a flow belongs to: the Toeplitz hash that network cards compute for receive-side scaling, with a key that
// makes it the same for both directions of a flow.
//
// The key is 0x6d5a repeated (Woo and Park, "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling",
// 2012). It repeats every 16 bits, and the hash is linear, so the hash of a flow is the hash of the exclusive or of its
// 16-bit words: two table look-ups whatever the family. For the same reason only 16 bits of the result are independent,
// which is enough to choose a lane and too little for a hash table: connection tables have a keyed hash of their own. A
// card programmed with this key and its usual indirection table (128 entries, filled round robin) puts a flow where
// lane_of() says.

#include <cstddef>
#include <cstdint>

#include "stack/base/bytes.h"
#include "stack/wire/address.h"

namespace windhover::stack::link {

/// Bytes of a key for the longest input, two IPv6 addresses and two ports.
inline constexpr std::size_t kToeplitzKeySize = 40;

/// Toeplitz by its definition: for each set bit of `input`, the 32 bits of `key` that begin at that bit's position.
/// For other keys and as the reference; not for the packet path. Precondition: key.size() >= input.size() + 4.
std::uint32_t toeplitz(base::Bytes key, base::Bytes input);

/// The symmetric hash of a TCP or UDP flow: what a card computes over source and destination address and source and
/// destination port with the key above. Equal for both directions.
std::uint32_t flow_hash(const wire::Endpoint& one, const wire::Endpoint& other);
/// The same from the exclusive or of all the flow's 16-bit words, both addresses and both ports, in host order.
std::uint32_t flow_hash(std::uint16_t words);

/// Entries of the indirection table that lane_of() assumes.
inline constexpr std::uint32_t kIndirectionSize = 128;

/// The lane for a hash. Result: 0..lane_count-1. Precondition: lane_count > 0.
constexpr std::uint32_t lane_of(std::uint32_t hash, std::uint32_t lane_count) {
  return hash % kIndirectionSize % lane_count;
}

}  // namespace windhover::stack::link
